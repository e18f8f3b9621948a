use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::thread::JoinHandle;
use std::time::Duration;

use audit::segment::{epoch_of, file_name};
use audit::{Canonical, Corrupt, Kind, Recovered};

use crate::committer::Committer;
use crate::disk::{Disk, Files};
use crate::segments::{Failure, Segments, UNPUBLISHED};
use crate::shared::{Admission, Shared, Stats, lock};
use crate::strangers::{Budget, Strangers};
use crate::{Options, WorkerLog};

/// The audit log of this node, open for writing. One process at a time has it.
#[derive(Debug)]
pub struct AuditLog {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process has the audit log in {} open", .0.display())]
    Locked(PathBuf),
    /// The limits do not fit each other.
    #[error("the audit log's limits: {0}")]
    Options(&'static str),
    /// The folder holds a log of another name.
    #[error("the audit log in the folder is that of {found}, not of {configured}")]
    Origin {
        /// The name in the segments.
        found: String,
        /// The name in the configuration.
        configured: String,
    },
    /// Acknowledged records may be damaged. Nothing was changed.
    #[error("the audit log is damaged: {segment}: {reason}")]
    Corrupt {
        /// The segment's file.
        segment: String,
        /// What is wrong with it.
        reason: Corrupt,
    },
    /// A segment's name is not that of its first frame.
    #[error("the audit log is damaged: {0} was renamed, or segments are missing")]
    Renamed(String),
    /// The record of an exchange without an end cannot be made from its begin.
    #[error("the audit log is damaged: an exchange's begin is not canonical: {0}")]
    Begin(#[from] audit::jcs::JcsError),
    /// There is no room to begin the log, or to write the records that a restart owes.
    #[error("the disk under the audit log is full")]
    Full,
    /// The disk failed.
    #[error("{0} the audit log: {1}")]
    Io(&'static str, #[source] io::Error),
}

/// Why closing did not end well.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseError {
    /// The deadline passed; the committer is still at work.
    #[error("the audit log did not close in time")]
    Deadline,
    /// The disk failed, now or before.
    #[error("the audit log is poisoned: {0}")]
    Poisoned(String),
}

impl AuditLog {
    /// Opens the log in this folder, or begins one. A torn end is cut, and for each exchange that was begun and not ended an
    /// orphan record is written and durable before this returns.
    pub fn open(folder: &Path, options: Options) -> Result<Self, OpenError> {
        options.check().map_err(OpenError::Options)?;
        let files = Files::lock(folder).map_err(|error| OpenError::Io("opening the folder of", error))?;
        let files = files.ok_or_else(|| OpenError::Locked(folder.to_owned()))?;
        Self::open_on(Box::new(files), options)
    }

    /// Opens a log on some disk; whoever gives it holds whatever lock it needs.
    pub fn open_on(disk: Box<dyn Disk>, options: Options) -> Result<Self, OpenError> {
        options.check().map_err(OpenError::Options)?;
        let segments = recover(disk, &options)?;
        let shared = Arc::new(Shared::new(options));
        shared.counters.set_open_exchanges(segments.open_exchanges());
        let committer = Committer::new(Arc::clone(&shared), segments);
        let spawned = std::thread::Builder::new().name("varco-audit".into()).spawn(move || committer.run());
        let thread = spawned.map_err(|error| OpenError::Io("starting the committer of", error))?;
        shared.set_thread(thread.thread().clone());
        Ok(Self { shared, thread: Mutex::new(Some(thread)) })
    }

    /// A worker thread's way into the log; one a thread, for as long as the thread lives.
    pub fn worker(&self) -> WorkerLog {
        WorkerLog::new(Arc::clone(&self.shared))
    }

    /// A budget for the refusals of strangers, one a listener.
    pub fn strangers(&self, listener: &str, budget: Budget) -> Strangers {
        let (strangers, coalesced) = Strangers::new(listener, budget);
        lock(&self.shared.strangers).push(coalesced);
        strangers
    }

    /// Whether new exchanges may begin.
    pub fn admits(&self) -> Admission {
        self.shared.admits()
    }

    /// Resolves, with the reason, once the disk has failed: no further answer may leave and the process must exit.
    pub fn poisoned(&self) -> Poisoned {
        Poisoned(Arc::clone(&self.shared))
    }

    /// Figures since the log was opened.
    pub fn stats(&self) -> Stats {
        self.shared.counters.snapshot(self.shared.queued())
    }

    #[cfg(test)]
    pub(crate) fn worker_queues_are_empty(&self) -> bool {
        lock(&self.shared.workers).iter().all(|worker| !worker.has_queued())
    }

    /// Takes nothing more, makes durable what was appended, gives back unused room and releases the lock.
    pub fn close(&self, deadline: Duration) -> Result<(), CloseError> {
        self.shared.close();
        if !self.shared.wait_finished(deadline) {
            return Err(CloseError::Deadline);
        }
        if let Some(thread) = lock(&self.thread).take() {
            // It has finished, and its panics were turned into poison.
            let _ = thread.join();
        }
        self.shared.poison_reason(None).map_or(Ok(()), |reason| Err(CloseError::Poisoned(reason)))
    }
}

impl Drop for AuditLog {
    /// A log that nobody closed is closed all the same, without waiting for the disk.
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Resolves once the log is poisoned; see [`AuditLog::poisoned`].
#[derive(Debug)]
pub struct Poisoned(Arc<Shared>);

impl Future for Poisoned {
    type Output = String;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<String> {
        self.0.poison_reason(Some(context.waker())).map_or(Poll::Pending, Poll::Ready)
    }
}

/// Brings a folder into a state that can be written to. It is the only way a log is ever opened, after a crash or not.
fn recover(mut disk: Box<dyn Disk>, options: &Options) -> Result<Segments, OpenError> {
    let Some((name, recovered)) = last_segment(disk.as_mut(), options)? else {
        return Segments::begin(disk, options).map_err(open_failure);
    };
    let mut segments = Segments::resume(disk, options, &name, &recovered).map_err(|error| OpenError::Io("resuming", error))?;
    write_orphans(&mut segments, &recovered, options)?;
    Ok(segments)
}

/// The last segment of a log, read; `None` where there is none.
pub(crate) fn last_segment(disk: &mut dyn Disk, options: &Options) -> Result<Option<(String, Recovered)>, OpenError> {
    let io = |step| move |error| OpenError::Io(step, error);
    let names = disk.list().map_err(io("listing"))?;
    for leftover in names.iter().filter(|name| name.ends_with(UNPUBLISHED)) {
        disk.remove(leftover).map_err(io("removing an unfinished segment of"))?;
    }
    let Some(name) = names.iter().filter(|name| crate::read::is_segment(name)).max() else { return Ok(None) };
    let bytes = disk.read(name).map_err(io("reading"))?;
    let recovered = audit::recover(&bytes).map_err(|reason| OpenError::Corrupt { segment: name.clone(), reason })?;
    if epoch_of(&recovered.header.origin, &options.origin).is_none() {
        return Err(OpenError::Origin { found: recovered.header.origin, configured: options.origin.clone() });
    }
    if *name != file_name(recovered.header.first_seq) {
        return Err(OpenError::Renamed(name.clone()));
    }
    if recovered.torn {
        tracing::warn!(segment = name, at = recovered.durable, "cutting an unfinished batch off the audit log");
    }
    Ok(Some((name.clone(), recovered)))
}

/// A crash in here leaves some orphans written; they are no longer open at the next start, which writes the others.
pub(crate) fn write_orphans(segments: &mut Segments, recovered: &Recovered, options: &Options) -> Result<(), OpenError> {
    let now = options.clock.now();
    for begins in recovered.open.chunks(256) {
        let mut batch = Vec::new();
        for begin in begins {
            let mut bytes = Vec::new();
            audit::orphaned(Canonical::check(&begin.payload)?, now, &mut bytes)?;
            batch.push((begin.id, bytes));
        }
        let size = audit::frame::batch_size(batch.len(), batch.iter().map(|(_, bytes)| bytes.len()).sum());
        if !segments.has_room(size, crate::segments::Room::Reserve) {
            segments.make_room(size).map_err(open_failure)?;
        }
        segments.commit(batch.iter().map(|(_, bytes)| (Kind::Orphan, bytes.as_slice()))).map_err(open_failure)?;
        for (id, bytes) in &batch {
            segments.note(Kind::Orphan, Some(*id), bytes);
        }
    }
    Ok(())
}

pub(crate) fn open_failure(failure: Failure) -> OpenError {
    match failure {
        Failure::Full => OpenError::Full,
        Failure::Fatal(step, error) => OpenError::Io(step, error),
    }
}
