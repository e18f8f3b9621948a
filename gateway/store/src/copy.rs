//! A copy of a log, while a gateway writes it or not.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use audit::frame::{Batches, SECTOR};
use audit::segment::SegmentHeader;

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
        let header =
            SegmentHeader::decode(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{name}: {error}")))?;
        let mut batches = Batches::new(&bytes, SECTOR, header.chain(), header.first_seq);
        let is_last = at + 1 == names.len();
        loop {
            match batches.next_batch() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                // What is just being written is not part of the copy.
                Err(_) if is_last => break,
                Err(damage) => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{name} at byte {}: {}", damage.offset, damage.kind)));
                }
            }
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

/// Puts a copy where a log is to be: into an empty folder, or one that is not there yet.
pub fn put_back(copy: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    if !segment_names(to)?.is_empty() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("there is a log in {} already", to.display())));
    }
    for name in segment_names(copy)? {
        fs::copy(copy.join(&name), to.join(&name))?;
        File::open(to.join(&name))?.sync_all()?;
    }
    File::open(to)?.sync_all()
}
