use super::{FRAME_HEADER, Frame, TRAILER, is_zero, sector_end};
use crate::hash::{Digest, sha256};

/// The whole batches of a segment, in order, each checked against the chain.
#[derive(Clone, Debug)]
pub struct Batches<'a> {
    bytes: &'a [u8],
    at: usize,
    chain: Digest,
    next_seq: u64,
}

/// One whole batch.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    bytes: &'a [u8],
    /// Where its first frame begins.
    pub offset: usize,
    /// Where its frames end and its trailer begins.
    trailer: usize,
    /// How many frames it has.
    pub count: u32,
}

/// Why what stands at the next batch's place is not a whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Where the batch begins.
    pub batch: usize,
    /// Where it stops being right.
    pub offset: usize,
    /// The number of the frame expected there.
    pub seq: u64,
    /// What is wrong.
    pub kind: DamageKind,
}

/// What is wrong with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DamageKind {
    /// The bytes are not a frame: wrong checksum, length or kind, or cut short.
    #[error("not a frame")]
    NotAFrame,
    /// The frame has another number than its place.
    #[error("a frame is missing or repeated")]
    Sequence,
    /// The trailer counts other frames than there are.
    #[error("the trailer's count is wrong")]
    Count,
    /// The running hash is not that of the frames.
    #[error("the hash chain is broken")]
    Chain,
    /// The bytes between the trailer and the next sector are not zeros.
    #[error("bytes between batches")]
    Padding,
}

impl<'a> Batches<'a> {
    /// The batches of a segment's bytes from `at`, which follow this chain value and number.
    pub fn new(bytes: &'a [u8], at: usize, chain: [u8; 32], next_seq: u64) -> Self {
        Self { bytes, at, chain, next_seq }
    }

    /// Where the next batch begins.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// The chain value after the last batch read.
    pub fn chain(&self) -> [u8; 32] {
        self.chain
    }

    /// The number of the next frame.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The next batch; `None` where only zeros follow. After an error the position is unchanged.
    pub fn next_batch(&mut self) -> Result<Option<Batch<'a>>, Damage> {
        let start = self.at;
        if is_zero(self.bytes.get(start..).unwrap_or_default()) {
            return Ok(None);
        }
        let mut at = start;
        let mut seq = self.next_seq;
        let damage = |offset, seq, kind| Damage { batch: start, offset, seq, kind };
        let trailer = loop {
            let frame = Frame::decode(self.bytes, at).ok_or(damage(at, seq, DamageKind::NotAFrame))?;
            if frame.seq != seq {
                return Err(damage(at, seq, DamageKind::Sequence));
            }
            if let Some(trailer) = frame.trailer() {
                break trailer;
            }
            if frame.kind == super::Kind::Trailer {
                return Err(damage(at, seq, DamageKind::NotAFrame));
            }
            at += frame.size();
            // No writer reaches the last number; bytes that claim it must not wrap around it.
            seq = seq.checked_add(1).ok_or(damage(at, seq, DamageKind::Sequence))?;
        };
        if u64::from(trailer.count) != seq - self.next_seq {
            return Err(damage(at, seq, DamageKind::Count));
        }
        if trailer.chain != sha256(&[&self.chain, &self.bytes[start..at]]) {
            return Err(damage(at, seq, DamageKind::Chain));
        }
        let end = sector_end(at + TRAILER);
        let padding = self.bytes.get(at + TRAILER..end.min(self.bytes.len())).unwrap_or_default();
        if let Some(dirty) = padding.iter().position(|&byte| byte != 0) {
            return Err(damage(at + TRAILER + dirty, seq, DamageKind::Padding));
        }
        self.at = end;
        self.chain = trailer.chain;
        self.next_seq = seq;
        Ok(Some(Batch { bytes: self.bytes, offset: start, trailer: at, count: trailer.count }))
    }

    /// Goes on after a damaged batch, at the first trailer behind the damage, believing what it says.
    pub(crate) fn skip_to_trailer(&mut self, damage: &Damage) -> bool {
        let found = frames_after(self.bytes, damage.offset, self.next_seq).find_map(|frame| Some((frame.offset, frame.trailer()?)));
        let Some((offset, trailer)) = found else { return false };
        self.at = sector_end(offset + TRAILER);
        self.chain = trailer.chain;
        self.next_seq = trailer.next_seq;
        true
    }
}

/// Every frame with a right checksum and a possible number that begins at or after `from`, at any byte.
pub(crate) fn frames_after(bytes: &[u8], from: usize, least_seq: u64) -> impl Iterator<Item = Frame<'_>> {
    let mut at = from;
    std::iter::from_fn(move || {
        while at + FRAME_HEADER <= bytes.len() {
            let here = at;
            at += 1;
            // Most of what is scanned is text or zeros; the two high bytes of a length and the kind tell quickly.
            if bytes[here..here + 2] != [0, 0] || bytes[here + 8] == 0 {
                continue;
            }
            if let Some(frame) = Frame::decode(bytes, here).filter(|frame| frame.seq >= least_seq) {
                at = here + frame.size();
                return Some(frame);
            }
        }
        None
    })
}

impl<'a> Batch<'a> {
    /// The frames, without the trailer.
    pub fn frames(&self) -> Frames<'a> {
        Frames { bytes: &self.bytes[..self.trailer], at: self.offset }
    }
}

/// The frames of a whole batch.
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        let frame = Frame::decode(self.bytes, self.at)?;
        self.at += frame.size();
        Some(frame)
    }
}
