use aws_lc_rs::digest::{Context, SHA256};

use super::{FRAME_HEADER, Kind, SECTOR, TRAILER, push_frame, push_trailer, sector_end};
use crate::hash::{Digest, digest_of};

/// How many bytes of the disk a batch takes: its frames with so many bytes of payload together, trailer and padding.
pub fn batch_size(frames: usize, payload: usize) -> usize {
    sector_end(frames * FRAME_HEADER + payload + TRAILER)
}

/// Builds one batch after another in the same buffer, whole or a piece at a time.
pub struct BatchWriter {
    /// The frames, but for those that were let go.
    bytes: Vec<u8>,
    /// How many bytes were let go.
    gone: usize,
    /// Over the chain value before the batch and what was let go.
    hash: Context,
    chain: Digest,
    next_seq: u64,
    count: u32,
    /// Chain and number as they were before this batch.
    before: (Digest, u64),
}

impl BatchWriter {
    /// A writer that continues a segment after this chain value and sequence number.
    pub fn new(chain: [u8; 32], next_seq: u64) -> Self {
        Self { bytes: Vec::new(), gone: 0, hash: after(&chain), chain, next_seq, count: 0, before: (chain, next_seq) }
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

    /// Adds a frame and gives its number.
    pub fn push(&mut self, kind: Kind, payload: &[u8]) -> u64 {
        let seq = self.next_seq;
        push_frame(&mut self.bytes, kind, seq, payload);
        self.next_seq += 1;
        self.count += 1;
        seq
    }

    /// The whole sectors of the batch that were not let go. Nothing less is to be written before the batch is finished: a sector that is
    /// written twice may be left on the disk as it was the first time, with zeros behind a frame, which no unfinished write of whole
    /// sectors leaves.
    pub fn piece(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() / SECTOR * SECTOR]
    }

    /// Lets go of the [piece](Self::piece) at hand, which was written where the batch stands or behind the piece before it.
    pub fn let_go(&mut self) {
        let length = self.piece().len();
        self.hash.update(&self.bytes[..length]);
        self.gone += length;
        self.bytes.drain(..length);
    }

    /// Ends the batch, and gives what was not let go of it: its last frames, trailer and padding. The batch is to be written as it is,
    /// at a sector boundary.
    pub fn finish(&mut self) -> &[u8] {
        self.hash.update(&self.bytes);
        self.chain = digest_of(self.hash.clone());
        push_trailer(&mut self.bytes, self.next_seq, self.count, &self.chain);
        self.bytes.resize(sector_end(self.gone + self.bytes.len()) - self.gone, 0);
        &self.bytes
    }

    /// The finished batch is durable: begins the next one.
    pub fn keep(&mut self) {
        self.before = (self.chain, self.next_seq);
        self.clear();
    }

    /// The batch could not be written: its numbers are given to the next one.
    pub fn abandon(&mut self) {
        (self.chain, self.next_seq) = self.before;
        self.clear();
    }

    fn clear(&mut self) {
        self.hash = after(&self.chain);
        self.bytes.clear();
        (self.gone, self.count) = (0, 0);
    }
}

fn after(chain: &Digest) -> Context {
    let mut hash = Context::new(&SHA256);
    hash.update(chain);
    hash
}
