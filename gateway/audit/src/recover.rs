#[cfg(test)]
mod tests;

use std::collections::HashMap;

use exchange::ExchangeId;

use crate::frame::{Batches, DamageKind, Kind, SECTOR};
use crate::member;
use crate::segment::{HeaderError, SegmentHeader};
use crate::tail::{Tail, classify};

/// Where a log goes on after its last segment was read.
#[derive(Clone, Debug)]
pub struct Recovered {
    /// The segment's head.
    pub header: SegmentHeader,
    /// Where the next batch is written; what stands behind must be cut first.
    pub durable: u64,
    /// Whether a torn write stands there.
    pub torn: bool,
    /// The number of the next frame.
    pub next_seq: u64,
    /// The chain value of the last whole batch.
    pub chain: [u8; 32],
    /// The begins that no end or orphan followed, in order.
    pub open: Vec<OpenBegin>,
}

/// A begin without an end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBegin {
    /// The exchange.
    pub id: ExchangeId,
    /// The begin frame's payload.
    pub payload: Vec<u8>,
}

/// Why a log must not be written to: acknowledged records may be damaged, and whoever cuts them destroys the evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corrupt {
    /// The head of the segment.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// A batch that was durable once.
    #[error("{kind} at byte {offset}, frame {seq}")]
    Batch {
        /// Where in the segment.
        offset: u64,
        /// Which frame is wrong there.
        seq: u64,
        /// What is wrong.
        kind: DamageKind,
    },
}

/// Reads the last segment of a log. A torn end is reported so that it can be cut; damage is refused.
///
/// One segment is enough: begins that were open when it was started are repeated at its front.
pub fn recover(bytes: &[u8]) -> Result<Recovered, Corrupt> {
    let header = SegmentHeader::decode(bytes)?;
    let mut batches = Batches::new(bytes, SECTOR, header.chain(), header.first_seq);
    let mut open = HashMap::new();
    let torn = loop {
        match batches.next_batch() {
            Ok(Some(batch)) => batch.frames().for_each(|frame| note(&mut open, frame.kind, frame.seq, frame.payload)),
            Ok(None) => break false,
            Err(damage) if classify(bytes, &batches, &damage) == Tail::Torn => break true,
            Err(damage) => return Err(Corrupt::Batch { offset: damage.offset as u64, seq: damage.seq, kind: damage.kind }),
        }
    };
    let mut open: Vec<_> = open.into_iter().collect();
    open.sort_unstable_by_key(|(_, (seq, _))| *seq);
    let open = open.into_iter().map(|(id, (_, payload))| OpenBegin { id, payload: payload.to_vec() }).collect();
    let durable = batches.offset() as u64;
    Ok(Recovered { header, durable, torn, next_seq: batches.next_seq(), chain: batches.chain(), open })
}

fn note<'a>(open: &mut HashMap<ExchangeId, (u64, &'a [u8])>, kind: Kind, seq: u64, payload: &'a [u8]) {
    let Some(id) = matches!(kind, Kind::Begin | Kind::Carried | Kind::End | Kind::Orphan).then(|| member::exchange_id(payload)).flatten()
    else {
        return;
    };
    if matches!(kind, Kind::Begin | Kind::Carried) {
        open.insert(id, (seq, payload));
    } else {
        open.remove(&id);
    }
}
