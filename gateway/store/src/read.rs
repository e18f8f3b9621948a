//! Reading a log, while a gateway writes it or not.
//!
//! Segments are read one at a time, so that the size of a log does not matter. Only whole batches are looked at: what a writer
//! has not finished yet is no damage and is not shown.

use std::fs;
use std::io;
use std::path::Path;

use audit::frame::{Batch, Batches, Damage, SECTOR};
use audit::segment::{HeaderError, SegmentHeader};
use audit::{Kind, LeafView, Report, Verifier};
use exchange::ExchangeId;

/// How often a segment is read again because a writer changed it meanwhile.
const ATTEMPTS: usize = 5;

/// Which records a list shows.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// At most so many, the newest; all if absent.
    pub limit: Option<usize>,
    /// Only records whose `t0`, or `t1` where there is none, is not before this RFC 3339 instant, written as the records write it
    /// or as a prefix of that, such as a date.
    pub since: Option<String>,
    /// Only records with this `out`.
    pub outcome: Option<String>,
    /// Only records with this `corr`.
    pub correlation: Option<String>,
}

impl Filter {
    fn accepts(&self, record: LeafView<'_>) -> bool {
        let at = || record.text("t0").or_else(|| record.text("t1"));
        let has = |name, wanted: &Option<String>| wanted.as_deref().is_none_or(|wanted| record.text(name) == Some(wanted));
        self.since.as_deref().is_none_or(|since| at().is_some_and(|at| at >= since))
            && has("out", &self.outcome)
            && has("corr", &self.correlation)
    }
}

/// A record as it lies in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The segment's file.
    pub segment: String,
    /// Its frame's number.
    pub seq: u64,
    /// What kind of frame it is.
    pub kind: Kind,
    /// The canonical bytes: the leaf.
    pub bytes: Vec<u8>,
}

/// How far a verification has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The segment just checked.
    pub segment: &'a str,
    /// Which one it is, from 1.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// The records that a filter accepts, oldest first.
pub fn list(folder: &Path, filter: &Filter) -> io::Result<Vec<Stored>> {
    let limit = filter.limit.unwrap_or(usize::MAX);
    let mut found: Vec<Stored> = Vec::new();
    // From the newest segment backwards, so that a short list of a long log reads only its end.
    for name in segment_names(folder)?.iter().rev() {
        let mut here = Vec::new();
        each_leaf(folder, name, |stored| {
            if filter.accepts(LeafView::new(&stored.bytes)) {
                here.push(stored);
            }
        })?;
        here.extend(found);
        found = here;
        if found.len() >= limit {
            found.drain(..found.len() - limit);
            break;
        }
    }
    Ok(found)
}

/// Gives the records since this instant, written as records write it, those of one segment in their order. Segments are read one at
/// a time, the newest first, until one holds only older records.
pub fn each_since(folder: &Path, since: &[u8], mut each: impl FnMut(LeafView<'_>)) -> io::Result<()> {
    for name in segment_names(folder)?.iter().rev() {
        let (mut any, mut recent) = (false, false);
        each_leaf(folder, name, |stored| {
            let leaf = LeafView::new(&stored.bytes);
            any = true;
            if leaf.text("t0").or_else(|| leaf.text("t1")).is_some_and(|at| at.as_bytes() >= since) {
                recent = true;
                each(leaf);
            }
        })?;
        if any && !recent {
            break;
        }
    }
    Ok(())
}

/// Every record of one exchange: its own, what became of its stream, or that it is an orphan.
pub fn show(folder: &Path, id: ExchangeId) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    for name in segment_names(folder)? {
        each_leaf(folder, &name, |stored| {
            if LeafView::new(&stored.bytes).id() == Some(id) {
                found.push(stored);
            }
        })?;
    }
    Ok(found)
}

/// Checks the whole log: frames, chain, canonical form, numbers, and begins against ends. Every fault is in the report.
pub fn verify(folder: &Path, mut progress: impl FnMut(Progress<'_>)) -> io::Result<Report> {
    let names = segment_names(folder)?;
    let mut verifier = Verifier::new();
    for (at, name) in names.iter().enumerate() {
        let last = at + 1 == names.len();
        verifier.segment(name, &snapshot(folder, name)?, last);
        progress(Progress { segment: name, number: at + 1, of: names.len() });
    }
    Ok(verifier.finish())
}

/// Whether a gateway has the log open.
pub fn is_live(folder: &Path) -> io::Result<bool> {
    crate::disk::is_locked(folder)
}

/// The files that are segments, in the log's order.
pub fn segment_names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        names.extend(entry?.file_name().into_string().ok().filter(|name| is_segment(name)));
    }
    names.sort_unstable();
    Ok(names)
}

pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_suffix(".log").is_some_and(|number| number.len() == 20 && number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn each_leaf(folder: &Path, name: &str, mut each: impl FnMut(Stored)) -> io::Result<()> {
    // Behind damage nothing can be trusted; `verify` says what is wrong with it.
    let _ = walk(&snapshot(folder, name)?, |batch| leaves(batch, name).for_each(&mut each));
    Ok(())
}

/// The records of a batch.
pub(crate) fn leaves<'b>(batch: &'b Batch<'_>, segment: &'b str) -> impl Iterator<Item = Stored> + 'b {
    let leaves = batch.frames().filter(|frame| frame.kind.is_leaf());
    leaves.map(|frame| Stored { segment: segment.to_owned(), seq: frame.seq, kind: frame.kind, bytes: frame.payload.to_vec() })
}

/// Goes over the whole batches of a segment; gives where they end, and why, if something else than zeros follows.
pub(crate) fn walk<'a>(bytes: &'a [u8], mut each: impl FnMut(&Batch<'a>)) -> Result<(Batches<'a>, Option<Damage>), HeaderError> {
    let header = SegmentHeader::decode(bytes)?;
    let mut batches = Batches::new(bytes, SECTOR, header.chain(), header.first_seq);
    loop {
        match batches.next_batch() {
            Ok(Some(batch)) => each(&batch),
            Ok(None) => return Ok((batches, None)),
            Err(damage) => return Ok((batches, Some(damage))),
        }
    }
}

/// A segment's bytes in a state that it really had.
///
/// A file is not read at one instant: its beginning may be from before a batch and its end from after the next one, which looks
/// like damage. A batch behind another proves that the first was whole by then, so reading again shows it whole.
pub(crate) fn snapshot(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let path = folder.join(name);
    let mut bytes = fs::read(&path)?;
    for _ in 1..ATTEMPTS {
        if is_whole(&bytes) {
            break;
        }
        bytes = fs::read(&path)?;
    }
    Ok(bytes)
}

fn is_whole(bytes: &[u8]) -> bool {
    matches!(walk(bytes, |_| {}), Ok((_, None)))
}
