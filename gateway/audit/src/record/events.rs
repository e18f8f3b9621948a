use exchange::{ExchangeId, Timestamp};

use super::write::{VERSION, finish, hash, id, instant};
use super::{MAX_RECORD, RecordError};
use crate::jcs::{Canonical, Object, key};

/// What became of a streamed answer after its record: `exchange.closed`.
#[derive(Clone, Debug)]
pub struct Closed<'a> {
    /// The exchange.
    pub id: ExchangeId,
    /// This node.
    pub node: &'a str,
    /// When the last byte was given away, or the stream broke.
    pub t1: Timestamp,
    /// Bytes of the body that were sent.
    pub bytes: u64,
    /// SHA-256 of those bytes. It is a plain hash, and that of a small body can be guessed: give it for streams that no
    /// stage held, and leave it out where the body may be a few of a person's values.
    pub digest: Option<[u8; 32]>,
    /// Whether the body was sent to its end.
    pub complete: bool,
}

impl Closed<'_> {
    /// Appends the record's canonical bytes to `out`.
    pub fn to_jcs<'o>(&self, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
        finish(out, |out| {
            let mut o = Object::open(out);
            o.string(key!("ev"), Some("exchange.closed"));
            id(&mut o, key!("id"), Some(self.id));
            o.string(key!("node"), Some(self.node));
            o.object(key!("res"), |o| {
                hash(o, key!("digest"), self.digest.as_ref());
                o.string(key!("end"), Some(if self.complete { "complete" } else { "cut" }));
                o.integer(key!("len"), Some(self.bytes));
            });
            instant(&mut o, key!("t1"), Some(self.t1));
            o.integer(key!("v"), Some(VERSION));
            Ok(o.close())
        })
    }
}

/// How many callers were refused for one reason within the span of a summary.
#[derive(Clone, Copy, Debug)]
pub struct RefusalCount<'a> {
    /// The kind of the problem.
    pub error: &'a str,
    /// The stage that refused.
    pub stage: &'a str,
    /// How often.
    pub count: u64,
}

/// Refusals of strangers beyond their budget, told in one record: `refusals.summary`.
#[derive(Clone, Debug)]
pub struct RefusalsSummary<'a> {
    /// This node.
    pub node: &'a str,
    /// The listener whose budget was spent.
    pub listener: &'a str,
    /// The first refusal counted.
    pub from: Timestamp,
    /// The last.
    pub to: Timestamp,
    /// The counts.
    pub counts: &'a [RefusalCount<'a>],
}

impl RefusalsSummary<'_> {
    /// Appends the record's canonical bytes to `out`.
    pub fn to_jcs<'o>(&self, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
        finish(out, |out| {
            let mut o = Object::open(out);
            o.string(key!("ev"), Some("refusals.summary"));
            o.string(key!("listener"), Some(self.listener));
            o.string(key!("node"), Some(self.node));
            let too_large = self.counts(o.name(key!("refusals")));
            instant(&mut o, key!("t0"), Some(self.from));
            instant(&mut o, key!("t1"), Some(self.to));
            o.integer(key!("v"), Some(VERSION));
            Ok(o.close().or(too_large))
        })
    }

    fn counts(&self, out: &mut Vec<u8>) -> Option<&'static str> {
        let mut too_large = None;
        out.push(b'[');
        for (at, count) in self.counts.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            // What follows is refused for its length in any case; there is no point in writing it.
            if out.len() > 2 * MAX_RECORD {
                break;
            }
            let mut o = Object::open(out);
            o.string(key!("err"), Some(count.error));
            o.integer(key!("n"), Some(count.count));
            o.string(key!("stage"), Some(count.stage));
            too_large = too_large.or(o.close());
        }
        out.push(b']');
        too_large
    }
}

/// The log could not be written for a while, and nothing was admitted meanwhile: `log.suspended`.
#[derive(Clone, Debug)]
pub struct Suspension<'a> {
    /// This node.
    pub node: &'a str,
    /// Why: `disk-full`.
    pub error: &'a str,
    /// Since when.
    pub from: Timestamp,
    /// Until when, in the record that is written once the log is open again.
    pub to: Option<Timestamp>,
}

impl Suspension<'_> {
    /// Appends the record's canonical bytes to `out`.
    pub fn to_jcs<'o>(&self, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
        finish(out, |out| {
            let mut o = Object::open(out);
            o.string(key!("err"), Some(self.error));
            o.string(key!("ev"), Some("log.suspended"));
            o.string(key!("node"), Some(self.node));
            instant(&mut o, key!("t0"), Some(self.from));
            instant(&mut o, key!("t1"), self.to);
            o.integer(key!("v"), Some(VERSION));
            Ok(o.close())
        })
    }
}

/// The log was restored from a backup and goes on from there, under another origin: `log.restored`.
#[derive(Clone, Debug)]
pub struct Restored<'a> {
    /// This node.
    pub node: &'a str,
    /// When it was restored.
    pub at: Timestamp,
    /// When the backup was made: what was recorded after that is not in this log.
    pub backup: Timestamp,
    /// The origin before.
    pub origin: &'a str,
    /// The chain value after the last batch of the backup.
    pub chain: [u8; 32],
    /// The number of the frame that followed it, in either log.
    pub seq: u64,
}

impl Restored<'_> {
    /// Appends the record's canonical bytes to `out`.
    pub fn to_jcs<'o>(&self, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
        finish(out, |out| {
            let mut o = Object::open(out);
            o.string(key!("ev"), Some("log.restored"));
            o.string(key!("node"), Some(self.node));
            o.object(key!("restored"), |o| {
                hash(o, key!("chain"), Some(&self.chain));
                o.string(key!("origin"), Some(self.origin));
                o.integer(key!("seq"), Some(self.seq));
                instant(o, key!("t"), Some(self.backup));
            });
            instant(&mut o, key!("t0"), Some(self.at));
            o.integer(key!("v"), Some(VERSION));
            Ok(o.close())
        })
    }
}
