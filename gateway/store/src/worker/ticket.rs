use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;

use super::{LogError, Worker};
use crate::shared::lock;

/// A record that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Durable {
    /// Its frame's number in the log.
    pub seq: u64,
}

/// The promise of a record: a future that is ready once the record is durable, or certainly is not.
///
/// Dropping it takes nothing back: the record is written all the same.
#[derive(Debug)]
#[must_use = "a record is durable only once its ticket says so"]
pub struct Ticket {
    worker: Arc<Worker>,
    slot: u32,
    finished: bool,
}

impl Ticket {
    pub(super) fn new(worker: Arc<Worker>, slot: u32) -> Self {
        Self { worker, slot, finished: false }
    }

    /// Blocks until the record is durable: for threads without a runtime. On the thread that runs the worker's pump it would
    /// wait for ever.
    pub fn wait(self) -> Result<Durable, LogError> {
        let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
        let mut context = Context::from_waker(&waker);
        let mut ticket = pin!(self);
        loop {
            match ticket.as_mut().poll(&mut context) {
                Poll::Ready(result) => return result,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

impl Future for Ticket {
    type Output = Result<Durable, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = lock(&self.worker.inner).slots.poll(self.slot, context.waker());
        match polled {
            Some(result) => {
                self.finished = true;
                Poll::Ready(result.map(|seq| Durable { seq }))
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.finished {
            lock(&self.worker.inner).slots.abandon(self.slot);
        }
    }
}

/// Wakes the tickets of one worker, on that worker's thread; see [`super::WorkerLog::pump`].
#[derive(Debug)]
#[must_use = "a pump does nothing until a runtime runs it"]
pub struct Pump {
    worker: Arc<Worker>,
    wakers: Vec<Waker>,
}

impl Pump {
    pub(super) fn new(worker: Arc<Worker>) -> Self {
        Self { worker, wakers: Vec::new() }
    }
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let refused = {
            let mut inner = lock(&this.worker.inner);
            match &mut inner.pump {
                Some(known) => known.clone_from(context.waker()),
                none => *none = Some(context.waker().clone()),
            }
            inner.refusal.is_some()
        };
        this.worker.wake_settled(&mut this.wakers);
        // Once nothing can be appended and everything was settled there is nothing left to wake for; what is settled after
        // this is woken by the committer.
        if refused { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        lock(&self.worker.inner).pump = None;
        self.worker.wake_settled(&mut self.wakers);
    }
}
