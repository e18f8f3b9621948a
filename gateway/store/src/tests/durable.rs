use super::*;
use crate::{Admission, AppendError, CloseError, OpenError, Ticket};

#[test]
fn what_a_ticket_acknowledged_is_on_the_disk() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    for number in 0..20 {
        assert!(exchange(&worker, number, 100));
        assert!(recorded(&disk.synced(), "exchange").contains(&id(number)));
    }
    let stats = log.stats();
    assert_eq!((stats.frames, stats.open_exchanges, stats.queued_bytes), (40, 0, 0));
    assert!(stats.commits <= 40 && stats.commit_nanos >= stats.last_commit_nanos);
    log.close(MINUTE).expect("closed");
    assert_eq!(verify(&disk).faults, []);
}

#[test]
fn records_that_nobody_waits_for_gather_and_are_written_all_the_same() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    for number in 0..50 {
        let bytes = record(Event::Exchange, number, 100);
        worker.end_unawaited(id(number), canonical(&bytes)).expect("taken");
    }
    while log.stats().frames < 50 {
        std::thread::yield_now();
    }
    assert!(log.stats().commits <= 10, "they gather: {} commits", log.stats().commits);
    // One that is awaited does not wait for the others' leisure, and takes them along.
    for number in 50..60 {
        let bytes = record(Event::Exchange, number, 100);
        worker.end_unawaited(id(number), canonical(&bytes)).expect("taken");
    }
    assert!(exchange(&worker, 60, 100));
    assert_eq!(recorded(&disk.synced(), "exchange").len(), 61);
}

/// While a batch of one record waits for its sync, appends what makes half a mebibyte in the next one: the tickets of the first and of the
/// last of it.
fn append_a_large_batch(disk: &FakeDisk, log: &AuditLog, worker: &WorkerLog) -> [Ticket; 2] {
    disk.hold();
    let append = |bytes: &[u8]| worker.end(id(0), canonical(bytes)).expect("taken");
    let busy = append(&record(Event::Exchange, 0, 10));
    until("the small batch", || log.worker_queues_are_empty());
    let bytes = record(Event::Exchange, 0, 1000);
    (1..500).for_each(|_| drop(append(&bytes)));
    [busy, append(&bytes)]
}

/// Batches of many pieces, with no zeros ahead of them, among small ones; then the power goes.
#[test]
fn a_large_batch_is_whole_or_not_there() {
    let disk = FakeDisk::default();
    let options = || Options { batch_bytes: 1 << 20, segment_bytes: 4 << 20, queue_bytes: 2 << 20, ..small() };
    let log = AuditLog::open_on(Box::new(disk.clone()), options()).expect("opened");
    let worker = log.worker();
    for round in 1..=3 {
        assert!(exchange(&worker, round, 100));
        let tickets = append_a_large_batch(&disk, &log, &worker);
        disk.let_go();
        for ticket in tickets {
            ticket.wait().expect("durable");
        }
    }
    assert_eq!(log.stats().largest_batch, 500);
    let [busy, last] = append_a_large_batch(&disk, &log, &worker);
    disk.let_one_go();
    busy.wait().expect("durable");
    until("the large batch", || log.worker_queues_are_empty());
    for seed in 0..20 {
        let cut = disk.after_power_cut(seed);
        AuditLog::open_on(Box::new(cut.clone()), options()).expect("opens").close(MINUTE).expect("closed");
        let report = verify(&cut);
        assert_eq!(report.faults, [], "power cut {seed}");
        assert!([3 * 502 + 1, 4 * 502 - 1].contains(&report.records), "power cut {seed}: {} records", report.records);
    }
    disk.let_go();
    last.wait().expect("durable");
    log.close(MINUTE).expect("closed");
    assert_eq!(verify(&disk).faults, []);
}

#[test]
fn numbers_follow_each_other_over_segments_and_restarts() {
    let disk = FakeDisk::default();
    let mut expected = 0;
    for round in 0..3 {
        let log = open(&disk);
        let worker = log.worker();
        for number in 0..200 {
            let bytes = record(Event::Exchange, round * 1000 + number, 1000);
            let durable = worker.end(id(number), canonical(&bytes)).expect("taken").wait().expect("durable");
            assert_eq!(durable.seq, expected);
            expected += 1;
        }
        log.close(MINUTE).expect("closed");
    }
    let report = verify(&disk);
    assert_eq!((report.faults.as_slice(), report.records), ([].as_slice(), 600));
    assert!(report.segments > 3, "{}", report.segments);
    let sizes: Vec<_> = disk.segments().iter().map(|(_, bytes)| bytes.len()).collect();
    assert!(sizes.iter().all(|size| *size < 160 << 10), "unused room is given back: {sizes:?}");
}

#[test]
fn an_exchange_without_an_end_becomes_an_orphan_once() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    let begin = record(Event::Begun, 1, 10);
    worker.begin(id(1), canonical(&begin)).expect("taken").wait().expect("durable");
    // So many that the begin's segment is long gone.
    (100..400).for_each(|number| assert!(exchange(&worker, number, 500)));
    assert_eq!(log.stats().open_exchanges, 1);
    let killed = disk.after_kill();
    assert!(killed.segments().len() > 1);
    assert_eq!(verify(&killed).faults, []);
    for _ in 0..2 {
        open(&killed).close(MINUTE).expect("closed");
        assert_eq!(recorded(&killed, "exchange.orphaned"), BTreeSet::from([id(1)]));
        assert_eq!(leaves(&killed).iter().filter(|(ev, _)| ev == "exchange.orphaned").count(), 1);
        let report = verify(&killed);
        assert_eq!((report.faults.as_slice(), report.open), ([].as_slice(), 0));
    }
}

#[test]
fn many_orphans_are_written_even_over_a_full_segment() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    for number in 0..600 {
        let begin = record(Event::Begun, number, 300);
        worker.begin(id(number), canonical(&begin)).expect("taken").wait().expect("durable");
    }
    let killed = disk.after_kill();
    open(&killed).close(MINUTE).expect("closed");
    assert_eq!(recorded(&killed, "exchange.orphaned").len(), 600);
    assert_eq!(verify(&killed).faults, []);
}

#[test]
fn a_second_process_is_refused_and_a_closed_log_can_be_opened() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data/audit");
    let log = AuditLog::open(&path, small()).expect("opened");
    let error = AuditLog::open(&path, small()).expect_err("locked");
    assert!(matches!(error, OpenError::Locked(_)), "{error}");
    assert_eq!(error.to_string(), format!("another process has the audit log in {} open", path.display()));
    assert!(crate::read::is_live(&path).expect("readable"));
    log.close(MINUTE).expect("closed");
    // Another test may be starting a process at this instant, which has our descriptors until it runs its own program.
    until("the lock's release", || !crate::read::is_live(&path).expect("readable"));
    AuditLog::open(&path, small()).expect("opened again").close(MINUTE).expect("closed");
}

#[test]
fn another_origin_or_a_renamed_segment_is_refused() {
    let disk = FakeDisk::default();
    open(&disk).close(MINUTE).expect("closed");
    let other = Options { origin: "varco.example/log/gw02".into(), ..small() };
    assert!(matches!(AuditLog::open_on(Box::new(disk.clone()), other), Err(OpenError::Origin { .. })));
    let mut renamed = disk.clone();
    crate::Disk::publish(&mut renamed, "00000000000000000000.log", "00000000000000000007.log").expect("renamed");
    assert!(matches!(AuditLog::open_on(Box::new(disk), small()), Err(OpenError::Renamed(_))));
}

#[test]
fn damage_is_refused_and_left_as_it_is() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    (0..5).for_each(|number| assert!(exchange(&log.worker(), number, 100)));
    log.close(MINUTE).expect("closed");
    disk.edit("00000000000000000000.log", |bytes| bytes[700] ^= 1);
    let before = disk.segments();
    let refused = AuditLog::open_on(Box::new(disk.clone()), small());
    assert!(matches!(refused, Err(OpenError::Corrupt { .. })));
    assert_eq!(disk.segments(), before);
}

#[test]
fn limits_that_do_not_fit_are_refused() {
    let wrong: [fn(&mut Options); 5] = [
        |options| options.origin.clear(),
        |options| options.batch_bytes = 10,
        |options| options.segment_bytes = 100 << 10,
        |options| options.disk_reserve = 0,
        |options| options.queue_reserve = options.queue_bytes,
    ];
    for change in wrong {
        let mut options = small();
        change(&mut options);
        assert!(matches!(AuditLog::open_on(Box::new(FakeDisk::default()), options), Err(OpenError::Options(_))));
    }
}

#[test]
fn a_closed_log_takes_nothing_and_has_written_everything() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    disk.hold();
    let tickets: Vec<_> =
        (0..30).map(|number| worker.end(id(number), canonical(&record(Event::Exchange, number, 10))).expect("taken")).collect();
    assert_eq!(log.close(Duration::ZERO), Err(CloseError::Deadline));
    disk.let_go();
    log.close(MINUTE).expect("closed");
    for ticket in tickets {
        ticket.wait().expect("durable");
    }
    assert_eq!(log.admits(), Admission::Closed);
    let bytes = record(Event::Exchange, 99, 10);
    assert_eq!(worker.end(id(99), canonical(&bytes)).err(), Some(AppendError::Closed));
    assert_eq!(log.worker().end(id(99), canonical(&bytes)).err(), Some(AppendError::Closed));
    assert_eq!(recorded(&disk.synced(), "exchange").len(), 30);
    assert_eq!(log.stats().queued_bytes, 0);
}

#[test]
fn a_dropped_ticket_takes_nothing_back() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    for number in 0..50 {
        drop(worker.end(id(number), canonical(&record(Event::Exchange, number, 10))));
    }
    log.close(MINUTE).expect("closed");
    assert_eq!(recorded(&disk, "exchange").len(), 50);
}

#[test]
fn a_log_that_closes_takes_along_what_waits_behind_a_full_batch() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    let append = |number| drop(worker.end(id(number), canonical(&record(Event::Exchange, number, 500))));
    disk.hold();
    append(0);
    until("the first batch", || log.worker_queues_are_empty());
    // More than one batch holds, so that some of it is left when its first batch is being synced.
    (1..40).for_each(append);
    disk.let_one_go();
    until("the second queue", || log.worker_queues_are_empty());
    (40..45).for_each(append);
    log.close(Duration::ZERO).expect_err("it waits for the disk");
    disk.let_go();
    log.close(MINUTE).expect("closed");
    assert_eq!(recorded(&disk, "exchange").len(), 45);
}
