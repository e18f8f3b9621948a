//! Strict order: the begin is on the disk before the department is asked, the record before the answer's first byte.

use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use audit::Kind;
use audit::frame::{Batches, SECTOR};
use audit::segment::SegmentHeader;
use exchange::ExchangeId;
use tests::{Call, Gateway, Load, Scene, Strace};

/// A reader that follows the first segment of a log batch by batch, and knows whose records it has seen.
struct Tail {
    file: File,
    at: u64,
    chain: [u8; 32],
    next_seq: u64,
    ended: HashSet<String>,
}

impl Tail {
    fn of(folder: &Path) -> Self {
        let name = store::read::segment_names(folder).expect("a log").remove(0);
        let file = File::open(folder.join(name)).expect("a segment");
        let mut head = vec![0; SECTOR];
        file.read_exact_at(&mut head, 0).expect("a head");
        let header = SegmentHeader::decode(&head).expect("a head");
        Self { file, at: SECTOR as u64, chain: header.chain(), next_seq: header.first_seq, ended: HashSet::new() }
    }

    /// Reads the whole batches that were added.
    fn advance(&mut self) {
        let mut bytes = vec![0; 2 << 20];
        let read = self.file.read_at(&mut bytes, self.at).expect("it can be read");
        let mut batches = Batches::new(&bytes[..read], 0, self.chain, self.next_seq);
        while let Ok(Some(batch)) = batches.next_batch() {
            let ends = batch.frames().filter(|frame| frame.kind == Kind::End);
            self.ended.extend(ends.filter_map(|frame| audit::LeafView::new(frame.payload).id()).map(|id: ExchangeId| id.to_string()));
        }
        self.at += batches.offset() as u64;
        (self.chain, self.next_seq) = (batches.chain(), batches.next_seq());
    }
}

#[test]
fn no_answer_begins_before_its_record_is_in_the_log() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let tail = Arc::new(Mutex::new(Tail::of(&scene.path().join("audit"))));
    let early = Arc::new(Mutex::new(Vec::new()));
    let (follow, missed) = (tail.clone(), early.clone());
    let load = Load::watched(8, gateway.address("pdnd"), &scene.good_lookup(), move |head| {
        let id = head.header("varco-exchange").expect("its exchange");
        let mut tail = follow.lock().expect("no caller fails");
        if !tail.ended.contains(id) {
            tail.advance();
        }
        if !tail.ended.contains(id) {
            missed.lock().expect("no caller fails").push(id.to_owned());
        }
    });
    load.wait_for_more(1000);
    let seen = load.end();
    assert!(gateway.stop().success());
    let early = early.lock().expect("no caller fails");
    assert!(early.is_empty(), "{} of {} answers began before their record was written", early.len(), seen.len());
}

#[test]
fn begins_and_records_are_synced_before_what_they_stand_for() {
    let scene = Scene::new();
    let (strace, command) = Strace::new(scene.path(), &[]);
    let mut gateway = Gateway::start_under(scene.path(), &scene.configuration(""), command).expect("it starts under strace");
    let load = Load::start(4, gateway.address("pdnd"), &scene.good_lookup());
    load.wait_for_more(60);
    let seen = load.end();
    assert!(gateway.stop().success());

    let calls = strace.calls();
    let mut written = String::new();
    let mut durable = String::new();
    let (mut asked, mut answered) = (0, 0);
    for call in &calls {
        match call {
            Call::Write(bytes) => written += bytes,
            Call::Synced(true) => durable += &std::mem::take(&mut written),
            Call::Synced(false) => panic!("a sync failed"),
            Call::Send(bytes) => {
                if let Some(trace) = header(bytes, "traceparent") {
                    // 00-<trace>-<span>-00: the begin frame carries the same trace.
                    let trace = trace.split('-').nth(1).expect("a trace");
                    assert!(durable.contains(trace), "the department was asked before the begin was durable");
                    asked += 1;
                } else if let Some(id) = header(bytes, "varco-exchange") {
                    let record = format!(r#"\"ev\":\"exchange\",\"id\":\"{id}\""#);
                    assert!(durable.contains(&record), "an answer left before its record was durable");
                    answered += 1;
                }
            }
        }
    }
    assert_eq!((asked, answered), (seen.len(), seen.len()), "every question and answer was looked at");
}

/// The value of a header in the bytes of a system call as strace writes them.
pub fn header<'a>(bytes: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = bytes.split_once(&format!("{name}: "))?;
    rest.split_once("\\r").map(|(value, _)| value)
}
