use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use exchange::Timestamp;

/// How a log is kept. [`Options::new`] has the defaults; each is a limit with a name in the configuration.
#[derive(Clone, Debug)]
pub struct Options {
    /// The log's name: a URL without scheme, as its checkpoints will carry it. At most 255 bytes.
    pub origin: String,
    /// The name of this node, in the records that the log writes about itself.
    pub node: String,
    /// How large a segment file is; it is allocated whole when it is created.
    pub segment_bytes: u64,
    /// How much is written at most before a sync.
    pub batch_bytes: usize,
    /// How long a batch waits at most for the appends that are under way. The usual batch is what was appended while the last
    /// one was synced, and waits for nothing.
    pub batch_wait: Duration,
    /// How many bytes may wait for the disk.
    pub queue_bytes: usize,
    /// The part of `queue_bytes` that neither begins nor refusals of strangers take: it is for the ends of exchanges under way.
    pub queue_reserve: usize,
    /// The part of each segment that is only used once no other can be allocated: for exchanges under way when the disk filled
    /// up, and for the record that says so.
    pub disk_reserve: u64,
    /// How often a suspended log looks whether there is room again.
    pub probe_interval: Duration,
    /// How often the refusals beyond a budget are summed up in a record.
    pub summary_interval: Duration,
    /// Wall time for the records that the log writes itself.
    pub clock: Clock,
    /// Told of each commit.
    pub observer: Option<Arc<dyn Observer>>,
}

impl Options {
    /// The defaults for a log of this name on this node.
    pub fn new(origin: impl Into<String>, node: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            node: node.into(),
            segment_bytes: 64 << 20,
            // Two queues of each worker may grow as large. Twice of this saves two hundredths of a pass-through and costs a mebibyte.
            batch_bytes: 256 << 10,
            batch_wait: Duration::from_millis(2),
            queue_bytes: 16 << 20,
            queue_reserve: 4 << 20,
            disk_reserve: 4 << 20,
            probe_interval: Duration::from_secs(1),
            summary_interval: Duration::from_secs(1),
            clock: Clock::system(),
            observer: None,
        }
    }

    /// Whether the limits fit each other; otherwise what is wrong, in words for whoever configures.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let batch = self.batch_bytes as u64;
        if self.origin.is_empty() || self.origin.len() > audit::segment::MAX_ORIGIN {
            Err("the origin must have 1 to 255 bytes")
        } else if self.batch_bytes < 1024 {
            Err("a batch must hold 1 KiB at least")
        } else if self.segment_bytes < self.disk_reserve + 2 * (batch + audit::frame::MAX_PAYLOAD as u64) {
            Err("a segment must hold its reserve, two batches and two of the longest records")
        } else if self.disk_reserve < 4096 {
            Err("the reserve of a segment must be 4 KiB at least")
        } else if self.queue_reserve >= self.queue_bytes {
            Err("the reserve of the queue must be smaller than the queue")
        } else {
            Ok(())
        }
    }
}

/// Where wall time comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Self {
        Self::from(|| {
            let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
        })
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl<F: Fn() -> Timestamp + Send + Sync + 'static> From<F> for Clock {
    fn from(now: F) -> Self {
        Self(Arc::new(now))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// One batch that became durable.
#[derive(Clone, Copy, Debug)]
pub struct Commit {
    /// Frames in it.
    pub frames: u32,
    /// Bytes written, trailer and padding included.
    pub bytes: u64,
    /// From the first byte's write to the end of the sync.
    pub duration: Duration,
}

/// Whoever wants to hear of commits, for histograms. It runs on the committer's thread and must not block.
pub trait Observer: Send + Sync + fmt::Debug {
    /// A batch became durable.
    fn committed(&self, commit: &Commit);
}
