use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Advice, FallocateFlags, FlockOperation, fadvise, fallocate, flock};
use rustix::io::Errno;

use super::{Disk, Medium};

/// A reader that asks whether a gateway is running holds the lock for an instant, which must not keep one from starting.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// A real folder, locked for as long as this lives.
#[derive(Debug)]
pub(crate) struct Files {
    path: PathBuf,
    /// Holds the lock, and is what must be synced for a new name to last.
    folder: File,
}

impl Files {
    /// Opens the folder, creating it if need be; `None` if another process has it locked.
    pub(crate) fn lock(path: &Path) -> io::Result<Option<Self>> {
        if !path.is_dir() {
            fs::create_dir_all(path)?;
            // The folder's own name must last too. A relative path of one step has the empty path as its parent.
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(parent)?.sync_all()?;
        }
        let folder = File::open(path)?;
        for _ in 0..ATTEMPTS {
            match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(Self { path: path.to_owned(), folder })),
                Err(Errno::WOULDBLOCK) => std::thread::sleep(PAUSE),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}

/// Whether a process has the folder locked, as a gateway that is running does.
pub(crate) fn is_locked(path: &Path) -> io::Result<bool> {
    let folder = File::open(path)?;
    match flock(&folder, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

impl Disk for Files {
    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        // What a killed process left in memory is written first. Then the cached pages are dropped, so that the bytes read are
        // the disk's: after a failed sync Linux keeps pages as clean that never reached it.
        file.sync_data()?;
        fadvise(&file, 0, None, Advice::DontNeed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(OpenOptions::new().write(true).open(self.path.join(name))?))
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(OpenOptions::new().write(true).create(true).truncate(true).open(self.path.join(name))?))
    }

    fn publish(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.folder.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }
}

impl Medium for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        FileExt::write_at(self, bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        match fallocate(&*self, FallocateFlags::empty(), 0, length) {
            // A file system that cannot reserve space grows the file instead; it may run full in the middle of a batch, which is
            // then rolled back.
            Err(Errno::OPNOTSUPP) if self.metadata()?.len() < length => self.set_len(length),
            Err(Errno::OPNOTSUPP) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}
