//! The audit log's readers on bytes that are no log, on logs that were written wrong, and on good logs that a torn write or
//! a bad disk changed. Checksums guard nothing here: where an input would only break them, they are written anew.

use audit::frame::{BatchWriter, Batches, Frame, Kind, SECTOR};
use audit::jcs::{MAX_DEPTH, encode};
use audit::segment::SegmentHeader;
use audit::{Canonical, Event, FaultKind, LeafView, Record, Recovered, Report, Verifier, orphaned, recover};
use bytes::Bytes;
use exchange::{ExchangeId, Json, JsonLimits, Timestamp};

const ORIGIN: &str = "varco.example/log/gw01";
/// Some dozens of frames lie in every way that more of them do, and take less time.
const LONGEST_PLAN: usize = 64;

/// The first byte says what the others are: `b` a segment, `t` what stands behind a good head, `f` frames of any content
/// that are written as they should be, `l` a log of exchanges and what happened to it, `j` a record.
pub fn run(data: &[u8]) {
    let Some((form, rest)) = data.split_first() else { return };
    match form {
        b't' => any_segment(&[&head(0, [0; 32]).encode()[..], rest].concat()),
        b'f' => any_frames(rest),
        b'l' => changed_log(rest),
        b'j' => any_record(rest),
        _ => any_segment(rest),
    }
}

fn head(first_seq: u64, previous: [u8; 32]) -> SegmentHeader {
    SegmentHeader { origin: ORIGIN.into(), first_seq, previous }
}

/// Every reader, on anything.
fn any_segment(bytes: &[u8]) {
    for offset in 0..bytes.len().min(64) {
        if let Some(frame) = Frame::decode(bytes, offset) {
            assert_eq!(
                (frame.offset, &bytes[offset + frame.size() - frame.payload.len()..][..frame.payload.len()]),
                (offset, frame.payload)
            );
        }
    }
    let report = verified(&[(bytes, true)]);
    assert!(report.frames >= report.records && report.fault_count >= report.faults.len() as u64);
    if let Ok(recovered) = recover(bytes) {
        check_recovered(bytes, &recovered);
    }
}

fn verified(segments: &[(&[u8], bool)]) -> Report {
    let mut verifier = Verifier::new();
    for (at, (bytes, last)) in segments.iter().enumerate() {
        verifier.segment(&format!("segment {at}"), bytes, *last);
    }
    verifier.finish()
}

/// What was recovered can be gone on with: it is whole, its open exchanges get their orphans, and all of it is right.
fn check_recovered(bytes: &[u8], recovered: &Recovered) {
    let durable = usize::try_from(recovered.durable).expect("an offset");
    // The padding of the last batch may be missing.
    let kept = &bytes[..durable.min(bytes.len())];
    let again = recover(kept).expect("what was recovered is whole");
    assert!(!again.torn, "what is kept was torn");
    assert_eq!((again.durable, again.next_seq, again.chain), (recovered.durable, recovered.next_seq, recovered.chain));
    assert_eq!(again.open, recovered.open);
    let before = damage(&verified(&[(kept, true)]));

    let mut log = kept.to_vec();
    log.resize(durable, 0);
    let mut writer = BatchWriter::new(recovered.chain, recovered.next_seq);
    let mut all = true;
    for begin in &recovered.open {
        let mut out = Vec::new();
        match Canonical::check(&begin.payload).map(|begin| orphaned(begin, Timestamp::from_seconds(2), &mut out)) {
            Ok(Ok(orphan)) => _ = writer.push(Kind::Orphan, orphan.bytes()),
            _ => all = false,
        }
    }
    // The last numbers there are: nothing can follow.
    if recovered.next_seq > u64::MAX - 1000 || writer.is_empty() {
        return;
    }
    log.extend_from_slice(writer.finish());
    let after = recover(&log).expect("a log that went on");
    assert_eq!((after.torn, after.durable, after.chain), (false, log.len() as u64, writer.chain()));
    assert!(!all || after.open.is_empty(), "an orphan ended nothing");
    assert_eq!(damage(&verified(&[(&log, true)])), before, "going on broke the log");
}

/// The faults that no content of a payload explains.
fn damage(report: &Report) -> usize {
    report.faults.iter().filter(|fault| matches!(fault.kind, FaultKind::Batch(_) | FaultKind::Unfinished)).count()
}

/// Batches of payloads that mean nothing, from any number on: what is pushed is what is read.
fn any_frames(program: &[u8]) {
    let Some((first, rest)) = program.split_first_chunk::<8>() else { return };
    let head = head(u64::from_be_bytes(*first), [first[0]; 32]);
    let mut bytes = head.encode().to_vec();
    let mut writer = BatchWriter::new(head.chain(), head.first_seq);
    let mut pushed = Vec::new();
    for command in rest.split(|&byte| byte == b'\n').take(200) {
        let kind = command.first().and_then(|&byte| Kind::from_byte(byte.wrapping_sub(b'0')));
        if writer.next_seq() == u64::MAX {
            break;
        }
        match kind {
            Some(Kind::Trailer) | None => {
                bytes.extend_from_slice(writer.finish());
                writer.keep();
            }
            Some(kind) => {
                writer.push(kind, &command[1..]);
                pushed.push((kind, command[1..].to_vec()));
            }
        }
    }
    let unfinished = writer.count() as usize;
    pushed.truncate(pushed.len() - unfinished);
    let mut batches = Batches::new(&bytes, SECTOR, head.chain(), head.first_seq);
    let mut read = Vec::new();
    while let Some(batch) = batches.next_batch().expect("whole batches") {
        assert_eq!((batch.offset % SECTOR, batch.frames().count()), (0, batch.count as usize));
        read.extend(batch.frames().map(|frame| (frame.kind, frame.payload.to_vec())));
    }
    assert_eq!(read, pushed);
    let recovered = recover(&bytes).expect("whole");
    assert_eq!((recovered.torn, recovered.durable), (false, bytes.len() as u64));
    check_recovered(&bytes, &recovered);
    assert_eq!(damage(&verified(&[(&bytes, true)])), 0);
}

/// A log that the store could have written: each batch's frames are records of exchanges.
struct Log {
    bytes: Vec<u8>,
    /// Where each batch begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Log {
    /// Each byte is an exchange and what became of it; a zero ends a batch.
    fn of(plan: &[u8]) -> Self {
        let head = head(0, [0; 32]);
        let mut log = Self { bytes: head.encode().to_vec(), bounds: vec![SECTOR] };
        let mut writer = BatchWriter::new(head.chain(), 0);
        for &step in plan.iter().chain(&[0]) {
            let (kind, event) = match step % 4 {
                0 => (Kind::End, Event::Exchange),
                1 => (Kind::Closed, Event::Exchange),
                _ => (Kind::Begin, Event::Begun),
            };
            if step != 0 {
                let mut out = Vec::new();
                let id = ExchangeId::new(Timestamp::from_seconds(1), [step / 4; 10]);
                let record = Record { id: Some(id), ..Record::new(event, "gw01", Timestamp::from_seconds(i64::from(step))) };
                writer.push(kind, record.to_jcs(&mut out).expect("a record").bytes());
            } else if !writer.is_empty() {
                log.bytes.extend_from_slice(writer.finish());
                writer.keep();
                log.bounds.push(log.bytes.len());
            }
        }
        log
    }
}

/// A plan behind its length, a byte that says what happens, and how.
fn changed_log(program: &[u8]) {
    let Some((&length, rest)) = program.split_first() else { return };
    let (plan, rest) = rest.split_at(usize::from(length).min(LONGEST_PLAN).min(rest.len()));
    let log = Log::of(plan);
    let recovered = recover(&log.bytes).expect("a good log");
    assert_eq!((recovered.torn, recovered.durable), (false, log.bytes.len() as u64));
    assert_eq!(damage(&verified(&[(&log.bytes, true)])), 0);
    check_recovered(&log.bytes, &recovered);
    let Some((&how, how_far)) = rest.split_first() else { return };
    match how {
        b't' => torn(&log, how_far),
        b'd' => damaged(&log, how_far),
        _ => scrambled(&log, how_far),
    }
}

/// The last batch was not wholly written: some of its sectors are missing. It is cut, and nothing before it.
fn torn(log: &Log, lost: &[u8]) {
    let &[.., start, end] = &log.bounds[..] else { return };
    let mut bytes = log.bytes.clone();
    let mut missing = false;
    for (at, sector) in bytes[start..end].chunks_exact_mut(SECTOR).enumerate() {
        if lost.get(at / 8 % lost.len().max(1)).is_some_and(|bits| bits >> (at % 8) & 1 == 1) {
            missing = true;
            sector.fill(0);
        }
    }
    if !missing {
        return;
    }
    if lost.len().is_multiple_of(2) {
        bytes.resize(bytes.len() + 4 * SECTOR, 0);
    }
    let recovered = recover(&bytes).expect("a torn write is cut");
    assert_eq!(recovered.durable, start as u64, "a torn write took more, or less");
    assert_eq!(damage(&verified(&[(&bytes, true)])), 0, "a torn write was blamed");
    check_recovered(&bytes, &recovered);
}

/// One byte was changed. Whatever it was, it may have been acknowledged: nobody may cut it.
fn damaged(log: &Log, how: &[u8]) {
    let &[high, low, change, ..] = how else { return };
    let at = usize::from(u16::from_be_bytes([high, low])) % log.bytes.len();
    let mut bytes = log.bytes.clone();
    bytes[at] ^= if change == 0 { 1 } else { change };
    assert!(recover(&bytes).is_err(), "damage at {at} was taken for a torn write");
    assert!(verified(&[(&bytes, true)]).fault_count > 0, "damage at {at} was not seen");
}

/// Anything else: sectors swapped, bytes overwritten, the end lost. What is recovered is a part of what was written.
fn scrambled(log: &Log, how: &[u8]) {
    let mut bytes = log.bytes.clone();
    for step in how.chunks_exact(4) {
        let place = usize::from(u16::from_be_bytes([step[1], step[2]]));
        let (at, sector) = (place % bytes.len(), place % (bytes.len() / SECTOR) * SECTOR);
        match step[0] % 5 {
            0 => bytes[at] = step[3],
            1 => bytes[sector..sector + SECTOR].fill(0),
            2 => {
                let to = usize::from(step[3]) % (bytes.len() / SECTOR) * SECTOR;
                bytes.copy_within(sector..sector + SECTOR, to);
            }
            3 => bytes.truncate(at.max(SECTOR)),
            _ => bytes.extend_from_slice(&log.bytes[sector.min(log.bytes.len() - SECTOR)..]),
        }
        bytes.truncate(64 * 1024);
    }
    any_segment(&bytes);
    if let Ok(recovered) = recover(&bytes) {
        let durable = usize::try_from(recovered.durable).expect("an offset");
        assert!(log.bytes.starts_with(&bytes[..durable.min(bytes.len())]), "recovered what was never written");
    }
}

/// A record is canonical for the checker exactly if the encoder writes it so.
fn any_record(text: &[u8]) {
    let view = LeafView::new(text);
    _ = (view.id(), view.text("ev"), view.raw("lat"));
    let checked = Canonical::check(text);
    let limits = JsonLimits { depth: MAX_DEPTH as u16, ..JsonLimits::default() };
    let Ok(json) = Json::read(Bytes::copy_from_slice(text), &limits) else {
        return assert!(checked.is_err(), "canonical, and not JSON");
    };
    let mut out = Vec::new();
    let encoded = encode(json.root(), &mut out);
    assert_eq!(checked.is_ok(), encoded.is_ok() && out == text && text.starts_with(b"{"), "the checker and the encoder disagree");
    let Ok(record) = checked else { return };
    assert_eq!(exchange::json::canonical(&json, &[]), text, "two canonical forms");
    for (name, value) in json.root().members() {
        let name = name.as_str().expect("a name is a string");
        assert_eq!(view.raw(name), Some(value.raw().as_bytes()), "a view of {name} shows something else");
    }
    let mut out = Vec::new();
    if let Ok(orphan) = orphaned(record, Timestamp::from_seconds(2), &mut out) {
        let orphan = LeafView::new(orphan.bytes());
        assert_eq!((orphan.text("ev"), orphan.id()), (Some("exchange.orphaned"), view.id()));
    }
}
