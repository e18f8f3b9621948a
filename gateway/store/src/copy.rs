//! A copy of a log, while a gateway writes it or not.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use exchange::Timestamp;

use crate::Options;
use crate::epoch::begin_epoch;
use crate::read::{self, Progress, segment_names};

/// What was copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many segments.
    pub segments: usize,
    /// The number of the frame that follows.
    pub seq: u64,
    /// The chain value after the last batch.
    pub chain: [u8; 32],
}

/// Copies the whole batches of a log into an empty folder, durably: a state that the log really had.
pub fn copy(from: &Path, to: &Path, mut progress: impl FnMut(Progress<'_>)) -> io::Result<Copied> {
    let names = segment_names(from)?;
    let mut copied = Copied { segments: names.len(), seq: 0, chain: [0; 32] };
    for (at, name) in names.iter().enumerate() {
        let bytes = read::snapshot(from, name)?;
        let (batches, damage) = read::walk(&bytes, |_| {}).map_err(|error| damaged(format!("{name}: {error}")))?;
        // What is just being written is not part of the copy; what was damaged is nothing to be left out in silence.
        if let Some(damage) = damage.filter(|damage| at + 1 < names.len() || !audit::is_torn(&bytes, &batches, damage)) {
            return Err(damaged(format!("{name} at byte {}: {}", damage.offset, damage.kind)));
        }
        let mut file = File::create_new(to.join(name))?;
        file.write_all(&bytes[..batches.offset().min(bytes.len())])?;
        file.sync_all()?;
        (copied.seq, copied.chain) = (batches.next_seq(), batches.chain());
        progress(Progress { segment: name, number: at + 1, of: names.len() });
    }
    File::open(to)?.sync_all()?;
    Ok(copied)
}

fn damaged(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Puts a copy where a log is to be, in another epoch (see [`begin_epoch`](crate::begin_epoch)): whole, or not at all. Where it is made meanwhile, what
/// an earlier attempt left is begun anew. Gives the origin under which it goes on.
///
/// # Errors
/// There is a log already, or the copy cannot be made.
pub fn put_back(copy: &Path, to: &Path, options: &Options, backup: Timestamp) -> io::Result<String> {
    if to.is_dir() && !segment_names(to)?.is_empty() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("there is a log in {} already", to.display())));
    }
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let making = parent.join(format!(".{}.restoring", to.file_name().and_then(|name| name.to_str()).unwrap_or("log")));
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    fs::create_dir_all(&making)?;
    for name in segment_names(copy)? {
        fs::copy(copy.join(&name), making.join(&name))?;
        File::open(making.join(&name))?.sync_all()?;
    }
    let origin = begin_epoch(&making, options, backup).map_err(io::Error::other)?;
    File::open(&making)?.sync_all()?;
    if to.is_dir() {
        // An empty one gives its place; one that is not keeps what it has.
        fs::remove_dir(to)?;
    }
    fs::rename(&making, to)?;
    File::open(parent)?.sync_all()?;
    Ok(origin)
}
