use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use audit::frame::batch_size;
use audit::{Kind, Suspension};
use exchange::Timestamp;

use crate::options::Commit;
use crate::segments::{Failure, Room, Segments};
use crate::shared::{Admission, Shared, lock};
use crate::worker::{AppendError, Entry, LogError, Queue, Worker};

/// The thread that makes records durable.
///
/// It takes whatever was appended while the last batch was synced, writes it, syncs it, and tells each worker once.
pub(crate) struct Committer {
    shared: Arc<Shared>,
    segments: Segments,
    inlets: Vec<Inlet>,
    /// What of each inlet is in the present batch.
    gathered: Vec<Gathered>,
    /// How many bytes of the disk it takes.
    size: usize,
    suspended: Option<Suspended>,
    next_summary: Instant,
    /// Frames of the last batch: whether waiting for more is worth it.
    last_frames: u32,
    /// The inlet whose turn it is to be first.
    first_inlet: usize,
}

/// How long records that nobody waits for may gather into one batch.
const REST: Duration = Duration::from_millis(50);

/// One worker's queue, taken from it, and how far it was read.
struct Inlet {
    worker: Arc<Worker>,
    queue: Queue,
    entry: usize,
    byte: usize,
}

/// Consecutive entries of one inlet in the present batch.
struct Gathered {
    inlet: usize,
    entries: Range<usize>,
    first_byte: usize,
}

struct Suspended {
    since: Timestamp,
    next_probe: Instant,
}

impl Committer {
    pub(crate) fn new(shared: Arc<Shared>, segments: Segments) -> Self {
        Self {
            shared,
            segments,
            inlets: Vec::new(),
            gathered: Vec::new(),
            size: 0,
            suspended: None,
            next_summary: Instant::now(),
            last_frames: 0,
            first_inlet: 0,
        }
    }

    /// Runs until the log is closed or the disk fails.
    pub(crate) fn run(mut self) {
        let shared = Arc::clone(&self.shared);
        loop {
            // A defect in here must not leave exchanges waiting for ever.
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(Ok(true)) => {}
                Ok(_) => break,
                Err(_) => {
                    self.poison("committing to", &std::io::Error::other("a panic"));
                    break;
                }
            }
        }
        // The disk, and with it the lock, is let go before anybody is told that this is over.
        drop(self);
        shared.set_finished();
    }

    /// One batch, or one sleep. False once the log is closed, an error once it is poisoned.
    fn turn(&mut self) -> Result<bool, Poisoned> {
        let closing = self.shared.is_closing();
        if closing {
            // From here on nothing new comes, so this turn's batches are the last.
            refuse_everybody(&self.shared, AppendError::Closed);
        }
        let awaited = self.shared.take_awaited();
        if !closing && awaited {
            self.gather_more();
        } else if !closing && self.is_busy() {
            self.shared.rest(REST);
        }
        self.take_queues();
        self.probe(closing)?;
        self.summarise(closing)?;
        while self.inlets.iter().any(Inlet::has_entries) {
            self.commit_batch()?;
            if !closing {
                return Ok(true);
            }
            // What was left of a batch kept its worker's queue waiting.
            self.take_queues();
        }
        if closing {
            self.close();
            return Ok(false);
        }
        let timeout = self.timeout();
        self.shared.sleep(timeout, || self.is_busy());
        Ok(true)
    }

    /// Whether something was appended since the queues were taken.
    fn is_busy(&self) -> bool {
        let workers = lock(&self.shared.workers);
        self.shared.is_closing() || workers.iter().any(|worker| worker.has_queued())
    }

    /// When many exchanges are under way, those that the last batch let go are about to append again, and would otherwise wait
    /// for a sync of their own. So the processor is given away for as long as the queue keeps growing, but never for longer than
    /// half of what a sync takes. Measured with 64 exchanges: a tenth more records a second. A few exchanges wait for nothing.
    fn gather_more(&self) {
        let most = self.shared.options.batch_wait.min(self.shared.counters.last_commit() / 2);
        if self.last_frames < CROWD || most.is_zero() {
            return;
        }
        let start = Instant::now();
        let mut queued = self.shared.queued();
        let mut last_growth = start;
        loop {
            std::thread::yield_now();
            let now = Instant::now();
            let grown = self.shared.queued();
            if grown != queued {
                (queued, last_growth) = (grown, now);
            }
            if now - last_growth > GROWTH_PAUSE || now - start >= most {
                return;
            }
        }
    }

    fn take_queues(&mut self) {
        {
            let workers = lock(&self.shared.workers);
            for worker in &workers[self.inlets.len()..] {
                self.inlets.push(Inlet { worker: Arc::clone(worker), queue: Queue::default(), entry: 0, byte: 0 });
            }
        }
        // What is left of the last batch goes first, so that each worker's records keep their order.
        for inlet in self.inlets.iter_mut().filter(|inlet| !inlet.has_entries()) {
            inlet.queue.clear();
            (inlet.entry, inlet.byte) = (0, 0);
            inlet.worker.swap_queue(&mut inlet.queue);
        }
    }

    fn commit_batch(&mut self) -> Result<(), Poisoned> {
        self.gather();
        let outcome = if self.suspended.is_some() {
            self.commit_into(Room::Reserve)
        } else if self.segments.has_room(self.size, Room::Ordinary) {
            self.commit_ordinary()
        } else {
            self.commit_after_roll()
        };
        match outcome {
            Ok(first_seq) => self.settle(Ok(first_seq)),
            Err(Failure::Full) => self.settle(Err(LogError::Full)),
            Err(Failure::Fatal(step, error)) => return Err(self.poison(step, &error)),
        }
        self.first_inlet = (self.first_inlet + 1) % self.inlets.len().max(1);
        Ok(())
    }

    /// Chooses the entries of the next batch, inlet by inlet, up to its size.
    fn gather(&mut self) {
        self.gathered.clear();
        let most = self.shared.options.batch_bytes;
        let (mut frames, mut payload) = (0, 0);
        // Whoever was first is last next time, so that one busy worker cannot keep the others out of full batches.
        let count = self.inlets.len();
        for at in (0..count).map(|at| (at + self.first_inlet) % count) {
            let inlet = &mut self.inlets[at];
            let (first, first_byte) = (inlet.entry, inlet.byte);
            while let Some(entry) = inlet.queue.entries.get(inlet.entry) {
                let length = entry.length as usize;
                if frames > 0 && batch_size(frames + 1, payload + length) > most {
                    break;
                }
                frames += 1;
                payload += length;
                inlet.entry += 1;
                inlet.byte += length;
            }
            if inlet.entry > first {
                self.gathered.push(Gathered { inlet: at, entries: first..inlet.entry, first_byte });
            }
        }
        self.last_frames = frames as u32;
        self.size = batch_size(frames, payload);
    }

    fn commit_ordinary(&mut self) -> Result<u64, Failure> {
        match self.commit() {
            Err(Failure::Full) => {
                self.suspend()?;
                Err(Failure::Full)
            }
            other => other,
        }
    }

    /// The segment is full up to its reserve: begins the next one. If there is no room for it, the batch at hand may still use
    /// the reserve, since some of it tells of exchanges whose upstream was already asked.
    fn commit_after_roll(&mut self) -> Result<u64, Failure> {
        match self.segments.roll() {
            Ok(()) => self.commit_ordinary(),
            Err(Failure::Full) => {
                let outcome = self.commit_into(Room::Reserve);
                self.suspend()?;
                outcome
            }
            Err(fatal) => Err(fatal),
        }
    }

    fn commit_into(&mut self, room: Room) -> Result<u64, Failure> {
        if self.segments.has_room(self.size, room) { self.commit() } else { Err(Failure::Full) }
    }

    /// Makes the gathered entries durable, and gives the number of the first.
    fn commit(&mut self) -> Result<u64, Failure> {
        let first_seq = self.segments.next_seq();
        let inlets = &self.inlets;
        let frames = self.gathered.iter().flat_map(|gathered| gathered.read(inlets)).map(|(entry, payload)| (entry.kind, payload));
        let commit = self.segments.commit(frames)?;
        self.count(&commit);
        Ok(first_seq)
    }

    fn count(&self, commit: &Commit) {
        self.shared.counters.committed(commit);
        if let Some(observer) = &self.shared.options.observer {
            observer.committed(commit);
        }
    }

    /// Tells the workers what became of the batch: the number of its first frame, or why it is not durable.
    fn settle(&mut self, mut outcome: Result<u64, LogError>) {
        for gathered in self.gathered.drain(..) {
            for (entry, payload) in gathered.read(&self.inlets) {
                if outcome.is_ok() {
                    self.segments.note(entry.kind, entry.id, payload);
                }
                self.shared.release(entry.cost());
            }
            // Before anybody is woken, so that whoever is sees the count of what it was told.
            self.shared.counters.set_open_exchanges(self.segments.open_exchanges());
            let Inlet { worker, queue, .. } = &self.inlets[gathered.inlet];
            let entries = &queue.entries[gathered.entries];
            worker.settle(entries, outcome);
            outcome = outcome.map(|first_seq| first_seq + entries.len() as u64);
        }
    }

    /// Stops admitting, and says so in the log if any room is left.
    fn suspend(&mut self) -> Result<(), Failure> {
        if self.suspended.is_some() {
            return Ok(());
        }
        self.shared.set_admission(Admission::Suspended);
        self.shared.counters.count_suspension();
        let since = self.shared.options.clock.now();
        self.suspended = Some(Suspended { since, next_probe: Instant::now() + self.shared.options.probe_interval });
        tracing::error!("the disk under the audit log is full: exchanges are refused until there is room");
        self.write_suspension(since, None, Room::LastWords).or_else(|failure| match failure {
            // There is no room even for that; the record is written when there is.
            Failure::Full => Ok(()),
            fatal @ Failure::Fatal(..) => Err(fatal),
        })
    }

    fn write_suspension(&mut self, from: Timestamp, to: Option<Timestamp>, room: Room) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        let written = Suspension { node: &self.shared.options.node, error: "disk-full", from, to }.to_jcs(&mut bytes).is_ok();
        if written { self.write_note(&bytes, room) } else { Ok(()) }
    }

    /// Writes a record of our own as a batch by itself.
    fn write_note(&mut self, record: &[u8], room: Room) -> Result<(), Failure> {
        let size = batch_size(1, record.len());
        if room == Room::Ordinary && !self.segments.has_room(size, room) {
            self.segments.roll()?;
        }
        if !self.segments.has_room(size, room) {
            return Err(Failure::Full);
        }
        let commit = self.segments.commit(std::iter::once((Kind::Note, record)))?;
        self.count(&commit);
        Ok(())
    }

    /// Looks whether a suspended log has room again, and opens it.
    fn probe(&mut self, closing: bool) -> Result<(), Poisoned> {
        let Some(suspended) = &mut self.suspended else { return Ok(()) };
        let now = Instant::now();
        if closing || now < suspended.next_probe {
            return Ok(());
        }
        suspended.next_probe = now + self.shared.options.probe_interval;
        let since = suspended.since;
        match self.reopen(since) {
            Ok(()) => {
                self.suspended = None;
                self.shared.set_admission(Admission::Open);
                tracing::warn!("there is room again under the audit log: exchanges are admitted");
                Ok(())
            }
            Err(Failure::Full) => Ok(()),
            Err(Failure::Fatal(step, error)) => Err(self.poison(step, &error)),
        }
    }

    fn reopen(&mut self, since: Timestamp) -> Result<(), Failure> {
        let probe = self.shared.options.batch_bytes;
        if !self.segments.has_room(probe, Room::Ordinary) {
            self.segments.make_room(probe)?;
        }
        let now = self.shared.options.clock.now();
        self.write_suspension(since, Some(now), Room::Ordinary)
    }

    /// Writes the summaries of refusals beyond the budget, once an interval.
    fn summarise(&mut self, closing: bool) -> Result<(), Poisoned> {
        let now = Instant::now();
        if self.suspended.is_some() || (now < self.next_summary && !closing) {
            return Ok(());
        }
        let waiting: Vec<_> = lock(&self.shared.strangers).iter().filter(|listener| !listener.is_empty()).cloned().collect();
        if waiting.is_empty() {
            return Ok(());
        }
        self.next_summary = now + self.shared.options.summary_interval;
        for listener in waiting {
            let counts = listener.take();
            let Some((bytes, refusals)) = listener.summary(&self.shared.options.node, &counts) else { continue };
            match self.write_note(&bytes, Room::Ordinary) {
                Ok(()) => self.shared.counters.count_coalesced(refusals),
                // The next exchange suspends the log.
                Err(Failure::Full) => listener.put_back(counts),
                Err(Failure::Fatal(step, error)) => return Err(self.poison(step, &error)),
            }
        }
        Ok(())
    }

    /// How long there is nothing to do unless something is appended.
    fn timeout(&self) -> Option<Duration> {
        let now = Instant::now();
        let probe = self.suspended.as_ref().map(|suspended| suspended.next_probe.saturating_duration_since(now));
        let summary = lock(&self.shared.strangers)
            .iter()
            .any(|listener| !listener.is_empty())
            .then(|| self.next_summary.saturating_duration_since(now).max(Duration::from_millis(1)));
        // While suspended no summary is written.
        if probe.is_some() { probe } else { summary }
    }

    fn close(&mut self) {
        if let Err(error) = self.segments.trim() {
            // Everything acknowledged is durable; the next start reads the zeros behind it as such.
            tracing::warn!(%error, "the audit log's last segment could not be trimmed");
        }
        self.shared.set_admission(Admission::Closed);
        self.inlets.iter().for_each(|inlet| inlet.worker.wake_pump());
    }

    /// Fails everything that waits. Nobody is told that a record is durable from here on.
    fn poison(&mut self, step: &'static str, error: &std::io::Error) -> Poisoned {
        let reason = format!("{step} the audit log failed: {error}");
        tracing::error!(reason, "no further answer may leave");
        self.shared.poison(&reason);
        refuse_everybody(&self.shared, AppendError::Poisoned);
        self.settle(Err(LogError::Poisoned));
        self.fail_rest();
        self.take_queues();
        self.fail_rest();
        self.inlets.iter().for_each(|inlet| inlet.worker.wake_pump());
        Poisoned
    }

    fn fail_rest(&mut self) {
        for inlet in &mut self.inlets {
            let rest = &inlet.queue.entries[inlet.entry..];
            self.shared.release(rest.iter().map(Entry::cost).sum());
            inlet.worker.settle(rest, Err(LogError::Poisoned));
            inlet.entry = inlet.queue.entries.len();
        }
    }
}

/// The log is poisoned, and everybody was told.
struct Poisoned;

/// From so many frames in the last batch on, waiting for more is worth it.
const CROWD: u32 = 8;
/// For so long without an append, nothing more is believed to follow.
const GROWTH_PAUSE: Duration = Duration::from_micros(10);

impl Gathered {
    fn read<'a>(&self, inlets: &'a [Inlet]) -> impl Iterator<Item = (&'a Entry, &'a [u8])> + Clone + use<'a> {
        inlets[self.inlet].queue.read(self.entries.clone(), self.first_byte)
    }
}

impl Inlet {
    fn has_entries(&self) -> bool {
        self.entry < self.queue.entries.len()
    }
}

fn refuse_everybody(shared: &Shared, refusal: AppendError) {
    lock(&shared.workers).iter().for_each(|worker| worker.refuse(refusal));
}
