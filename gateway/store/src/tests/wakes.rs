use std::future::Future as _;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::ThreadId;

use super::*;
use crate::Ticket;

/// Counts its wakes, those from this thread and those from others.
struct Counter {
    home: ThreadId,
    local: AtomicUsize,
    remote: AtomicUsize,
}

impl Counter {
    fn new() -> Arc<Self> {
        Arc::new(Self { home: std::thread::current().id(), local: AtomicUsize::new(0), remote: AtomicUsize::new(0) })
    }

    fn counts(&self) -> (usize, usize) {
        (self.local.load(Ordering::SeqCst), self.remote.load(Ordering::SeqCst))
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        let counter = if std::thread::current().id() == self.home { &self.local } else { &self.remote };
        counter.fetch_add(1, Ordering::SeqCst);
    }
}

fn end(worker: &WorkerLog, number: u32) -> Ticket {
    worker.end(id(number), canonical(&record(Event::Exchange, number, 10))).expect("taken")
}

/// A hundred tickets of each of two workers become durable in one batch: each worker is woken once from the committer's thread,
/// and its tickets on its own.
#[test]
fn a_batch_wakes_each_worker_once() {
    let disk = FakeDisk::default();
    let options = Options { batch_bytes: 1 << 20, segment_bytes: 4 << 20, ..small() };
    let log = AuditLog::open_on(Box::new(disk.clone()), options).expect("opened");
    let workers = [log.worker(), log.worker()];
    let mut pumps = workers.each_ref().map(WorkerLog::pump);
    let pump_wakes = [Counter::new(), Counter::new()];
    let ticket_wakes = Counter::new();
    let mut poll_pump = |at: usize| {
        let waker = Waker::from(Arc::clone(&pump_wakes[at]));
        pin!(&mut pumps[at]).poll(&mut Context::from_waker(&waker))
    };
    assert!(poll_pump(0).is_pending() && poll_pump(1).is_pending());

    disk.hold();
    // Something for the committer to be busy with, so that what follows is gathered.
    let first = end(&log.worker(), 999);
    until("the first batch", || log.worker_queues_are_empty());
    let mut tickets: Vec<_> = (0..200).map(|number| end(&workers[number as usize % 2], number)).collect();
    let waker = Waker::from(Arc::clone(&ticket_wakes));
    let mut context = Context::from_waker(&waker);
    for ticket in &mut tickets {
        assert!(pin!(ticket).poll(&mut context).is_pending());
    }
    disk.let_go();
    first.wait().expect("durable");
    until("the second batch", || log.stats().commits == 2 && log.stats().queued_bytes == 0);
    until("the wakes", || pump_wakes.iter().all(|counter| counter.counts() == (0, 1)));
    assert_eq!(ticket_wakes.counts(), (0, 0), "no ticket is woken across threads");

    assert!(poll_pump(0).is_pending() && poll_pump(1).is_pending());
    assert_eq!(ticket_wakes.counts(), (200, 0));
    for ticket in &mut tickets {
        assert!(matches!(pin!(ticket).poll(&mut context), Poll::Ready(Ok(_))));
    }
    assert_eq!(pump_wakes.each_ref().map(|counter| counter.counts()), [(0, 1), (0, 1)]);
    assert_eq!(log.stats().largest_batch, 200);
    log.close(MINUTE).expect("closed");
    assert_eq!([poll_pump(0), poll_pump(1)], [Poll::Ready(()), Poll::Ready(())]);
}

/// As the proxy uses it: one runtime a thread, the pump a task of it, many exchanges at once.
#[test]
fn exchanges_on_a_runtime_are_woken_by_its_pump() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = AuditLog::open(folder.path(), small()).expect("opened");
    let worker = log.worker();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        let pump = tokio::spawn(worker.pump());
        let exchanges: Vec<_> = (0..64)
            .map(|number| {
                let worker = worker.clone();
                tokio::spawn(async move {
                    for round in 0..20 {
                        let number = number * 100 + round;
                        let begin = record(Event::Begun, number, 50);
                        worker.begin(id(number), canonical(&begin)).expect("taken").await.expect("durable");
                        let end = record(Event::Exchange, number, 50);
                        worker.end(id(number), canonical(&end)).expect("taken").await.expect("durable");
                    }
                })
            })
            .collect();
        for exchange in exchanges {
            exchange.await.expect("no panic");
        }
        log.close(MINUTE).expect("closed");
        pump.await.expect("the pump ends with the log");
    });
    let stats = log.stats();
    assert_eq!(stats.frames, 64 * 20 * 2);
    assert!(stats.commits < stats.frames / 4, "{stats:?}");
    assert_eq!(crate::read::verify(folder.path(), |_| {}).expect("readable").faults, []);
}
