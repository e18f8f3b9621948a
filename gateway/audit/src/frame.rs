//! Frames and batches: how records lie in a segment.
//!
//! A frame is `len u32 ‖ crc32c u32 ‖ kind u8 ‖ seq u64 ‖ payload`, big-endian, the checksum over everything but itself. A batch is
//! what one fdatasync made durable: its frames, a trailer with their count and the running SHA-256 chain, and zeros up to the
//! next sector. Each batch begins a sector of its own, and each of its sectors is written once, for two reasons. A write never touches a
//! sector that holds acknowledged records, so tearing it cannot harm them. And since a segment is zeros until it is written, a sector of
//! zeros inside a batch says that the batch was never wholly on disk, hence never acknowledged: that tells a torn write from damage.

mod batch;
#[cfg(test)]
mod tests;
mod writer;

pub(crate) use batch::frames_after;
pub use batch::{Batch, Batches, Damage, DamageKind, Frames};
pub use writer::{BatchWriter, batch_size};

/// What the disk is believed to write whole or not at all.
pub const SECTOR: usize = 512;
/// The bytes of a frame before its payload.
pub const FRAME_HEADER: usize = 17;
/// The longest payload: a leaf of C2SP tlog-tiles has a length of 16 bits.
pub const MAX_PAYLOAD: usize = 65_535;
/// The bytes of a trailer: a frame with count, chain and an end mark.
pub const TRAILER: usize = FRAME_HEADER + 4 + 32 + 4;
/// Ends every trailer, so that its last byte is never one of the zeros that follow.
const END_MARK: [u8; 4] = *b"|end";

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kind {
    /// An exchange was admitted; not a leaf.
    Begin = 1,
    /// The record of an exchange; a leaf.
    End = 2,
    /// What became of a streamed answer; a leaf.
    Closed = 3,
    /// The record of an exchange that no end followed, written at recovery; a leaf.
    Orphan = 4,
    /// A record about the gateway itself; a leaf.
    Note = 5,
    /// A begin that was still open when its segment ended, repeated at the start of the next; not a leaf.
    Carried = 6,
    /// The end of a batch; not a leaf.
    Trailer = 7,
}

impl Kind {
    /// The kind of this byte.
    pub fn from_byte(byte: u8) -> Option<Self> {
        [Self::Begin, Self::End, Self::Closed, Self::Orphan, Self::Note, Self::Carried, Self::Trailer]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }

    /// Whether the payload is a record, and so a leaf of the log.
    pub fn is_leaf(self) -> bool {
        matches!(self, Self::End | Self::Closed | Self::Orphan | Self::Note)
    }
}

/// One frame, as it lies in a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it holds.
    pub kind: Kind,
    /// Its number in the log, counted over all segments; a trailer has that of the frame after it.
    pub seq: u64,
    /// Its content.
    pub payload: &'a [u8],
    /// Where it begins in the segment.
    pub offset: usize,
}

impl<'a> Frame<'a> {
    /// The bytes of the whole frame.
    pub fn size(&self) -> usize {
        FRAME_HEADER + self.payload.len()
    }

    /// Reads the frame that begins at `offset`; `None` if the bytes there are not one.
    pub fn decode(bytes: &'a [u8], offset: usize) -> Option<Self> {
        let (header, rest) = bytes.get(offset..)?.split_first_chunk::<FRAME_HEADER>()?;
        let length = usize::try_from(be32(&header[..4])).ok().filter(|&length| length <= MAX_PAYLOAD)?;
        let kind = Kind::from_byte(header[8])?;
        let payload = rest.get(..length)?;
        let mut seq = [0; 8];
        seq.copy_from_slice(&header[9..]);
        (be32(&header[4..8]) == checksum(header, payload)).then_some(Self { kind, seq: u64::from_be_bytes(seq), payload, offset })
    }

    /// How many bytes the frame at `offset` says it has, if that is a possible length.
    pub(crate) fn claimed_size(bytes: &[u8], offset: usize) -> Option<usize> {
        let length = usize::try_from(be32(bytes.get(offset..offset + 4)?)).ok()?;
        (length <= MAX_PAYLOAD).then_some(FRAME_HEADER + length)
    }

    /// The frame's trailer content, if it is a well-formed trailer.
    pub(crate) fn trailer(&self) -> Option<TrailerContent> {
        let (count, rest) = self.payload.split_first_chunk::<4>()?;
        let (chain, mark) = rest.split_first_chunk::<32>()?;
        (self.kind == Kind::Trailer && mark == END_MARK).then_some(TrailerContent {
            count: u32::from_be_bytes(*count),
            chain: *chain,
            next_seq: self.seq,
        })
    }
}

/// What a trailer says.
pub(crate) struct TrailerContent {
    pub(crate) count: u32,
    pub(crate) chain: [u8; 32],
    pub(crate) next_seq: u64,
}

fn be32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |value, &byte| value << 8 | u32::from(byte))
}

fn checksum(header: &[u8; FRAME_HEADER], payload: &[u8]) -> u32 {
    let sum = crc32c::crc32c(&header[..4]);
    let sum = crc32c::crc32c_append(sum, &header[8..]);
    crc32c::crc32c_append(sum, payload)
}

/// Appends a frame.
pub(crate) fn push_frame(out: &mut Vec<u8>, kind: Kind, seq: u64, payload: &[u8]) {
    let mut header = [0; FRAME_HEADER];
    // Payloads are bounded by whoever queues them, far below 4 GiB.
    header[..4].copy_from_slice(&(payload.len() as u32).to_be_bytes());
    header[8] = kind as u8;
    header[9..].copy_from_slice(&seq.to_be_bytes());
    let sum = checksum(&header, payload);
    header[4..8].copy_from_slice(&sum.to_be_bytes());
    out.extend_from_slice(&header);
    out.extend_from_slice(payload);
}

/// Appends the trailer of a batch.
pub(crate) fn push_trailer(out: &mut Vec<u8>, next_seq: u64, count: u32, chain: &[u8; 32]) {
    let mut payload = [0; TRAILER - FRAME_HEADER];
    payload[..4].copy_from_slice(&count.to_be_bytes());
    payload[4..36].copy_from_slice(chain);
    payload[36..].copy_from_slice(&END_MARK);
    push_frame(out, Kind::Trailer, next_seq, &payload);
}

/// The first sector boundary at or after this offset.
pub fn sector_end(offset: usize) -> usize {
    offset.next_multiple_of(SECTOR)
}

/// Whether these bytes are zeros, compared a sector at a time.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(SECTOR).all(|chunk| chunk == &[0; SECTOR][..chunk.len()])
}
