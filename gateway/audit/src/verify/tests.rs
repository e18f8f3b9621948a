use super::*;
use crate::sample::{Sample, begin, carried, end, orphan, three_batches};

fn verify(segments: &[&[u8]]) -> Report {
    let mut verifier = Verifier::new();
    for (at, bytes) in segments.iter().enumerate() {
        verifier.segment(&format!("{at}"), bytes, at + 1 == segments.len());
    }
    verifier.finish()
}

fn kinds(report: &Report) -> Vec<FaultKind> {
    report.faults.iter().map(|fault| fault.kind).collect()
}

/// Two segments; exchange 2 is open across them and 9 stays open.
fn two_segments() -> [Sample; 2] {
    let first = three_batches().batch(&[begin(9)]);
    let second = first.next().batch(&[carried(2), carried(9)]).batch(&[end(2), end(11)]);
    [first, second]
}

#[test]
fn a_whole_log_has_no_fault() {
    let [first, second] = two_segments();
    let report = verify(&[&first.bytes, &second.bytes]);
    assert_eq!(report.faults, []);
    assert_eq!((report.segments, report.batches, report.frames, report.records, report.open), (2, 6, 15, 9, 1));
    assert_eq!(report.chain, second.writer.chain());
    assert!(!report.unfinished);
    assert_eq!(verify(&[]), Report::default());
}

#[test]
fn every_changed_byte_is_named_where_it_is() {
    let [first, second] = two_segments();
    for (at, sample) in [&first, &second].into_iter().enumerate() {
        for byte in 0..sample.bytes.len() {
            let mut changed = sample.bytes.clone();
            changed[byte] ^= 0x20;
            let segments = if at == 0 { [&changed, &second.bytes] } else { [&first.bytes, &changed] };
            let report = verify(&segments.map(Vec::as_slice));
            assert_ne!(report.fault_count, 0, "segment {at} byte {byte}");
            // The fault is found in the frame or batch that holds the byte, never in an earlier one.
            let start = sample.bounds.iter().rfind(|&&bound| bound <= byte).copied().unwrap_or(0) as u64;
            let fault = &report.faults[0];
            assert_eq!(fault.segment, at.to_string(), "byte {byte}: {fault:?}");
            assert!(fault.offset >= start && fault.offset <= byte as u64 + SECTOR as u64, "byte {byte}: {fault:?}");
        }
    }
}

#[test]
fn a_fault_does_not_hide_the_next() {
    let sample = three_batches().batch(&[end(20)]).batch(&[end(21)]);
    let mut bytes = sample.bytes.clone();
    for batch in [0, 2, 4] {
        bytes[sample.bounds[batch] + 20] ^= 1;
    }
    let report = verify(&[&bytes]);
    let offsets: Vec<_> = report.faults.iter().map(|fault| fault.offset as usize).collect();
    assert_eq!(offsets, [sample.bounds[0], sample.bounds[2], sample.bounds[4]]);
    assert_eq!(report.batches, 2);
}

#[test]
fn segments_must_follow_each_other() {
    let [first, second] = two_segments();
    let third = second.next().batch(&[carried(9)]).batch(&[end(9)]);
    assert_eq!(verify(&[&first.bytes, &second.bytes, &third.bytes]).faults, []);
    assert_eq!(kinds(&verify(&[&first.bytes, &third.bytes])), [FaultKind::Sequel]);
    assert_eq!(kinds(&verify(&[&second.bytes, &third.bytes])), [FaultKind::MissingStart]);
    let cut = &first.bytes[..first.bounds[3]];
    assert_eq!(kinds(&verify(&[cut, &second.bytes])), [FaultKind::Sequel]);
    let torn = &first.bytes[..first.bounds[3] + 30];
    assert_eq!(kinds(&verify(&[torn, &second.bytes])), [FaultKind::Unfinished, FaultKind::Sequel]);
    let foreign =
        crate::segment::SegmentHeader { origin: "other".into(), first_seq: first.writer.next_seq(), previous: first.writer.chain() };
    let foreign = Sample::with(&foreign).batch(&[carried(2), carried(9)]);
    assert_eq!(kinds(&verify(&[&first.bytes, &foreign.bytes])), [FaultKind::Origin]);
}

#[test]
fn an_unfinished_end_is_no_fault_of_a_log_that_goes_on() {
    let sample = three_batches();
    let report = verify(&[&sample.bytes[..sample.bounds[3] - 600]]);
    assert_eq!((report.faults.as_slice(), report.unfinished, report.batches), ([].as_slice(), true, 2));
}

#[test]
fn what_frames_say_must_fit_together() {
    let record = |kind, text: &str| (kind, text.as_bytes().to_vec());
    let long = format!("{{\"id\":\"019ab1c2-7d3e-7a10-9c55-3f2b8e6d1a04\",\"x\":\"{}\"}}", "x".repeat(MAX_RECORD));
    for (frame, expected) in [
        (begin(2), FaultKind::BegunTwice),
        (carried(8), FaultKind::NotOpen),
        (orphan(8), FaultKind::NotOpen),
        (record(Kind::End, "{}"), FaultKind::NoId),
        (record(Kind::End, "{\"id\":\"not one\"}"), FaultKind::NoId),
        (record(Kind::Note, "{ }"), FaultKind::NotCanonical(JcsError::Syntax(1))),
        (record(Kind::End, "{\"b\":1,\"a\":1}"), FaultKind::NotCanonical(JcsError::Order)),
        (record(Kind::End, &long), FaultKind::TooLong),
    ] {
        let sample = three_batches().batch(&[end(30), frame]);
        let report = verify(&[&sample.bytes]);
        assert_eq!(kinds(&report), [expected]);
        assert_eq!(report.faults[0].seq, Some(11));
    }
}

#[test]
fn a_begin_that_the_next_segment_forgot_is_named() {
    let first = three_batches();
    let second = first.next().batch(&[end(12)]);
    let report = verify(&[&first.bytes, &second.bytes]);
    assert_eq!(kinds(&report), [FaultKind::NeverEnded]);
    assert_eq!((report.faults[0].segment.as_str(), report.faults[0].seq), ("0", Some(1)));
}

#[test]
fn a_report_is_bounded() {
    let frames: Vec<_> = (0..LISTED + 5).map(|_| (Kind::Note, b"[]".to_vec())).collect();
    let report = verify(&[&Sample::first().batch(&frames).bytes]);
    assert_eq!((report.faults.len(), report.fault_count), (LISTED, LISTED as u64 + 5));
}
