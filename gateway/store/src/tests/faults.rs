use super::*;
use crate::disk::fake::Fault;
use crate::{Admission, AppendError, LogError};

/// What a run acknowledged before, and whether it came to its end.
struct Run {
    begun: BTreeSet<ExchangeId>,
    ended: BTreeSet<ExchangeId>,
    admission: Option<Admission>,
}

/// Opens, crosses a segment's end, closes; each step as far as the disk lets it.
fn run(disk: &FakeDisk) -> Run {
    let mut run = Run { begun: BTreeSet::new(), ended: BTreeSet::new(), admission: None };
    let Ok(log) = AuditLog::open_on(Box::new(disk.clone()), small()) else { return run };
    let worker = log.worker();
    for number in 0..24 {
        let begin = record(Event::Begun, number, 9000);
        if worker.begin(id(number), canonical(&begin)).is_ok_and(|ticket| ticket.wait().is_ok()) {
            run.begun.insert(id(number));
        }
        // Every fifth exchange is still under way when the process ends.
        let end = record(Event::Exchange, number, 200);
        if number % 5 != 0 && worker.end(id(number), canonical(&end)).is_ok_and(|ticket| ticket.wait().is_ok()) {
            run.ended.insert(id(number));
        }
    }
    run.admission = Some(log.admits());
    let _ = log.close(MINUTE);
    run
}

/// What any restart must find: everything acknowledged, a log that verifies, and an orphan for each begin without an end.
fn check_restart(disk: &FakeDisk, run: &Run, what: &str) {
    let log = AuditLog::open_on(Box::new(disk.clone()), small()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(exchange(&log.worker(), 1000, 100), "{what}");
    log.close(MINUTE).expect("closed");
    let report = verify(disk);
    assert_eq!((report.faults.as_slice(), report.open), ([].as_slice(), 0), "{what}");
    let ended = recorded(disk, "exchange");
    let orphaned = recorded(disk, "exchange.orphaned");
    assert!(run.ended.is_subset(&ended), "{what}");
    assert!(run.begun.iter().all(|id| ended.contains(id) || orphaned.contains(id)), "{what}");
    assert!(ended.is_disjoint(&orphaned), "{what}");
}

/// Lets every single call to the disk fail in turn, and restarts after a crash of the process and of the machine.
fn at_every_call(fault: Fault, power_cuts: u64, check: impl Fn(&Run, &str)) {
    for call in 0.. {
        let disk = FakeDisk::default();
        disk.fail(call, fault);
        let outcome = run(&disk);
        if !disk.has_failed() {
            assert!(call > 60, "only {call} calls");
            return;
        }
        let what = format!("{fault:?} at call {call}");
        check(&outcome, &what);
        for seed in 0..power_cuts {
            check_restart(&disk.after_power_cut(seed), &outcome, &format!("{what}, power cut {seed}"));
        }
        check_restart(&disk, &outcome, &what);
    }
}

#[test]
fn an_input_output_error_poisons_and_loses_nothing() {
    at_every_call(Fault::Io, 3, |run, what| {
        // Some calls may fail harmlessly: giving back room. Wherever it matters the log is poisoned, or was never opened.
        if run.begun.len() < 24 {
            assert!(matches!(run.admission, None | Some(Admission::Poisoned)), "{what}");
        }
    });
}

#[test]
fn a_full_disk_loses_nothing() {
    at_every_call(Fault::Full, 2, |run, what| {
        // The one call that may not say so is a sync: whatever its reason, it has lost data.
        let lost = run.begun.len() < 24 || run.ended.len() < 19;
        assert!(run.admission != Some(Admission::Poisoned) || lost, "{what}");
    });
}

#[test]
fn short_writes_are_no_error() {
    at_every_call(Fault::Short, 0, |run, what| {
        assert_eq!((run.begun.len(), run.ended.len(), run.admission), (24, 19, Some(Admission::Open)), "{what}");
    });
}

/// Nobody who waits is left waiting, and nobody is told yes.
#[test]
fn a_failed_sync_fails_everyone_and_tells_the_process() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    // The first batch writes zeros ahead, so that the call after the write of the next one, which is short, is its sync.
    assert!(exchange(&worker, 1000, 1));
    disk.hold();
    disk.fail(1, Fault::Io);
    let end = |number| worker.end(id(number), canonical(&record(Event::Exchange, number, 100))).expect("taken");
    let mut tickets = vec![end(0)];
    until("the short batch", || log.worker_queues_are_empty());
    tickets.extend((1..100).map(end));
    disk.let_go();
    for ticket in tickets {
        assert_eq!(ticket.wait(), Err(LogError::Poisoned));
    }
    assert_eq!((log.admits(), log.stats().queued_bytes), (Admission::Poisoned, 0));
    let bytes = record(Event::Exchange, 1, 1);
    assert_eq!(worker.end(id(1), canonical(&bytes)).err(), Some(AppendError::Poisoned));
    assert_eq!(log.worker().end(id(1), canonical(&bytes)).err(), Some(AppendError::Poisoned));
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    assert_eq!(runtime.block_on(log.poisoned()), "syncing the audit log failed: injected");
    assert!(matches!(log.close(MINUTE), Err(crate::CloseError::Poisoned(_))));
}

#[test]
fn a_defect_of_the_committer_is_poison_too() {
    let disk = FakeDisk::default();
    let log = open(&disk);
    let worker = log.worker();
    disk.fail(0, Fault::Panic);
    let bytes = record(Event::Exchange, 1, 1);
    assert_eq!(worker.end(id(1), canonical(&bytes)).expect("taken").wait(), Err(LogError::Poisoned));
    assert_eq!(log.admits(), Admission::Poisoned);
    assert_eq!(log.stats().queued_bytes, 0);
}
