//! Another epoch of a log: what goes on from a state that was told under the old name may have been told otherwise since.

use std::path::Path;

use audit::Restored;
use audit::segment::{MAX_ORIGIN, epoch_of, epoch_origin};
use exchange::Timestamp;

use crate::Options;
use crate::disk::{Disk, Files};
use crate::log::{OpenError, last_segment, open_failure, write_orphans};
use crate::segments::Segments;

/// Begins another epoch of a log that was restored from a backup, before anything else is written to it: what was recorded after the
/// backup was told under the old name, so nothing else may be. Its first record says which backup it was and when that was made; the
/// exchanges that were under way then are orphans.
///
/// # Errors
/// There is no log in the folder, another process has it open, or it cannot be written.
pub fn begin_epoch(folder: &Path, options: &Options, backup: Timestamp) -> Result<String, OpenError> {
    options.check().map_err(OpenError::Options)?;
    let files = Files::lock(folder).map_err(|error| OpenError::Io("opening the folder of", error))?;
    let mut disk: Box<dyn Disk> = Box::new(files.ok_or_else(|| OpenError::Locked(folder.to_owned()))?);
    let Some((name, recovered)) = last_segment(disk.as_mut(), options)? else {
        return Err(OpenError::Io("finding", std::io::ErrorKind::NotFound.into()));
    };
    let now = options.clock.now();
    let last = epoch_of(&recovered.header.origin, &options.origin).unwrap_or_default();
    let origin = epoch_origin(&options.origin, &epoch_name(now, last)?);
    if origin.len() > MAX_ORIGIN {
        return Err(OpenError::Options("the origin is too long for another epoch"));
    }
    let restored = Restored {
        node: &options.node,
        at: now,
        backup,
        origin: &recovered.header.origin,
        chain: recovered.chain,
        seq: recovered.next_seq,
    };
    let mut note = Vec::new();
    restored.to_jcs(&mut note).map_err(|error| OpenError::Io("telling of a restored", std::io::Error::other(error)))?;
    let mut segments = Segments::resume(disk, options, &name, &recovered).map_err(|error| OpenError::Io("resuming", error))?;
    // A segment without a batch gives its place, and its number, to the new one.
    let is_empty = recovered.next_seq == recovered.header.first_seq;
    let previous = if is_empty { recovered.header.previous } else { recovered.chain };
    segments.begin_epoch(origin.clone(), previous, &note).map_err(open_failure)?;
    write_orphans(&mut segments, &recovered, options)?;
    segments.trim().map_err(|error| OpenError::Io("closing", error))?;
    Ok(origin)
}

/// The name of an epoch that begins now, later than the last one's whatever the clock says, and like no other's that begins now.
fn epoch_name(now: Timestamp, last: &str) -> Result<String, OpenError> {
    // The last one's name begins with its second, which RFC 3339's parser reads without its hyphens and colons too.
    let next = last.get(..16).and_then(Timestamp::parse).map(|last| Timestamp::from_seconds(last.seconds() + 1));
    let begins = next.map_or(now, |next| next.max(now)).to_string();
    let second: String = begins.chars().filter(char::is_ascii_alphanumeric).take(15).collect();
    let mut random = [0; 4];
    aws_lc_rs::rand::fill(&mut random).map_err(|_| OpenError::Options("the system gives no random bytes"))?;
    Ok(format!("{second}Z{}", hex::encode(random)))
}
