//! The head of a segment: one sector that says which log it belongs to and what came before it.

use crate::frame::SECTOR;
use crate::hash::{Digest, sha256};

/// The longest origin, in bytes.
pub const MAX_ORIGIN: usize = 255;

const MAGIC: [u8; 8] = *b"varcolog";
const VERSION: u16 = 1;
const ORIGIN_AT: usize = 52;

/// What the first sector of a segment says. The batches follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// The log's name: a URL without scheme, as in its checkpoints (C2SP tlog-checkpoint).
    pub origin: String,
    /// The number of the segment's first frame.
    pub first_seq: u64,
    /// The chain value after the previous segment's last batch; zeros in a log's first segment.
    pub previous: [u8; 32],
}

/// How an epoch is named: the second in which it began and four random bytes, `20261122T151627Z9f3c01ab`.
pub const EPOCH: usize = 24;

/// The longest origin of a log whose epochs have origins too.
pub const LONGEST_BASE: usize = MAX_ORIGIN - EPOCH - 2;

/// The origin of a log that was restored from a backup and goes on from there. What was recorded after the backup went on from there too,
/// so the two must not have one name: that of this one tells when it was restored.
pub fn epoch_origin(base: &str, epoch: &str) -> String {
    format!("{base}/e{epoch}")
}

/// Which epoch of a log an origin is of: the empty text is the first. `None` where it is another log.
pub fn epoch_of<'a>(origin: &'a str, base: &str) -> Option<&'a str> {
    let rest = origin.strip_prefix(base)?;
    if rest.is_empty() {
        return Some(rest);
    }
    let is_digit = |at: usize, byte: u8| match at {
        8 => byte == b'T',
        15 => byte == b'Z',
        16.. => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
        _ => byte.is_ascii_digit(),
    };
    rest.strip_prefix("/e").filter(|epoch| epoch.len() == EPOCH && epoch.bytes().enumerate().all(|(at, byte)| is_digit(at, byte)))
}

/// Why a sector is not the head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Too short, without the magic, or with a wrong checksum.
    #[error("not the head of a segment")]
    Damaged,
    /// A version that this program does not know.
    #[error("version {0} of the segment is not known")]
    Version(u16),
}

impl SegmentHeader {
    /// The sector. The origin must not be longer than [`MAX_ORIGIN`]; what is beyond is cut.
    pub fn encode(&self) -> [u8; SECTOR] {
        let mut sector = [0; SECTOR];
        let origin = &self.origin.as_bytes()[..self.origin.len().min(MAX_ORIGIN)];
        sector[..8].copy_from_slice(&MAGIC);
        sector[8..10].copy_from_slice(&VERSION.to_be_bytes());
        sector[10..12].copy_from_slice(&(origin.len() as u16).to_be_bytes());
        sector[12..20].copy_from_slice(&self.first_seq.to_be_bytes());
        sector[20..52].copy_from_slice(&self.previous);
        sector[ORIGIN_AT..ORIGIN_AT + origin.len()].copy_from_slice(origin);
        let sum = crc32c::crc32c(&sector[..SECTOR - 4]);
        sector[SECTOR - 4..].copy_from_slice(&sum.to_be_bytes());
        sector
    }

    /// Reads the first sector of a segment.
    pub fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let sector = bytes.first_chunk::<SECTOR>().ok_or(HeaderError::Damaged)?;
        let (content, sum) = sector.split_at(SECTOR - 4);
        if content[..8] != MAGIC || crc32c::crc32c(content).to_be_bytes() != sum {
            return Err(HeaderError::Damaged);
        }
        let version = u16::from_be_bytes([content[8], content[9]]);
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let length = usize::from(u16::from_be_bytes([content[10], content[11]]));
        let origin = content.get(ORIGIN_AT..ORIGIN_AT + length).and_then(|text| std::str::from_utf8(text).ok());
        let origin = origin.ok_or(HeaderError::Damaged)?.to_owned();
        let mut first_seq = [0; 8];
        first_seq.copy_from_slice(&content[12..20]);
        let mut previous = [0; 32];
        previous.copy_from_slice(&content[20..52]);
        Ok(Self { origin, first_seq: u64::from_be_bytes(first_seq), previous })
    }

    /// The chain value that the segment's first batch follows: the hash of the head, so that the head is chained too.
    pub fn chain(&self) -> [u8; 32] {
        chain(&self.encode())
    }
}

fn chain(sector: &[u8; SECTOR]) -> Digest {
    sha256(&[sector])
}

/// The name of the file that holds the segment with this first number; names sort as the segments follow each other.
pub fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}.log")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_reads_back_and_no_byte_of_it_can_change() {
        let header = SegmentHeader { origin: "varco.example/log/gw01".into(), first_seq: 77, previous: [9; 32] };
        let sector = header.encode();
        assert_eq!(SegmentHeader::decode(&sector), Ok(header));
        for at in 0..SECTOR {
            let mut bad = sector;
            bad[at] ^= 1;
            assert_eq!(SegmentHeader::decode(&bad), Err(HeaderError::Damaged), "byte {at}");
        }
        assert_eq!(SegmentHeader::decode(&sector[..SECTOR - 1]), Err(HeaderError::Damaged));
    }

    #[test]
    fn names_sort_like_numbers() {
        assert_eq!(file_name(7), "00000000000000000007.log");
        assert!(file_name(99) < file_name(100));
        assert!(file_name(u64::MAX - 1) < file_name(u64::MAX));
    }

    #[test]
    fn an_epoch_is_of_its_log_alone() {
        let epoch = "20261122T151627Z9f3c01ab";
        let origin = epoch_origin("ente.example/log", epoch);
        assert_eq!(epoch_of(&origin, "ente.example/log"), Some(epoch));
        assert_eq!(epoch_of("ente.example/log", "ente.example/log"), Some(""));
        for other in [
            "ente.example/logs",
            "ente.example/log/e2",
            "ente.example/log/e20261122T151627Z9F3C01AB",
            "ente.example/log/e20261122T151627Z",
            "altri.example/log",
        ] {
            assert_eq!(epoch_of(other, "ente.example/log"), None, "{other}");
        }
    }
}
