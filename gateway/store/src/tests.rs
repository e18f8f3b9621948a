//! What the log promises, on a disk that fails and on a real one.

mod crash;
mod durable;
mod faults;
mod follow;
mod full;
mod read;
mod refusals;
mod restored;
mod wakes;

use std::collections::BTreeSet;
use std::time::Duration;

use audit::{Event, Record, Report, Verifier};
use exchange::{ExchangeId, Timestamp};

use crate::disk::fake::FakeDisk;
use crate::{AuditLog, Options, WorkerLog};

pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// Options small enough that a few records fill a segment.
pub(super) fn small() -> Options {
    Options {
        segment_bytes: 160 << 10,
        batch_bytes: 2048,
        disk_reserve: 8192,
        queue_bytes: 64 << 10,
        queue_reserve: 16 << 10,
        probe_interval: Duration::from_millis(1),
        summary_interval: Duration::from_millis(1),
        clock: (|| Timestamp::from_seconds(1_000_000)).into(),
        ..Options::new("varco.example/log/gw01", "gw01")
    }
}

pub(super) fn id(number: u32) -> ExchangeId {
    let mut random = [0; 10];
    random[6..].copy_from_slice(&number.to_be_bytes());
    ExchangeId::new(Timestamp::from_seconds(1), random)
}

/// A record of about this many bytes.
pub(super) fn record(event: Event, number: u32, size: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let filler = "x".repeat(size);
    let record = Record { id: Some(id(number)), error: Some(&filler), ..Record::new(event, "gw01", Timestamp::from_seconds(2)) };
    record.to_jcs(&mut bytes).expect("writable");
    bytes
}

pub(super) fn canonical(bytes: &[u8]) -> audit::Canonical<'_> {
    audit::Canonical::check(bytes).expect("canonical")
}

/// Begins and ends an exchange; whether both were acknowledged.
pub(super) fn exchange(worker: &WorkerLog, number: u32, size: usize) -> bool {
    let begin = record(Event::Begun, number, size);
    if worker.begin(id(number), canonical(&begin)).is_ok_and(|ticket| ticket.wait().is_ok()) {
        let end = record(Event::Exchange, number, size);
        return worker.end(id(number), canonical(&end)).is_ok_and(|ticket| ticket.wait().is_ok());
    }
    false
}

/// Opens a log on the disk as a process does that owns it.
pub(super) fn open(disk: &FakeDisk) -> AuditLog {
    AuditLog::open_on(Box::new(disk.clone()), small()).expect("the log opens")
}

/// A log in this folder with so many exchanges, closed.
pub(super) fn written(folder: &std::path::Path, exchanges: u32, size: usize) {
    let log = AuditLog::open(folder, small()).expect("the log opens");
    let worker = log.worker();
    (0..exchanges).for_each(|number| assert!(exchange(&worker, number, size)));
    log.close(MINUTE).expect("the log closes");
}

pub(super) fn verify(disk: &FakeDisk) -> Report {
    let mut verifier = Verifier::new();
    let segments = disk.segments();
    for (at, (name, bytes)) in segments.iter().enumerate() {
        verifier.segment(name, bytes, at + 1 == segments.len());
    }
    verifier.finish()
}

/// The ids of all records with this `ev`.
pub(super) fn recorded(disk: &FakeDisk, event: &str) -> BTreeSet<ExchangeId> {
    let records = leaves(disk);
    records.iter().filter(|(ev, _)| ev == event).filter_map(|(_, id)| *id).collect()
}

/// `ev` and id of every record in the log.
pub(super) fn leaves(disk: &FakeDisk) -> Vec<(String, Option<ExchangeId>)> {
    let mut found = Vec::new();
    for (_, bytes) in disk.segments() {
        let header = audit::segment::SegmentHeader::decode(&bytes).expect("a head");
        let mut batches = audit::frame::Batches::new(&bytes, audit::frame::SECTOR, header.chain(), header.first_seq);
        while let Ok(Some(batch)) = batches.next_batch() {
            for frame in batch.frames().filter(|frame| frame.kind.is_leaf()) {
                let view = audit::LeafView::new(frame.payload);
                found.push((view.text("ev").expect("an event").to_owned(), view.id()));
            }
        }
    }
    found
}

/// Waits, without a clock of its own, until something that another thread does has happened.
pub(super) fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !happened() {
        assert!(start.elapsed() < MINUTE, "{what} did not happen");
        std::thread::yield_now();
    }
}
