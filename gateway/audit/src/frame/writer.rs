use super::{FRAME_HEADER, Kind, TRAILER, push_frame, push_trailer, sector_end};
use crate::hash::{Digest, sha256};

/// Builds one batch after another in the same buffer.
#[derive(Debug)]
pub struct BatchWriter {
    bytes: Vec<u8>,
    chain: Digest,
    next_seq: u64,
    count: u32,
    /// Chain and number as they were before this batch.
    before: (Digest, u64),
}

impl BatchWriter {
    /// A writer that continues a segment after this chain value and sequence number.
    pub fn new(chain: [u8; 32], next_seq: u64) -> Self {
        Self { bytes: Vec::new(), chain, next_seq, count: 0, before: (chain, next_seq) }
    }

    /// The number the next frame gets.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The chain value of the last finished batch.
    pub fn chain(&self) -> [u8; 32] {
        self.chain
    }

    /// Whether no frame was pushed since the last batch.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many frames the batch has.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many bytes of the disk the batch takes if a payload of this length joins it, or as it is for a length of 0.
    pub fn size_with(&self, payload: usize) -> usize {
        let frame = if payload == 0 { 0 } else { FRAME_HEADER + payload };
        sector_end(self.bytes.len() + frame + TRAILER)
    }

    /// Adds a frame and gives its number.
    pub fn push(&mut self, kind: Kind, payload: &[u8]) -> u64 {
        let seq = self.next_seq;
        push_frame(&mut self.bytes, kind, seq, payload);
        self.next_seq += 1;
        self.count += 1;
        seq
    }

    /// Ends the batch: trailer and padding. The bytes are to be written as they are, at a sector boundary.
    pub fn finish(&mut self) -> &[u8] {
        self.chain = sha256(&[&self.chain, &self.bytes]);
        push_trailer(&mut self.bytes, self.next_seq, self.count, &self.chain);
        self.bytes.resize(sector_end(self.bytes.len()), 0);
        &self.bytes
    }

    /// The finished batch is durable: begins the next one.
    pub fn keep(&mut self) {
        self.before = (self.chain, self.next_seq);
        self.bytes.clear();
        self.count = 0;
    }

    /// The batch could not be written: its numbers are given to the next one.
    pub fn abandon(&mut self) {
        (self.chain, self.next_seq) = self.before;
        self.bytes.clear();
        self.count = 0;
    }
}
