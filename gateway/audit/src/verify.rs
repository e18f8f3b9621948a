#[cfg(test)]
mod tests;

use std::collections::HashMap;

use exchange::ExchangeId;

use crate::frame::{Batch, Batches, Damage, DamageKind, Frame, Kind, SECTOR};
use crate::jcs::{Canonical, JcsError};
use crate::member;
use crate::record::MAX_RECORD;
use crate::segment::{HeaderError, SegmentHeader, epoch_of};
use crate::tail::{Tail, classify};

/// How many faults a report lists; the rest is only counted.
const LISTED: usize = 1000;

/// Checks a log, one segment after another.
///
/// A fault does not end the check: it goes on behind the next trailer, believing what that says, so that every damaged place
/// is named. Pairing of begins and ends is no longer judged then, since an end may have stood in the damage.
#[derive(Debug, Default)]
pub struct Verifier {
    /// The chain value and the number that the next segment must follow.
    head: Option<([u8; 32], u64)>,
    /// That of the first segment; later ones may be of a later epoch.
    origin: Option<String>,
    epoch: String,
    open: HashMap<ExchangeId, OpenAt>,
    damaged: bool,
    report: Report,
}

#[derive(Clone, Debug)]
struct OpenAt {
    segment: String,
    offset: usize,
    seq: u64,
    /// Whether the present segment has it, by a begin or carried.
    here: bool,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segments read.
    pub segments: u64,
    /// Whole batches.
    pub batches: u64,
    /// Frames in them.
    pub frames: u64,
    /// Frames that are records, and so leaves.
    pub records: u64,
    /// Exchanges that were begun and have no end yet.
    pub open: u64,
    /// How often the log was restored from a backup: what was recorded between that and the restoration is in another one.
    pub restored: u64,
    /// Whether an unfinished write stands at the end: of a writer at work, or one that died.
    pub unfinished: bool,
    /// The chain value after the last whole batch.
    pub chain: [u8; 32],
    /// How many faults there are.
    pub fault_count: u64,
    /// The first thousand of them.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The segment's file.
    pub segment: String,
    /// The byte in it.
    pub offset: u64,
    /// The number of the frame, where it is known.
    pub seq: Option<u64>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultKind {
    /// The segment's head.
    #[error("{0}")]
    Header(HeaderError),
    /// The segment belongs to another log.
    #[error("the segment has another origin")]
    Origin,
    /// The segment does not follow the one before it: one was removed, put in, or cut short.
    #[error("the segment does not follow the one before it")]
    Sequel,
    /// The first segment is not the log's first.
    #[error("the log's first segments are missing")]
    MissingStart,
    /// A batch is damaged.
    #[error("{0}")]
    Batch(DamageKind),
    /// A segment that another follows ends in an unfinished write.
    #[error("an unfinished batch inside the log")]
    Unfinished,
    /// A payload is not in canonical form.
    #[error("not canonical: {0}")]
    NotCanonical(JcsError),
    /// A record beyond 16 KiB.
    #[error("a record longer than 16 KiB")]
    TooLong,
    /// A frame about an exchange whose payload names none.
    #[error("the payload names no exchange")]
    NoId,
    /// One exchange begun twice.
    #[error("the exchange was begun already")]
    BegunTwice,
    /// An orphan or a carried begin of an exchange that is not open.
    #[error("the exchange is not open")]
    NotOpen,
    /// A begin that neither an end nor an orphan follows, and that the next segment does not carry.
    #[error("the exchange was begun and never ended")]
    NeverEnded,
}

impl Verifier {
    /// A verifier at the beginning of a log.
    pub fn new() -> Self {
        Self::default()
    }

    /// Checks the next segment; `last` says that none follows it.
    pub fn segment(&mut self, name: &str, bytes: &[u8], last: bool) {
        self.report.segments += 1;
        let header = match SegmentHeader::decode(bytes) {
            Ok(header) => header,
            Err(error) => {
                self.fault(name, 0, None, FaultKind::Header(error));
                // What follows cannot be tied to what came before.
                self.damaged = true;
                self.head = None;
                return;
            }
        };
        self.check_header(name, &header);
        let mut batches = Batches::new(bytes, SECTOR, header.chain(), header.first_seq);
        loop {
            match batches.next_batch() {
                Ok(Some(batch)) => self.check_batch(name, &batch),
                Ok(None) => break,
                Err(damage) => {
                    if !self.pass_damage(name, bytes, &mut batches, &damage, last) {
                        break;
                    }
                }
            }
        }
        self.head = Some((batches.chain(), batches.next_seq()));
        self.report.chain = batches.chain();
        if !last {
            self.open.values_mut().for_each(|open| open.here = false);
        }
    }

    /// Ends the check. Exchanges open in the last segment are counted, not blamed: they are under way, or the next start
    /// writes their orphan records.
    pub fn finish(mut self) -> Report {
        self.report.open = self.open.len() as u64;
        let mut open: Vec<_> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_unstable_by_key(|open| open.seq);
        for open in open {
            if !self.damaged && !open.here {
                self.fault(&open.segment, open.offset, Some(open.seq), FaultKind::NeverEnded);
            }
        }
        self.report
    }

    fn fault(&mut self, segment: &str, offset: usize, seq: Option<u64>, kind: FaultKind) {
        self.report.fault_count += 1;
        if self.report.faults.len() < LISTED {
            self.report.faults.push(Fault { segment: segment.to_owned(), offset: offset as u64, seq, kind });
        }
    }

    fn check_header(&mut self, name: &str, header: &SegmentHeader) {
        let first = self.origin.is_none();
        let base = self.origin.get_or_insert_with(|| header.origin.clone());
        match epoch_of(&header.origin, base) {
            Some(epoch) if epoch == self.epoch => {}
            Some(epoch) if *epoch > *self.epoch => {
                self.epoch = epoch.to_owned();
                self.report.restored += 1;
            }
            _ => self.fault(name, 0, None, FaultKind::Origin),
        }
        match self.head {
            Some((chain, seq)) if chain != header.previous || seq != header.first_seq => {
                self.damaged = true;
                self.fault(name, 0, Some(header.first_seq), FaultKind::Sequel);
            }
            None if first && !self.damaged && (header.previous != [0; 32] || header.first_seq != 0) => {
                self.damaged = true;
                self.fault(name, 0, Some(header.first_seq), FaultKind::MissingStart);
            }
            _ => {}
        }
    }

    /// Names the damage and goes on behind it; false where there is nothing to go on with.
    fn pass_damage(&mut self, name: &str, bytes: &[u8], batches: &mut Batches<'_>, damage: &Damage, last: bool) -> bool {
        if classify(bytes, batches, damage) == Tail::Torn {
            self.report.unfinished |= last;
            if !last {
                self.damaged = true;
                self.fault(name, damage.offset, Some(damage.seq), FaultKind::Unfinished);
            }
            return false;
        }
        self.damaged = true;
        self.fault(name, damage.offset, Some(damage.seq), FaultKind::Batch(damage.kind));
        batches.skip_to_trailer(damage)
    }

    fn check_batch(&mut self, name: &str, batch: &Batch<'_>) {
        self.report.batches += 1;
        for frame in batch.frames() {
            self.report.frames += 1;
            self.report.records += u64::from(frame.kind.is_leaf());
            if let Err(kind) = self.check_frame(name, &frame) {
                self.fault(name, frame.offset, Some(frame.seq), kind);
            }
        }
    }

    fn check_frame(&mut self, segment: &str, frame: &Frame<'_>) -> Result<(), FaultKind> {
        Canonical::check(frame.payload).map_err(FaultKind::NotCanonical)?;
        if frame.payload.len() > MAX_RECORD {
            return Err(FaultKind::TooLong);
        }
        let id = member::exchange_id(frame.payload);
        if matches!(frame.kind, Kind::Note | Kind::Trailer) {
            return Ok(());
        }
        let id = id.ok_or(FaultKind::NoId)?;
        let at = OpenAt { segment: segment.to_owned(), offset: frame.offset, seq: frame.seq, here: true };
        let fault = match frame.kind {
            Kind::Begin => self.open.insert(id, at).map(|_| FaultKind::BegunTwice),
            Kind::Carried => self.open.insert(id, at).is_none().then_some(FaultKind::NotOpen),
            Kind::Orphan => self.open.remove(&id).is_none().then_some(FaultKind::NotOpen),
            Kind::End => {
                self.open.remove(&id);
                None
            }
            Kind::Closed | Kind::Note | Kind::Trailer => None,
        };
        fault.filter(|_| !self.damaged).map_or(Ok(()), Err)
    }
}
