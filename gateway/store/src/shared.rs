use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::thread::Thread;
use std::time::Duration;

use crate::Options;
use crate::options::Commit;
use crate::strangers::Coalesced;
use crate::worker::Worker;

/// Whether new exchanges may begin. Read it at admission, before any upstream is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Records are taken.
    Open,
    /// The disk is full: refuse with 503 `audit-unavailable`. It opens again by itself.
    Suspended,
    /// The disk failed and nothing it says can be believed: no answer may leave, and the process must exit.
    Poisoned,
    /// The log was closed.
    Closed,
    /// So much waits for the disk that the rest of the queue is for exchanges under way: refuse with 503 `audit-unavailable`. It
    /// opens again as soon as the disk has taken some of it.
    Crowded,
}

impl Admission {
    fn from_byte(byte: u8) -> Self {
        [Self::Open, Self::Suspended, Self::Poisoned].get(usize::from(byte)).copied().unwrap_or(Self::Closed)
    }
}

/// What the committer, the workers and the log's owner share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    admission: AtomicU8,
    /// Bytes that wait for the disk.
    queued: AtomicUsize,
    pub(crate) workers: Mutex<Vec<Arc<Worker>>>,
    pub(crate) strangers: Mutex<Vec<Arc<Coalesced>>>,
    sleeping: AtomicBool,
    /// The committer lets unawaited records gather.
    resting: AtomicBool,
    /// Somebody waits for something that was appended since the committer last looked.
    awaited: AtomicBool,
    closing: AtomicBool,
    thread: OnceLock<Thread>,
    poison: Mutex<Poison>,
    finished: (Mutex<bool>, Condvar),
    pub(crate) counters: Counters,
}

#[derive(Debug, Default)]
struct Poison {
    reason: Option<String>,
    waiting: Vec<Waker>,
}

/// Locks, whatever a panicking thread did: every critical section here leaves its data whole between statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options,
            admission: AtomicU8::new(Admission::Open as u8),
            queued: AtomicUsize::new(0),
            workers: Mutex::default(),
            strangers: Mutex::default(),
            sleeping: AtomicBool::new(false),
            resting: AtomicBool::new(false),
            awaited: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            thread: OnceLock::new(),
            poison: Mutex::default(),
            finished: (Mutex::new(false), Condvar::new()),
            counters: Counters::default(),
        }
    }

    pub(crate) fn admission(&self) -> Admission {
        Admission::from_byte(self.admission.load(Ordering::Acquire))
    }

    /// Whether new exchanges may begin, the room in the queue included.
    pub(crate) fn admits(&self) -> Admission {
        match self.admission() {
            Admission::Open if self.queued() > self.options.queue_bytes - self.options.queue_reserve => Admission::Crowded,
            admission => admission,
        }
    }

    /// Opens or suspends; what is poisoned or closed stays so.
    pub(crate) fn set_admission(&self, admission: Admission) {
        if matches!(self.admission(), Admission::Open | Admission::Suspended) {
            self.admission.store(admission as u8, Ordering::Release);
        }
    }

    /// Takes room in the queue, leaving `spare` bytes of it free.
    pub(crate) fn reserve(&self, bytes: usize, spare: usize) -> bool {
        let limit = self.options.queue_bytes.saturating_sub(spare);
        let take = |queued: usize| queued.checked_add(bytes).filter(|&queued| queued <= limit);
        self.queued.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.queued.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    /// Wakes the committer if it sleeps. Call it after what it must see was put under a lock that it takes before sleeping.
    pub(crate) fn notify(&self) {
        if self.sleeping.swap(false, Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// Like [`Shared::notify`], for something that somebody waits for: the committer does not rest over it.
    pub(crate) fn hurry(&self) {
        self.awaited.store(true, Ordering::SeqCst);
        self.notify();
    }

    /// Like [`Shared::notify`], for something that nobody waits for: a committer that rests goes on resting, until a whole batch
    /// has gathered.
    pub(crate) fn notify_at_leisure(&self) {
        if !self.resting.load(Ordering::SeqCst) || self.is_batch_full() {
            self.notify();
        }
    }

    /// Whether so much waits that it is worth a batch, or as much of a short queue as had better not be let grow.
    fn is_batch_full(&self) -> bool {
        self.queued() > self.options.batch_bytes.min(self.options.queue_bytes / 4)
    }

    /// Whether something was appended since the last call that somebody waits for.
    pub(crate) fn take_awaited(&self) -> bool {
        self.awaited.swap(false, Ordering::SeqCst)
    }

    /// Lets what nobody waits for grow into a batch worth its sync, until somebody waits or so long has passed.
    pub(crate) fn rest(&self, longest: Duration) {
        self.resting.store(true, Ordering::SeqCst);
        let wanted = || self.awaited.load(Ordering::SeqCst) || self.is_closing() || self.is_batch_full();
        self.sleep(Some(longest), wanted);
        self.resting.store(false, Ordering::SeqCst);
    }

    /// Sleeps until notified or for so long, unless `busy` finds something to do after all.
    pub(crate) fn sleep(&self, timeout: Option<Duration>, busy: impl FnOnce() -> bool) {
        self.sleeping.store(true, Ordering::SeqCst);
        if !busy() {
            match timeout {
                Some(timeout) => std::thread::park_timeout(timeout),
                None => std::thread::park(),
            }
        }
        self.sleeping.store(false, Ordering::SeqCst);
    }

    pub(crate) fn set_thread(&self, thread: Thread) {
        // Set once, by whoever starts the thread.
        let _ = self.thread.set(thread);
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.sleeping.store(false, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }

    /// Nothing may be appended any more, and whoever waits for that is told why.
    pub(crate) fn poison(&self, reason: &str) {
        self.set_admission(Admission::Poisoned);
        let waiting = {
            let mut poison = lock(&self.poison);
            poison.reason.get_or_insert_with(|| reason.to_owned());
            std::mem::take(&mut poison.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Why the log was poisoned, if it was; otherwise the waker is kept for the day.
    pub(crate) fn poison_reason(&self, waker: Option<&Waker>) -> Option<String> {
        let mut poison = lock(&self.poison);
        if poison.reason.is_none()
            && let Some(waker) = waker
            && !poison.waiting.iter().any(|known| known.will_wake(waker))
        {
            poison.waiting.push(waker.clone());
        }
        poison.reason.clone()
    }

    pub(crate) fn set_finished(&self) {
        *lock(&self.finished.0) = true;
        self.finished.1.notify_all();
    }

    /// Waits for the committer's end; false if it took too long.
    pub(crate) fn wait_finished(&self, timeout: Duration) -> bool {
        let finished = lock(&self.finished.0);
        let waited = self.finished.1.wait_timeout_while(finished, timeout, |finished| !*finished);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// What the committer counts; a [`Stats`] is read from it.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    frames: AtomicU64,
    bytes: AtomicU64,
    commit_nanos: AtomicU64,
    last_commit_nanos: AtomicU64,
    largest_batch: AtomicU64,
    open_exchanges: AtomicU64,
    suspensions: AtomicU64,
    coalesced: AtomicU64,
}

/// Figures of a log since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Batches made durable.
    pub commits: u64,
    /// Frames in them.
    pub frames: u64,
    /// Bytes of them, trailers and padding included.
    pub bytes: u64,
    /// Nanoseconds spent in writing and syncing.
    pub commit_nanos: u64,
    /// Nanoseconds of the last commit.
    pub last_commit_nanos: u64,
    /// Frames in the largest batch.
    pub largest_batch: u64,
    /// Bytes that wait for the disk now.
    pub queued_bytes: u64,
    /// Exchanges begun and not ended.
    pub open_exchanges: u64,
    /// How often the disk was full.
    pub suspensions: u64,
    /// Refusals of strangers that were summed up instead of recorded one by one.
    pub coalesced: u64,
}

impl Counters {
    pub(crate) fn committed(&self, commit: &Commit) {
        let nanos = u64::try_from(commit.duration.as_nanos()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.frames.fetch_add(u64::from(commit.frames), Ordering::Relaxed);
        self.bytes.fetch_add(commit.bytes, Ordering::Relaxed);
        self.commit_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.last_commit_nanos.store(nanos, Ordering::Relaxed);
        self.largest_batch.fetch_max(u64::from(commit.frames), Ordering::Relaxed);
    }

    pub(crate) fn set_open_exchanges(&self, count: usize) {
        self.open_exchanges.store(count as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_suspension(&self) {
        self.suspensions.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_coalesced(&self, refusals: u64) {
        self.coalesced.fetch_add(refusals, Ordering::Relaxed);
    }

    pub(crate) fn last_commit(&self) -> Duration {
        Duration::from_nanos(self.last_commit_nanos.load(Ordering::Relaxed))
    }

    pub(crate) fn snapshot(&self, queued: usize) -> Stats {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            commits: get(&self.commits),
            frames: get(&self.frames),
            bytes: get(&self.bytes),
            commit_nanos: get(&self.commit_nanos),
            last_commit_nanos: get(&self.last_commit_nanos),
            largest_batch: get(&self.largest_batch),
            queued_bytes: queued as u64,
            open_exchanges: get(&self.open_exchanges),
            suspensions: get(&self.suspensions),
            coalesced: get(&self.coalesced),
        }
    }
}
