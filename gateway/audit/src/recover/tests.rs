use proptest::prelude::*;

use super::*;
use crate::sample::{Sample, begin, end, id, orphan, three_batches};

#[test]
fn a_whole_log_goes_on_where_it_ended() {
    let sample = three_batches();
    let recovered = recover(&sample.bytes).expect("whole");
    assert!(!recovered.torn);
    assert_eq!(recovered.durable, sample.bytes.len() as u64);
    assert_eq!((recovered.next_seq, recovered.chain), (10, sample.writer.chain()));
    assert_eq!(recovered.open, [OpenBegin { id: id(2), payload: begin(2).1 }]);
    let allocated = [sample.bytes.as_slice(), &[0; 5000]].concat();
    assert_eq!(recover(&allocated).expect("whole").durable, sample.bytes.len() as u64);
}

#[test]
fn an_orphan_ends_what_was_open() {
    let sample = three_batches().batch(&[orphan(2)]);
    assert_eq!(recover(&sample.bytes).expect("whole").open, []);
}

/// A file cut at any byte, with and without the zeros of a segment that was allocated whole.
#[test]
fn a_torn_end_is_cut_and_never_refused() {
    let sample = three_batches();
    for cut in SECTOR..sample.bytes.len() {
        // A batch without its padding is whole; without a byte of its trailer it is not.
        let last = sample.bounds.iter().rposition(|&bound| end_of_trailer(&sample, bound) <= cut).expect("the head is whole");
        for allocated in [cut, sample.bytes.len() + 2048] {
            let mut bytes = sample.bytes[..cut].to_vec();
            bytes.resize(allocated, 0);
            let recovered = recover(&bytes).unwrap_or_else(|error| panic!("cut at {cut}, {allocated} bytes: {error}"));
            assert_eq!(recovered.durable, sample.bounds[last] as u64, "cut at {cut}");
        }
    }
}

/// Where the batch that ends at this bound has its last byte that is not padding.
fn end_of_trailer(sample: &Sample, bound: usize) -> usize {
    sample.bytes[..bound].iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1)
}

/// A power cut may leave any of the sectors of the last batch unwritten, not only the last ones.
#[test]
fn sectors_missing_from_the_last_batch_are_a_torn_write() {
    let sample = three_batches().batch(&(20..40).map(end).collect::<Vec<_>>());
    let (start, whole) = (sample.bounds[3], sample.bounds[4]);
    let sectors = (whole - start) / SECTOR;
    assert!(sectors > 2, "the batch must be larger than a sector");
    for lost in 1_u32..1 << sectors {
        let mut bytes = [sample.bytes.as_slice(), &[0; 2048]].concat();
        for sector in (0..sectors).filter(|sector| lost >> sector & 1 == 1) {
            bytes[start + sector * SECTOR..start + (sector + 1) * SECTOR].fill(0);
        }
        let recovered = recover(&bytes).unwrap_or_else(|error| panic!("lost {lost:b}: {error}"));
        assert_eq!(recovered.durable, start as u64, "lost {lost:b}");
    }
}

/// Every byte of every batch may have been acknowledged, those of the last one too.
#[test]
fn a_changed_byte_is_damage_and_refused() {
    let sample = three_batches();
    for allocated in [sample.bytes.len(), sample.bytes.len() + 2048] {
        for at in 0..sample.bytes.len() {
            for change in [1, 0x80, 0xff] {
                let mut bytes = sample.bytes.clone();
                bytes.resize(allocated, 0);
                bytes[at] ^= change;
                assert!(recover(&bytes).is_err(), "byte {at} changed by {change:#x}, {allocated} bytes");
            }
        }
    }
}

#[test]
fn good_frames_behind_a_bad_one_are_refused() {
    let sample = three_batches();
    let mut bytes = sample.bytes.clone();
    // A whole sector of the second batch is gone, but the third one proves that it was durable.
    bytes[sample.bounds[1]..sample.bounds[1] + SECTOR].fill(0);
    assert!(matches!(recover(&bytes), Err(Corrupt::Batch { seq: 2, kind: DamageKind::NotAFrame, .. })));
}

#[test]
fn batches_out_of_place_are_refused() {
    let sample = three_batches();
    let [first, second, third] = [0, 1, 2].map(|at| sample.bytes[sample.bounds[at]..sample.bounds[at + 1]].to_vec());
    let head = &sample.bytes[..SECTOR];
    let of = |batches: &[&Vec<u8>]| [head.to_vec(), batches.iter().flat_map(|batch| (*batch).clone()).collect()].concat();
    assert!(recover(&of(&[&first, &second, &third])).is_ok());
    for wrong in [of(&[&second, &third]), of(&[&first, &third]), of(&[&first, &second, &second]), of(&[&second, &first, &third])] {
        assert!(matches!(recover(&wrong), Err(Corrupt::Batch { kind: DamageKind::Sequence, .. })));
    }
    // The same numbers, another history.
    let other = Sample::first().batch(&[begin(9), begin(2)]);
    let swapped = of(&[&other.bytes[SECTOR..].to_vec(), &second, &third]);
    assert!(matches!(recover(&swapped), Err(Corrupt::Batch { kind: DamageKind::Chain, .. })));
}

proptest! {
    /// Any prefix of a log with any of the last batch's sectors missing keeps everything before that batch.
    #[test]
    fn an_unfinished_last_batch_never_costs_the_others(
        sizes in prop::collection::vec(1_usize..8, 1..5),
        torn in 1_usize..40,
        lost in any::<u64>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut sample = Sample::first();
        for (at, size) in sizes.iter().enumerate() {
            sample = sample.batch(&vec![end(at as u8); *size]);
        }
        let kept = sample.bytes.len();
        let mut bytes = sample.batch(&vec![end(9); torn]).bytes;
        let end = bytes.iter().rposition(|&byte| byte != 0).expect("a trailer") ;
        let cut = kept + cut.index(end - kept);
        bytes[cut..].fill(0);
        for (at, sector) in bytes[kept..].chunks_exact_mut(SECTOR).enumerate() {
            if lost >> (at % 64) & 1 == 1 {
                sector.fill(0);
            }
        }
        let recovered = recover(&bytes);
        prop_assert!(recovered.is_ok(), "{:?}", recovered);
        prop_assert_eq!(recovered.map(|recovered| recovered.durable), Ok(kept as u64));
    }
}
