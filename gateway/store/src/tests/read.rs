use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::read::{Filter, list, show};

#[test]
fn records_are_listed_shown_and_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    let log = AuditLog::open(path, small()).expect("opened");
    let worker = log.worker();
    (0..300).for_each(|number| assert!(exchange(&worker, number, 800)));
    let closed = audit::Closed { id: id(7), node: "gw01", t1: Timestamp::from_seconds(9), bytes: 5, digest: None, complete: true };
    let mut bytes = Vec::new();
    let closed = closed.to_jcs(&mut bytes).expect("writable");
    worker.closed(closed).expect("taken").wait().expect("durable");
    // All this while the gateway still has the log.
    let all = list(path, &Filter::default()).expect("readable");
    assert_eq!(all.len(), 301);
    assert!(all.windows(2).all(|pair| pair[0].seq < pair[1].seq));
    let newest = list(path, &Filter { limit: Some(10), ..Filter::default() }).expect("readable");
    assert_eq!(newest, all[291..]);
    let since = Filter { since: Some("1970-01-01T00:00:05".into()), ..Filter::default() };
    assert_eq!(list(path, &since).expect("readable"), all[300..]);
    let none = Filter { outcome: Some("refused".into()), ..Filter::default() };
    assert_eq!(list(path, &none).expect("readable"), []);
    let shown = show(path, id(7)).expect("readable");
    assert_eq!(shown.iter().map(|stored| stored.kind).collect::<Vec<_>>(), [audit::Kind::End, audit::Kind::Closed]);
    let mut steps = 0;
    let report = crate::read::verify(path, |progress| steps += usize::from(progress.number <= progress.of)).expect("readable");
    assert_eq!((report.faults.as_slice(), report.records, report.segments), ([].as_slice(), 301, steps as u64));
    assert!(steps > 1);
    log.close(MINUTE).expect("closed");
    assert_eq!(crate::read::verify(path, |_| {}).expect("readable"), report);
}

/// A reader sees whole batches only, however it meets the writer.
#[test]
fn reading_while_writing_never_sees_a_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::open(folder.path(), small()).expect("opened");
    let done = AtomicBool::new(false);
    let worker = log.worker();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (0..400).for_each(|number| assert!(exchange(&worker, number, 1500)));
            done.store(true, Ordering::Release);
        });
        let mut records = 0;
        while !done.load(Ordering::Acquire) {
            let report = crate::read::verify(folder.path(), |_| {}).expect("readable");
            assert_eq!(report.faults, []);
            assert!(report.records >= records);
            records = report.records;
        }
    });
    log.close(MINUTE).expect("closed");
    assert_eq!(crate::read::verify(folder.path(), |_| {}).expect("readable").records, 400);
}
