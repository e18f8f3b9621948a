//! The few things a log asks of a disk, as traits, so that tests can let each of them fail.

#[cfg(test)]
pub(crate) mod fake;
mod files;

use std::io;

pub(crate) use files::{Files, is_locked};

/// A folder of segment files.
pub trait Disk: Send {
    /// The names of all files.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// What is on the disk under this name, not merely in memory: a page cache may hold what an earlier failed sync lost.
    fn read(&mut self, name: &str) -> io::Result<Vec<u8>>;

    /// Opens a file for writing.
    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Creates an empty file, in the place of one of this name.
    fn create(&mut self, name: &str) -> io::Result<Box<dyn Medium>>;

    /// Gives a file its final name, durably.
    fn publish(&mut self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// One segment file, open for writing.
pub trait Medium: Send {
    /// Writes some of the bytes at this offset and says how many.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize>;

    /// Makes everything written durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Makes room up to this length, so that writes within it need no more space. What was not written reads as zeros.
    fn allocate(&mut self, length: u64) -> io::Result<()>;

    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

/// Writes all the bytes.
pub(crate) fn write_all(medium: &mut dyn Medium, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match medium.write_at(offset, bytes) {
            // A disk that takes nothing more has no room.
            Ok(0) => return Err(io::ErrorKind::StorageFull.into()),
            Ok(written) => {
                offset += written as u64;
                bytes = bytes.get(written..).unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether an error says that there is no room, now or for this user.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
