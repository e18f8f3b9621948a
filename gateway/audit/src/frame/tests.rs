use proptest::prelude::*;

use super::*;
use crate::sample::three_batches;

#[test]
fn a_frame_lies_as_the_format_says() {
    let mut out = Vec::new();
    push_frame(&mut out, Kind::Note, 0x0102_0304_0506_0708, b"{}");
    assert_eq!(out[..4], [0, 0, 0, 2]);
    assert_eq!(out[8..], [5, 1, 2, 3, 4, 5, 6, 7, 8, b'{', b'}']);
    let covered = [&out[..4], &out[8..]].concat();
    assert_eq!(out[4..8], crc32c::crc32c(&covered).to_be_bytes());
}

#[test]
fn batches_begin_sectors_and_hold_what_was_pushed() {
    let sample = three_batches();
    let header = crate::segment::SegmentHeader::decode(&sample.bytes).expect("a head");
    let mut batches = Batches::new(&sample.bytes, SECTOR, header.chain(), 0);
    let mut seqs = Vec::new();
    let mut offsets = Vec::new();
    while let Some(batch) = batches.next_batch().expect("whole") {
        offsets.push(batch.offset);
        assert_eq!(batch.frames().count(), batch.count as usize);
        seqs.extend(batch.frames().map(|frame| frame.seq));
    }
    assert_eq!(seqs, (0..10).collect::<Vec<_>>());
    offsets.push(batches.offset());
    assert_eq!(offsets, sample.bounds);
    assert!(offsets.iter().all(|offset| offset % SECTOR == 0));
    assert_eq!(batches.chain(), sample.writer.chain());
}

#[test]
fn the_last_number_is_not_passed() {
    let mut bytes = Vec::new();
    push_frame(&mut bytes, Kind::Note, u64::MAX, b"{}");
    let damage = Batches::new(&bytes, 0, [0; 32], u64::MAX).next_batch().expect_err("no number follows");
    assert_eq!((damage.kind, damage.seq), (DamageKind::Sequence, u64::MAX));
}

#[test]
fn an_abandoned_batch_leaves_no_trace() {
    let mut writer = BatchWriter::new([0; 32], 0);
    writer.push(Kind::Note, b"{}");
    let expected = writer.finish().to_vec();
    let mut writer = BatchWriter::new([0; 32], 0);
    writer.push(Kind::Note, b"{\"lost\":true}");
    writer.let_go();
    writer.finish();
    writer.abandon();
    writer.push(Kind::Note, b"{}");
    assert_eq!(writer.finish(), expected);
}

#[test]
fn the_size_foretold_is_the_size_written() {
    for length in [1, 2, 400, 421, 422, 423, 424, 425, 512, 4096, MAX_PAYLOAD] {
        let mut writer = BatchWriter::new([0; 32], 0);
        writer.push(Kind::Note, &vec![b'x'; length]);
        assert_eq!(writer.finish().len(), batch_size(1, length), "{length}");
    }
}

proptest! {
    #[test]
    fn what_is_pushed_is_read_back(
        batches in prop::collection::vec(prop::collection::vec((1_u8..7, prop::collection::vec(any::<u8>(), 1..600)), 1..6), 1..6),
        first_seq in 0_u64..u64::MAX / 2,
        piece in 1_usize..3000,
    ) {
        let mut writer = BatchWriter::new([3; 32], first_seq);
        let mut bytes = Vec::new();
        for batch in &batches {
            for (kind, payload) in batch {
                writer.push(Kind::from_byte(*kind).expect("a kind"), payload);
                if writer.piece().len() >= piece {
                    bytes.extend_from_slice(writer.piece());
                    writer.let_go();
                }
            }
            bytes.extend_from_slice(writer.finish());
            writer.keep();
        }
        let mut reader = Batches::new(&bytes, 0, [3; 32], first_seq);
        for batch in &batches {
            let read = reader.next_batch().expect("whole").expect("there");
            let frames: Vec<_> = read.frames().map(|frame| (frame.kind as u8, frame.payload.to_vec())).collect();
            prop_assert_eq!(&frames, batch);
        }
        prop_assert!(reader.next_batch().expect("clean").is_none());
        prop_assert_eq!(reader.next_seq(), first_seq + batches.iter().map(Vec::len).sum::<usize>() as u64);
    }

    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = Batches::new(&bytes, 0, [0; 32], 0).next_batch();
        let _ = crate::recover(&bytes);
        let head = crate::sample::Sample::first().bytes;
        let _ = crate::recover(&[head.as_slice(), &bytes].concat());
        let mut verifier = crate::Verifier::new();
        verifier.segment("a", &[head.as_slice(), &bytes].concat(), true);
        let _ = verifier.finish();
    }
}
