use crate::frame::{Batches, is_zero};
use crate::frame::{Damage, DamageKind, Frame, SECTOR, TRAILER, push_trailer, sector_end};
use crate::hash::sha256;

/// What the end of a segment is, after its last whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// A write that was never finished, hence never acknowledged: it may be cut.
    Torn,
    /// Damage to what may have been acknowledged: nobody may cut it.
    Corrupt,
}

/// Whether the end of a segment's bytes is a write that was never finished, hence never acknowledged, and no damage.
pub fn is_torn(bytes: &[u8], batches: &Batches<'_>, damage: &Damage) -> bool {
    classify(bytes, batches, damage) == Tail::Torn
}

/// Tells a torn write from damage. `batches` stands before the batch in which `damage` was found.
///
/// A batch is written where there are only zeros, each sector of it once, and nothing is written behind it before it is durable. So
/// 1. a trailer of another batch behind the damage, or anything behind the trailer of this one, means that this one was
///    durable: damage;
/// 2. a sector of zeros within the batch means that it was never wholly written: torn;
/// 3. a whole frame behind a bad one, or a bad frame that is all there, cannot come from an unfinished write: damage;
/// 4. what is left is a frame that breaks off: torn.
pub(crate) fn classify(bytes: &[u8], batches: &Batches<'_>, damage: &Damage) -> Tail {
    if damage.kind != DamageKind::NotAFrame {
        return Tail::Corrupt;
    }
    let end = written_end(bytes);
    let written = &bytes[..end];
    let mut frame_behind = false;
    for frame in crate::frame::frames_after(written, damage.offset + 1, batches.next_seq()) {
        frame_behind = true;
        let Some(trailer) = frame.trailer() else { continue };
        let of_this_batch = trailer.next_seq.checked_sub(u64::from(trailer.count)) == Some(batches.next_seq());
        if !of_this_batch || end > sector_end(frame.offset + TRAILER) {
            return Tail::Corrupt;
        }
    }
    if written[damage.batch..].chunks_exact(SECTOR).any(is_zero) {
        return Tail::Torn;
    }
    if frame_behind || is_all_there(written, damage.offset) || is_damaged_trailer(written, batches, damage) {
        return Tail::Corrupt;
    }
    Tail::Torn
}

/// Where the written part ends: after the last byte that is not zero.
fn written_end(bytes: &[u8]) -> usize {
    let sectors = bytes.chunks(SECTOR).rposition(|sector| !is_zero(sector)).map_or(0, |at| at * SECTOR);
    let last = bytes[sectors..].iter().take(SECTOR).rposition(|&byte| byte != 0);
    last.map_or(sectors, |at| sectors + at + 1)
}

/// Whether a frame's own length says that it ends before the written part does. Neither a record (which ends in a brace) nor a
/// trailer (in its mark) ends in a zero, so such a frame was written to its end.
fn is_all_there(written: &[u8], offset: usize) -> bool {
    Frame::claimed_size(written, offset).is_some_and(|size| offset + size <= written.len())
}

/// Whether the bad frame is most of the trailer that the frames before it call for, to its last byte.
fn is_damaged_trailer(written: &[u8], batches: &Batches<'_>, damage: &Damage) -> bool {
    let Some(found) = written.get(damage.offset..damage.offset + TRAILER) else { return false };
    let count = u32::try_from(damage.seq - batches.next_seq()).unwrap_or(u32::MAX);
    let chain = sha256(&[&batches.chain(), &written[damage.batch..damage.offset]]);
    let mut expected = Vec::with_capacity(TRAILER);
    push_trailer(&mut expected, damage.seq, count, &chain);
    // Another frame shares with it the high bytes of its length and number at most.
    expected.iter().zip(found).filter(|(expected, found)| expected == found).count() > TRAILER * 2 / 3
}
