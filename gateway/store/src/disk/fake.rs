//! A disk in memory that forgets what was not synced, tears writes, runs full and fails wherever a test wants.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex};

use super::{Disk, Medium};
use crate::shared::lock;

const SECTOR: usize = 512;

/// The disk; a clone is the same disk, as a restarted process finds it.
#[derive(Clone, Default)]
pub(crate) struct FakeDisk(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    files: BTreeMap<String, Arc<Mutex<FakeFile>>>,
    calls: usize,
    fault: Option<(usize, Fault)>,
    /// How many bytes all files may have together.
    capacity: Option<usize>,
    /// How many syncs may still pass; none means all.
    passes: Option<usize>,
}

/// What one file has on the disk and in memory.
#[derive(Default)]
struct FakeFile {
    disk: Vec<u8>,
    memory: Vec<u8>,
    /// What may be on the disk of each sector that was written and not synced: all that was written there, the newest last.
    dirty: BTreeMap<usize, Vec<[u8; SECTOR]>>,
}

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// No room, after half of the bytes were taken.
    Full,
    /// The disk failed, after half of the bytes were taken; a sync loses what it should have written.
    Io,
    /// Half of the bytes are taken, which is no error.
    Short,
    /// The call panics.
    Panic,
}

impl FakeDisk {
    /// The call of this number, counted from now over everything, fails once.
    pub(crate) fn fail(&self, after: usize, fault: Fault) {
        let mut state = lock(&self.0.0);
        state.fault = Some((state.calls + after, fault));
    }

    /// Whether the fault that was asked for has happened.
    pub(crate) fn has_failed(&self) -> bool {
        lock(&self.0.0).fault.is_none()
    }

    pub(crate) fn set_capacity(&self, capacity: Option<usize>) {
        lock(&self.0.0).capacity = capacity;
    }

    /// Syncs wait until [`FakeDisk::let_go`].
    pub(crate) fn hold(&self) {
        lock(&self.0.0).passes = Some(0);
    }

    pub(crate) fn let_go(&self) {
        self.let_pass(None);
    }

    /// One sync that waits, or the next one, passes; the others go on waiting.
    pub(crate) fn let_one_go(&self) {
        self.let_pass(Some(1));
    }

    fn let_pass(&self, passes: Option<usize>) {
        lock(&self.0.0).passes = passes;
        self.0.1.notify_all();
    }

    /// What a restarted machine finds: of what was not synced, any sector may be there or not, as it was at any time.
    pub(crate) fn after_power_cut(&self, seed: u64) -> Self {
        let mut random = seed;
        let mut toss = || {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            random >> 62 & 1 == 1
        };
        self.copy(|file| {
            let mut disk = file.disk.clone();
            if toss() {
                disk.resize(file.memory.len(), 0);
            }
            // Sometimes everything has come there, but not as it was in the end.
            let all = toss() && toss();
            for (&sector, written) in &file.dirty {
                let found = written.iter().rev().find(|_| toss()).or(written.first().filter(|_| all));
                if let Some(found) = found {
                    put_sector(found, sector, &mut disk);
                }
            }
            disk
        })
    }

    /// What a restarted process finds: all that was written.
    pub(crate) fn after_kill(&self) -> Self {
        self.copy(|file| file.memory.clone())
    }

    /// What is on the disk for certain.
    pub(crate) fn synced(&self) -> Self {
        self.copy(|file| file.disk.clone())
    }

    fn copy(&self, mut content: impl FnMut(&FakeFile) -> Vec<u8>) -> Self {
        let files = lock(&self.0.0).files.clone();
        let copied = files.into_iter().map(|(name, file)| {
            let disk = content(&lock(&file));
            (name, Arc::new(Mutex::new(FakeFile { memory: disk.clone(), disk, dirty: BTreeMap::new() })))
        });
        let state = State { files: copied.collect(), ..State::default() };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    /// The segments, in order.
    pub(crate) fn segments(&self) -> Vec<(String, Vec<u8>)> {
        let files = lock(&self.0.0).files.clone();
        files.into_iter().filter(|(name, _)| crate::read::is_segment(name)).map(|(name, file)| (name, lock(&file).memory.clone())).collect()
    }

    /// Changes a file behind the log's back.
    pub(crate) fn edit(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let file = lock(&self.0.0).files.get(name).cloned().expect("the file exists");
        let mut file = lock(&file);
        change(&mut file.disk);
        file.memory = file.disk.clone();
    }

    /// Counts a call, and says whether it is the one that fails.
    fn call(&self) -> Option<Fault> {
        let mut state = lock(&self.0.0);
        let call = state.calls;
        state.calls += 1;
        match state.fault {
            Some((at, fault)) if at == call => {
                state.fault = None;
                drop(state);
                assert_ne!(fault, Fault::Panic, "a panic that a test asked for");
                Some(fault)
            }
            _ => None,
        }
    }

    fn simple_call(&self) -> io::Result<()> {
        match self.call() {
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Io) => Err(io::Error::other("injected")),
            _ => Ok(()),
        }
    }

    fn has_room_for(&self, this: &Arc<Mutex<FakeFile>>, length: usize) -> bool {
        let state = lock(&self.0.0);
        let others = state.files.values().filter(|file| !Arc::ptr_eq(file, this));
        let used: usize = others.map(|file| lock(file).memory.len()).sum();
        state.capacity.is_none_or(|capacity| used + length <= capacity)
    }
}

fn put_sector(sector: &[u8; SECTOR], at: usize, to: &mut [u8]) {
    let to = to.get_mut(at * SECTOR..).unwrap_or_default();
    let length = to.len().min(SECTOR);
    to[..length].copy_from_slice(&sector[..length]);
}

impl Disk for FakeDisk {
    fn list(&mut self) -> io::Result<Vec<String>> {
        self.simple_call()?;
        Ok(lock(&self.0.0).files.keys().cloned().collect())
    }

    fn read(&mut self, name: &str) -> io::Result<Vec<u8>> {
        self.simple_call()?;
        let file = lock(&self.0.0).files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        let mut file = lock(&file);
        file.sync();
        file.memory = file.disk.clone();
        Ok(file.disk.clone())
    }

    fn open(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        self.simple_call()?;
        let file = lock(&self.0.0).files.get(name).cloned().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(FakeMedium { disk: self.clone(), file }))
    }

    fn create(&mut self, name: &str) -> io::Result<Box<dyn Medium>> {
        self.simple_call()?;
        let file = Arc::<Mutex<FakeFile>>::default();
        lock(&self.0.0).files.insert(name.to_owned(), Arc::clone(&file));
        Ok(Box::new(FakeMedium { disk: self.clone(), file }))
    }

    fn publish(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.simple_call()?;
        let mut state = lock(&self.0.0);
        let file = state.files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.simple_call()?;
        lock(&self.0.0).files.remove(name);
        Ok(())
    }
}

impl FakeFile {
    fn sector(&self, at: usize) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        let written = self.memory.get(at * SECTOR..).unwrap_or_default();
        let length = written.len().min(SECTOR);
        sector[..length].copy_from_slice(&written[..length]);
        sector
    }

    fn sync(&mut self) {
        self.disk.resize(self.memory.len(), 0);
        for sector in std::mem::take(&mut self.dirty).into_keys() {
            put_sector(&self.sector(sector), sector, &mut self.disk);
        }
    }
}

struct FakeMedium {
    disk: FakeDisk,
    file: Arc<Mutex<FakeFile>>,
}

impl Medium for FakeMedium {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        let fault = self.disk.call();
        let offset = usize::try_from(offset).expect("a small file");
        let taken = if fault.is_some() { bytes.len() / 2 } else { bytes.len() };
        let grown = lock(&self.file).memory.len().max(offset + taken);
        if !self.disk.has_room_for(&self.file, grown) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut file = lock(&self.file);
        file.memory.resize(grown, 0);
        file.memory[offset..offset + taken].copy_from_slice(&bytes[..taken]);
        for sector in offset / SECTOR..(offset + taken).div_ceil(SECTOR) {
            let written = file.sector(sector);
            file.dirty.entry(sector).or_default().push(written);
        }
        match fault {
            Some(Fault::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Fault::Io) => Err(io::Error::other("injected")),
            _ => Ok(taken),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = lock(&self.disk.0.0);
        while state.passes == Some(0) {
            state = self.disk.0.1.wait(state).expect("no test panics while it holds the disk");
        }
        state.passes = state.passes.map(|passes| passes - 1);
        drop(state);
        let failed = self.disk.simple_call();
        let mut file = lock(&self.file);
        if failed.is_err() {
            // As Linux does: the pages are dropped, and the next sync knows nothing of them.
            file.dirty.clear();
        }
        failed?;
        file.sync();
        Ok(())
    }

    fn allocate(&mut self, length: u64) -> io::Result<()> {
        self.disk.simple_call()?;
        let length = usize::try_from(length).expect("a small file");
        if !self.disk.has_room_for(&self.file, length) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let mut file = lock(&self.file);
        if file.memory.len() < length {
            file.memory.resize(length, 0);
        }
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.disk.simple_call()?;
        let mut file = lock(&self.file);
        file.memory.truncate(usize::try_from(length).expect("a small file"));
        Ok(())
    }
}
