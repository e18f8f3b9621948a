use std::collections::HashMap;
use std::io;
use std::time::Instant;

use audit::frame::{BatchWriter, SECTOR, batch_size, sector_end};
use audit::segment::{SegmentHeader, file_name};
use audit::{Kind, OpenBegin, Recovered};
use exchange::ExchangeId;

use crate::Options;
use crate::disk::{Disk, Medium, is_full, write_all};
use crate::options::Commit;

/// Ends the name of a segment that is not part of the log yet.
pub(crate) const UNPUBLISHED: &str = ".new";
/// What even exchanges under way leave free in a segment: for the record that tells of the full disk.
const LAST_WORDS: u64 = 2 * SECTOR as u64;

/// How far zeros are written ahead of the records. Allocated blocks that were never written cost a journal commit when they are:
/// measured, that is a third of a batch's time. Zeros written a quarter of a mebibyte at a time cost it as rarely, and no more
/// of them count as the process's memory.
static ZEROS: [u8; 1 << 18] = [0; 1 << 18];
/// From this size on a batch is worth that journal commit, and no zeros are written for it.
const LARGE_BATCH: u64 = ZEROS.len() as u64 / 2;

/// A batch is numbered, hashed and handed to the system in pieces of this size, so that a large one takes no large buffer and is still in
/// the processor's caches from one to the other. Small in tests, so that every one of their faults hits a batch between two pieces too.
const PIECE: usize = if cfg!(test) { 1 << 10 } else { 64 << 10 };

/// The segment that is written to, and how the next one is begun.
pub(crate) struct Segments {
    disk: Box<dyn Disk>,
    medium: Box<dyn Medium>,
    origin: String,
    segment_bytes: u64,
    disk_reserve: u64,
    /// Where the next batch goes: everything before is durable.
    durable: u64,
    /// How far the segment may grow.
    limit: u64,
    /// How far it was written, with zeros at least.
    zeroed: u64,
    batch: BatchWriter,
    open: Open,
}

/// The exchanges begun and not ended, with their begin's payload: a new segment starts by repeating them.
#[derive(Debug, Default)]
struct Open {
    begins: HashMap<ExchangeId, (u64, Vec<u8>)>,
    last: u64,
}

/// Why a batch is not durable.
#[derive(Debug)]
pub(crate) enum Failure {
    /// There is no room. The segment is as it was before the batch.
    Full,
    /// The disk failed; nothing more may be written.
    Fatal(&'static str, io::Error),
}

/// How much of a segment a batch may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// All but the reserve: what is admitted in ordinary times.
    Ordinary,
    /// The reserve too, but for the last words: exchanges under way when the disk filled up.
    Reserve,
    /// All there is.
    LastWords,
}

impl Segments {
    /// Begins a log in an empty folder.
    pub(crate) fn begin(disk: Box<dyn Disk>, options: &Options) -> Result<Self, Failure> {
        let next = Next { origin: &options.origin, first_seq: 0, previous: [0; 32], segment_bytes: options.segment_bytes };
        let mut disk = disk;
        let made = next.make(disk.as_mut(), Vec::new(), None)?;
        Ok(Self {
            disk,
            medium: made.medium,
            origin: options.origin.clone(),
            segment_bytes: options.segment_bytes,
            disk_reserve: options.disk_reserve,
            durable: made.durable,
            limit: made.limit,
            zeroed: made.durable,
            batch: made.batch,
            open: Open::default(),
        })
    }

    /// Goes on in the last segment of a log, cutting what a torn write left behind.
    pub(crate) fn resume(mut disk: Box<dyn Disk>, options: &Options, name: &str, recovered: &Recovered) -> io::Result<Self> {
        let mut medium = disk.open(name)?;
        // A crash between the two leaves the torn end as it was, and the next start cuts it again.
        medium.truncate(recovered.durable)?;
        medium.sync()?;
        let mut segments = Self {
            disk,
            medium,
            origin: recovered.header.origin.clone(),
            segment_bytes: options.segment_bytes,
            disk_reserve: options.disk_reserve,
            durable: recovered.durable,
            limit: recovered.durable,
            zeroed: recovered.durable,
            batch: BatchWriter::new(recovered.chain, recovered.next_seq),
            open: Open::default(),
        };
        recovered.open.iter().for_each(|OpenBegin { id, payload }| segments.open.begin(*id, payload));
        // Without room the log starts suspended; that is for the first batch to find out.
        segments.extend().or_else(|error| if is_full(&error) { Ok(()) } else { Err(error) })?;
        Ok(segments)
    }

    /// How many exchanges are open.
    pub(crate) fn open_exchanges(&self) -> usize {
        self.open.begins.len()
    }

    /// Whether a batch of this size may still go into the segment.
    pub(crate) fn has_room(&self, size: usize, room: Room) -> bool {
        let kept = match room {
            Room::Ordinary => self.disk_reserve,
            Room::Reserve => LAST_WORDS,
            Room::LastWords => 0,
        };
        self.durable + size as u64 + kept <= self.limit
    }

    /// The number that the next frame gets.
    pub(crate) fn next_seq(&self) -> u64 {
        self.batch.next_seq()
    }

    /// Writes frames as a batch and makes it durable. On [`Failure::Full`] nothing of it is left behind.
    pub(crate) fn commit<'a>(&mut self, frames: impl Iterator<Item = (Kind, &'a [u8])> + Clone) -> Result<Commit, Failure> {
        let start = Instant::now();
        let (count, payload) = frames.clone().fold((0, 0), |(count, bytes), (_, payload)| (count + 1, bytes + payload.len()));
        let size = batch_size(count, payload) as u64;
        if self.durable + size > self.limit {
            return Err(Failure::Full);
        }
        match self.write(frames).and_then(|()| self.write_ahead(size)) {
            Ok(()) => {}
            Err(error) if is_full(&error) => {
                self.batch.abandon();
                return Err(self.roll_back().err().map_or(Failure::Full, |error| Failure::Fatal("rolling back", error)));
            }
            Err(error) => return Err(Failure::Fatal("writing", error)),
        }
        // Whether or not a failed sync lost the batch is only known after a restart has read the disk: Linux may drop the pages
        // and call a second sync a success. So it is never tried again.
        self.medium.sync().map_err(|error| Failure::Fatal("syncing", error))?;
        self.durable += size;
        self.batch.keep();
        Ok(Commit { frames: count as u32, bytes: size, duration: start.elapsed() })
    }

    fn write<'a>(&mut self, frames: impl Iterator<Item = (Kind, &'a [u8])>) -> io::Result<()> {
        let mut at = self.durable;
        for (kind, payload) in frames {
            self.batch.push(kind, payload);
            let piece = self.batch.piece();
            if piece.len() >= PIECE {
                write_all(self.medium.as_mut(), at, piece)?;
                at += piece.len() as u64;
                self.batch.let_go();
            }
        }
        write_all(self.medium.as_mut(), at, self.batch.finish())
    }

    /// Notes what a durable frame says about an exchange.
    pub(crate) fn note(&mut self, kind: Kind, id: Option<ExchangeId>, payload: &[u8]) {
        match (kind, id) {
            (Kind::Begin, Some(id)) => self.open.begin(id, payload),
            (Kind::End | Kind::Orphan, Some(id)) => {
                self.open.begins.remove(&id);
            }
            _ => {}
        }
    }

    /// Begins the next segment. On [`Failure::Full`] the present one goes on.
    pub(crate) fn roll(&mut self) -> Result<(), Failure> {
        self.roll_with(self.batch.chain(), None)
    }

    /// Begins the first segment of another epoch, with the record that tells of it: both are there, or neither.
    pub(crate) fn begin_epoch(&mut self, origin: String, previous: [u8; 32], note: &[u8]) -> Result<(), Failure> {
        self.origin = origin;
        self.roll_with(previous, Some(note))
    }

    fn roll_with(&mut self, previous: [u8; 32], note: Option<&[u8]>) -> Result<(), Failure> {
        let next = Next { origin: &self.origin, first_seq: self.batch.next_seq(), previous, segment_bytes: self.segment_bytes };
        let made = next.make(self.disk.as_mut(), self.open.in_order(), note)?;
        // What was allocated and not used is given back. Nothing depends on it: the zeros are legible too.
        let _ = self.medium.truncate(self.durable);
        self.medium = made.medium;
        self.durable = made.durable;
        self.limit = made.limit;
        self.zeroed = made.durable;
        self.batch = made.batch;
        Ok(())
    }

    /// Gets room for a batch of this size: in the present segment, or else by beginning the next.
    pub(crate) fn make_room(&mut self, size: usize) -> Result<(), Failure> {
        match self.extend() {
            Ok(()) if self.has_room(size, Room::Ordinary) => Ok(()),
            Err(error) if !is_full(&error) => Err(Failure::Fatal("extending", error)),
            _ => self.roll(),
        }
    }

    /// Tries to get room again for a segment that has lost its own.
    fn extend(&mut self) -> io::Result<()> {
        let wanted = self.segment_bytes.max(self.durable);
        self.medium.allocate(wanted)?;
        self.limit = wanted;
        Ok(())
    }

    /// Gives back what was allocated and not used.
    pub(crate) fn trim(&mut self) -> io::Result<()> {
        self.medium.truncate(self.durable)?;
        self.medium.sync()
    }

    /// Writes zeros behind a batch of this size, unless some are left. The batch's own sync makes them durable.
    fn write_ahead(&mut self, size: u64) -> io::Result<()> {
        let end = self.durable + size;
        if end <= self.zeroed || size >= LARGE_BATCH {
            return Ok(());
        }
        let room = usize::try_from(self.limit - end).unwrap_or(usize::MAX);
        let zeros = &ZEROS[..ZEROS.len().min(room)];
        match write_all(self.medium.as_mut(), end, zeros) {
            Ok(()) => self.zeroed = end + zeros.len() as u64,
            // The batch itself is written, and somebody may have read it: its numbers must not be given again.
            Err(error) if is_full(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Cuts what a full disk left of a batch, and syncs that before anything else is written there: otherwise a crash could
    /// leave frames of both behind, which no one could tell from damage.
    fn roll_back(&mut self) -> io::Result<()> {
        self.medium.truncate(self.durable)?;
        self.medium.sync()?;
        (self.limit, self.zeroed) = (self.durable, self.durable);
        match self.extend() {
            Err(error) if !is_full(&error) => Err(error),
            _ => Ok(()),
        }
    }
}

impl Open {
    fn begin(&mut self, id: ExchangeId, payload: &[u8]) {
        self.last += 1;
        self.begins.insert(id, (self.last, payload.to_vec()));
    }

    fn in_order(&self) -> Vec<&[u8]> {
        let mut begins: Vec<_> = self.begins.values().map(|(order, payload)| (*order, payload.as_slice())).collect();
        begins.sort_unstable_by_key(|(order, _)| *order);
        begins.into_iter().map(|(_, payload)| payload).collect()
    }
}

/// A segment about to be made.
struct Next<'a> {
    origin: &'a str,
    first_seq: u64,
    previous: [u8; 32],
    segment_bytes: u64,
}

struct Made {
    medium: Box<dyn Medium>,
    durable: u64,
    limit: u64,
    batch: BatchWriter,
}

impl Next<'_> {
    /// Makes the file under a name that is no segment's, with its head and the open begins, all durable; then gives it its name.
    /// A crash before that leaves a file that the next start removes, and the old segment as the last.
    fn make(&self, disk: &mut dyn Disk, open: Vec<&[u8]>, note: Option<&[u8]>) -> Result<Made, Failure> {
        let name = file_name(self.first_seq);
        let unpublished = format!("{name}{UNPUBLISHED}");
        let made = self.write(disk, &unpublished, open, note);
        let fail = |error: io::Error| if is_full(&error) { Failure::Full } else { Failure::Fatal("beginning a segment", error) };
        let made = made.map_err(|error| {
            // Gives the space back. If that fails too, the next attempt empties the file first.
            let _ = disk.remove(&unpublished);
            fail(error)
        })?;
        disk.publish(&unpublished, &name).map_err(|error| Failure::Fatal("naming a segment", error))?;
        Ok(made)
    }

    fn write(&self, disk: &mut dyn Disk, name: &str, open: Vec<&[u8]>, note: Option<&[u8]>) -> io::Result<Made> {
        let header = SegmentHeader { origin: self.origin.to_owned(), first_seq: self.first_seq, previous: self.previous };
        let mut batch = BatchWriter::new(header.chain(), self.first_seq);
        for payload in open {
            batch.push(Kind::Carried, payload);
        }
        if let Some(note) = note {
            batch.push(Kind::Note, note);
        }
        let mut bytes = header.encode().to_vec();
        if !batch.is_empty() {
            bytes.extend_from_slice(batch.finish());
            batch.keep();
        }
        let durable = sector_end(bytes.len()) as u64;
        let limit = durable - SECTOR as u64 + self.segment_bytes;
        let mut medium = disk.create(name)?;
        medium.allocate(limit)?;
        write_all(medium.as_mut(), 0, &bytes)?;
        medium.sync()?;
        Ok(Made { medium, durable, limit, batch })
    }
}
