mod slots;
mod ticket;

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use audit::{Canonical, Kind, RecordError};
use exchange::ExchangeId;

pub use ticket::{Durable, Pump, Ticket};

use crate::shared::{Admission, Shared, lock};
use crate::strangers::{Refusal, Strangers};
use slots::{NO_SLOT, Slots};

/// What an entry costs in the queue beside its payload.
const ENTRY_BYTES: usize = 64;

/// One worker thread's way into the log. It is made once a thread; a clone shares its queue.
#[derive(Clone, Debug)]
pub struct WorkerLog {
    shared: Arc<Shared>,
    worker: Arc<Worker>,
}

/// Why an append was refused. Nothing of it is in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// As much waits for the disk as may.
    #[error("the queue of the audit log is full")]
    QueueFull,
    /// The disk is full and nothing new may begin.
    #[error("the audit log is suspended: the disk is full")]
    Suspended,
    /// The disk failed.
    #[error("the audit log is poisoned: the disk failed")]
    Poisoned,
    /// The log was closed.
    #[error("the audit log is closed")]
    Closed,
}

/// Why an appended record is not durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// The disk is full; what was written of the batch was rolled back.
    #[error("the disk under the audit log is full")]
    Full,
    /// The disk failed; whether the record is there will only be known at recovery.
    #[error("the disk under the audit log failed")]
    Poisoned,
}

impl WorkerLog {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let worker = Arc::new(Worker::default());
        let mut workers = lock(&shared.workers);
        // Under the lock that the committer takes to refuse everybody, so that nobody is forgotten.
        lock(&worker.inner).refusal = match shared.admission() {
            Admission::Poisoned => Some(AppendError::Poisoned),
            Admission::Closed => Some(AppendError::Closed),
            Admission::Open | Admission::Suspended | Admission::Crowded => None,
        };
        workers.push(Arc::clone(&worker));
        drop(workers);
        Self { shared, worker }
    }

    /// An exchange was admitted. Await the ticket before any upstream call that may change something or reveal data.
    pub fn begin(&self, id: ExchangeId, record: Canonical<'_>) -> Result<Ticket, AppendError> {
        self.append(Kind::Begin, Some(id), record)
    }

    /// The record of an exchange. Await the ticket before the answer's first byte.
    pub fn end(&self, id: ExchangeId, record: Canonical<'_>) -> Result<Ticket, AppendError> {
        self.append(Kind::End, Some(id), record)
    }

    /// The record of an exchange whose answer does not wait for it: written within some hundredths of a second, in batches as
    /// large as that gives. For e-services without personal data only.
    pub fn end_unawaited(&self, id: ExchangeId, record: Canonical<'_>) -> Result<(), AppendError> {
        self.push(Kind::End, Some(id), record, false).map(drop)
    }

    /// What became of a streamed answer; by then it has left, and nobody waits.
    pub fn closed_unawaited(&self, record: Canonical<'_>) -> Result<(), AppendError> {
        self.push(Kind::Closed, None, record, false).map(drop)
    }

    /// What became of a streamed answer.
    pub fn closed(&self, record: Canonical<'_>) -> Result<Ticket, AppendError> {
        self.append(Kind::Closed, None, record)
    }

    /// A record about the gateway itself, such as `config.loaded`.
    pub fn note(&self, record: Canonical<'_>) -> Result<Ticket, AppendError> {
        self.append(Kind::Note, None, record)
    }

    /// The record of a stranger's refusal, for which nobody waits. Within the budget `record` is asked to write it; beyond, and
    /// whenever the queue or the disk is short, the refusal is only counted, and told by a summary record.
    pub fn append_unawaited(
        &self,
        strangers: &Strangers,
        refusal: Refusal<'_>,
        record: impl for<'o> FnOnce(&'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError>,
    ) {
        let taken = self.shared.admission() == Admission::Open
            && strangers.admit()
            && record(&mut Vec::new()).is_ok_and(|record| self.queue_unawaited(record.bytes()));
        if !taken && strangers.count(refusal, self.shared.options.clock.now()) {
            self.shared.notify();
        }
    }

    /// Wakes those who wait on this thread, once a batch. The worker's runtime runs it as a task of its own, and it ends with the
    /// log. Without it the committer wakes each waiter itself, across threads.
    pub fn pump(&self) -> Pump {
        Pump::new(Arc::clone(&self.worker))
    }

    /// Whether new exchanges may begin.
    pub fn admits(&self) -> Admission {
        self.shared.admits()
    }

    fn append(&self, kind: Kind, id: Option<ExchangeId>, record: Canonical<'_>) -> Result<Ticket, AppendError> {
        // An exchange whose upstream was already asked still gets its end in; only what would begin is refused.
        if kind == Kind::Begin && self.shared.admission() == Admission::Suspended {
            return Err(AppendError::Suspended);
        }
        let slot = self.push(kind, id, record, true)?;
        Ok(Ticket::new(Arc::clone(&self.worker), slot))
    }

    /// Queues a record, with a slot for whoever waits for it.
    fn push(&self, kind: Kind, id: Option<ExchangeId>, record: Canonical<'_>, awaited: bool) -> Result<u32, AppendError> {
        let payload = record.bytes();
        let cost = payload.len() + ENTRY_BYTES;
        // Whose upstream was already asked finds room for its end: nothing that begins takes the last of it.
        let spare = if kind == Kind::Begin { self.shared.options.queue_reserve } else { 0 };
        if payload.len() > audit::frame::MAX_PAYLOAD || !self.shared.reserve(cost, spare) {
            return Err(AppendError::QueueFull);
        }
        let pushed = {
            let mut inner = lock(&self.worker.inner);
            match inner.refusal {
                Some(refusal) => Err(refusal),
                None => {
                    let slot = if awaited { inner.slots.take() } else { NO_SLOT };
                    inner.queue.push(kind, id, slot, payload);
                    Ok(slot)
                }
            }
        };
        let slot = pushed.inspect_err(|_| self.shared.release(cost))?;
        if awaited {
            self.shared.hurry();
        } else {
            self.shared.notify_at_leisure();
        }
        Ok(slot)
    }

    fn queue_unawaited(&self, payload: &[u8]) -> bool {
        let cost = payload.len() + ENTRY_BYTES;
        if !self.shared.reserve(cost, self.shared.options.queue_reserve) {
            return false;
        }
        {
            let mut inner = lock(&self.worker.inner);
            if inner.refusal.is_some() {
                drop(inner);
                self.shared.release(cost);
                return false;
            }
            inner.queue.push(Kind::End, None, NO_SLOT, payload);
        }
        self.shared.notify_at_leisure();
        true
    }
}

/// A worker's queue and the waiters of its tickets. The lock is nearly always free: the worker's own thread takes it, and the
/// committer twice a batch.
#[derive(Debug, Default)]
pub(crate) struct Worker {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    queue: Queue,
    slots: Slots,
    /// What the committer decided and nobody was woken for yet.
    settled: Vec<(u32, Result<u64, LogError>)>,
    pump: Option<Waker>,
    refusal: Option<AppendError>,
}

/// Payloads one after the other, and what each is.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) bytes: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
}

/// One append.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) id: Option<ExchangeId>,
    pub(crate) length: u32,
    slot: u32,
}

impl Entry {
    /// What it took in the queue.
    pub(crate) fn cost(&self) -> usize {
        self.length as usize + ENTRY_BYTES
    }
}

impl Queue {
    fn push(&mut self, kind: Kind, id: Option<ExchangeId>, slot: u32, payload: &[u8]) {
        self.bytes.extend_from_slice(payload);
        self.entries.push(Entry { kind, id, length: payload.len() as u32, slot });
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Consecutive entries with their payloads, the first of which begins at this byte.
    pub(crate) fn read(&self, entries: Range<usize>, first_byte: usize) -> impl Iterator<Item = (&Entry, &[u8])> + Clone {
        self.entries[entries].iter().scan(first_byte, |byte, entry| {
            let begin = std::mem::replace(byte, *byte + entry.length as usize);
            Some((entry, &self.bytes[begin..*byte]))
        })
    }
}

impl Worker {
    /// Gives the committer what was appended, in exchange for an empty queue.
    pub(crate) fn swap_queue(&self, empty: &mut Queue) {
        std::mem::swap(&mut lock(&self.inner).queue, empty);
    }

    pub(crate) fn has_queued(&self) -> bool {
        !lock(&self.inner).queue.entries.is_empty()
    }

    /// From now on nothing can be appended.
    pub(crate) fn refuse(&self, refusal: AppendError) {
        lock(&self.inner).refusal = Some(refusal);
    }

    /// Tells the outcome of consecutive entries; the first durable one got the number `first_seq`. One wake, whatever their count.
    pub(crate) fn settle(&self, entries: &[Entry], outcome: Result<u64, LogError>) {
        let pump = {
            let mut inner = lock(&self.inner);
            let idle = inner.settled.is_empty();
            let numbered = entries.iter().zip(0..).filter(|(entry, _)| entry.slot != NO_SLOT);
            let settled = numbered.map(|(entry, at)| (entry.slot, outcome.map(|first_seq| first_seq + at)));
            inner.settled.extend(settled);
            match inner.pump.clone() {
                // Already woken and not run yet: it will find these too.
                Some(_) if !idle || inner.settled.is_empty() => return,
                pump => pump,
            }
        };
        match pump {
            Some(pump) => pump.wake(),
            None => self.wake_settled(&mut Vec::new()),
        }
    }

    /// Ends the pump.
    pub(crate) fn wake_pump(&self) {
        let pump = lock(&self.inner).pump.clone();
        if let Some(pump) = pump {
            pump.wake();
        }
    }

    /// Hands the settled results to their tickets and wakes whoever awaits them, outside the lock.
    fn wake_settled(&self, wakers: &mut Vec<Waker>) {
        {
            let Inner { slots, settled, .. } = &mut *lock(&self.inner);
            wakers.extend(settled.drain(..).filter_map(|(slot, result)| slots.settle(slot, result)));
        }
        wakers.drain(..).for_each(Waker::wake);
    }
}
