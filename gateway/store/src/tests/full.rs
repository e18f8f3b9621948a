use super::*;
use crate::{Admission, AppendError, LogError};

/// A disk with room for one segment and nothing more, and a log that has used it up to its reserve, with exchange 0 under way.
fn filled() -> (FakeDisk, AuditLog, WorkerLog) {
    let disk = FakeDisk::default();
    disk.set_capacity(Some((160 << 10) + 512));
    let log = open(&disk);
    let worker = log.worker();
    let begin = record(Event::Begun, 0, 100);
    worker.begin(id(0), canonical(&begin)).expect("taken").wait().expect("durable");
    let mut number = 1;
    while log.admits() == Admission::Open {
        exchange(&worker, number, 1000);
        number += 1;
        assert!(number < 1000, "the disk never filled up");
    }
    (disk, log, worker)
}

#[test]
fn a_full_disk_refuses_what_would_begin_and_lets_end_what_was_begun() {
    let (disk, log, worker) = filled();
    assert_eq!((log.admits(), worker.admits()), (Admission::Suspended, Admission::Suspended));
    let begin = record(Event::Begun, 2000, 100);
    assert_eq!(worker.begin(id(2000), canonical(&begin)).err(), Some(AppendError::Suspended));
    let end = record(Event::Exchange, 0, 100);
    worker.end(id(0), canonical(&end)).expect("taken").wait().expect("the reserve is for this");
    assert!(recorded(&disk.synced(), "exchange").contains(&id(0)));
    assert!(leaves(&disk).iter().any(|(event, _)| event == "log.suspended"), "the log says that it was suspended");
    assert_eq!(log.stats().suspensions, 1);
    log.close(MINUTE).expect("a full disk can be closed on");
    assert_eq!(verify(&disk).faults, []);
}

/// The record of the full disk is written between the last batch and those who are told of it.
#[test]
fn tickets_tell_the_numbers_of_their_records_while_the_disk_fills_up() {
    let disk = FakeDisk::default();
    disk.set_capacity(Some((160 << 10) + 512));
    let log = open(&disk);
    let worker = log.worker();
    let mut told = Vec::new();
    for number in 0..1000 {
        let end = record(Event::Exchange, number, 1000);
        let Ok(durable) = worker.end(id(number), canonical(&end)).expect("taken").wait() else { break };
        told.push((id(number), durable.seq));
    }
    assert_eq!(log.stats().suspensions, 1);
    log.close(MINUTE).expect("closed");
    let mut stored = Vec::new();
    for (_, bytes) in disk.segments() {
        let header = audit::segment::SegmentHeader::decode(&bytes).expect("a head");
        let mut batches = audit::frame::Batches::new(&bytes, audit::frame::SECTOR, header.chain(), header.first_seq);
        while let Ok(Some(batch)) = batches.next_batch() {
            let ends = batch.frames().filter(|frame| frame.kind == audit::Kind::End);
            stored.extend(ends.filter_map(|frame| Some((audit::LeafView::new(frame.payload).id()?, frame.seq))));
        }
    }
    assert_eq!(told, stored);
}

#[test]
fn the_reserve_has_an_end_too() {
    let (disk, log, worker) = filled();
    let mut full = 0;
    for number in 0..20 {
        let end = record(Event::Exchange, 5000 + number, 1000);
        full += u32::from(worker.end(id(5000 + number), canonical(&end)).expect("taken").wait() == Err(LogError::Full));
    }
    assert!((1..20).contains(&full), "{full}");
    log.close(MINUTE).expect("closed");
    assert_eq!(verify(&disk).faults, []);
}

#[test]
fn a_log_with_room_again_opens_by_itself() {
    let (disk, log, worker) = filled();
    disk.set_capacity(None);
    until("the log's opening", || log.admits() == Admission::Open);
    assert!(exchange(&worker, 3000, 1000));
    log.close(MINUTE).expect("closed");
    let suspended = leaves(&disk).iter().filter(|(event, _)| event == "log.suspended").count();
    assert_eq!(suspended, 2, "when it began and when it ended");
    let report = verify(&disk);
    assert_eq!((report.faults.as_slice(), report.open), ([].as_slice(), 1));
}

#[test]
fn a_restart_on_a_full_disk_is_refused_or_suspended_but_never_wrong() {
    let (disk, _log, _worker) = filled();
    let killed = disk.after_kill();
    killed.set_capacity(Some(160 << 10));
    let report_before = verify(&killed);
    assert_eq!(report_before.faults, []);
    if let Ok(log) = AuditLog::open_on(Box::new(killed.clone()), small()) {
        log.close(MINUTE).expect("closed");
    }
    assert_eq!(verify(&killed).faults, []);
}

#[test]
fn a_disk_that_fills_up_within_a_batch_is_rolled_back() {
    for call in 0..3 {
        let disk = FakeDisk::default();
        let log = open(&disk);
        let worker = log.worker();
        assert!(exchange(&worker, 1, 600));
        // The call after next is a write in the middle of the segment.
        disk.fail(call, crate::disk::fake::Fault::Full);
        let end = record(Event::Exchange, 2, 600);
        let outcome = worker.end(id(2), canonical(&end)).expect("taken").wait();
        if call == 0 {
            assert_eq!(outcome, Err(LogError::Full));
            until("the log's opening", || log.admits() == Admission::Open);
            assert!(exchange(&worker, 3, 100));
            assert_eq!(recorded(&disk.synced(), "exchange"), BTreeSet::from([id(1), id(3)]));
            log.close(MINUTE).expect("closed");
            assert_eq!(verify(&disk).faults, []);
        }
    }
}
