//! Small logs for tests.

use exchange::{ExchangeId, Timestamp};

use crate::frame::{BatchWriter, Kind};
use crate::segment::SegmentHeader;
use crate::{Event, Record, orphaned};

pub(crate) const ORIGIN: &str = "varco.example/log/gw01";

pub(crate) fn id(number: u8) -> ExchangeId {
    ExchangeId::new(Timestamp::from_seconds(1), [number; 10])
}

pub(crate) fn begin(number: u8) -> (Kind, Vec<u8>) {
    (Kind::Begin, record(Event::Begun, number))
}

pub(crate) fn carried(number: u8) -> (Kind, Vec<u8>) {
    (Kind::Carried, record(Event::Begun, number))
}

pub(crate) fn end(number: u8) -> (Kind, Vec<u8>) {
    (Kind::End, record(Event::Exchange, number))
}

pub(crate) fn orphan(number: u8) -> (Kind, Vec<u8>) {
    let begin = record(Event::Begun, number);
    let mut out = Vec::new();
    let begin = crate::Canonical::check(&begin).expect("canonical");
    orphaned(begin, Timestamp::from_seconds(2), &mut out).expect("canonical");
    (Kind::Orphan, out)
}

fn record(event: Event, number: u8) -> Vec<u8> {
    let mut out = Vec::new();
    let record = Record { id: Some(id(number)), ..Record::new(event, "gw01", Timestamp::from_seconds(i64::from(number))) };
    record.to_jcs(&mut out).expect("writable");
    out
}

/// A segment under construction.
pub(crate) struct Sample {
    pub(crate) bytes: Vec<u8>,
    pub(crate) writer: BatchWriter,
    /// Where each batch begins, and where the last one ends.
    pub(crate) bounds: Vec<usize>,
}

impl Sample {
    pub(crate) fn first() -> Self {
        Self::with(&SegmentHeader { origin: ORIGIN.to_owned(), first_seq: 0, previous: [0; 32] })
    }

    pub(crate) fn with(header: &SegmentHeader) -> Self {
        let bytes = header.encode().to_vec();
        Self { bounds: vec![bytes.len()], writer: BatchWriter::new(header.chain(), header.first_seq), bytes }
    }

    /// The segment that follows.
    pub(crate) fn next(&self) -> Self {
        let header = SegmentHeader { origin: ORIGIN.to_owned(), first_seq: self.writer.next_seq(), previous: self.writer.chain() };
        Self::with(&header)
    }

    pub(crate) fn batch(mut self, frames: &[(Kind, Vec<u8>)]) -> Self {
        for (kind, payload) in frames {
            self.writer.push(*kind, payload);
        }
        self.bytes.extend_from_slice(self.writer.finish());
        self.writer.keep();
        self.bounds.push(self.bytes.len());
        self
    }
}

/// Three batches: two exchanges, one of them still open.
pub(crate) fn three_batches() -> Sample {
    Sample::first().batch(&[begin(1), begin(2)]).batch(&[end(1), begin(3), end(4)]).batch(&[end(3), end(5), end(6), end(7), end(8)])
}
