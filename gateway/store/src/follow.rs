//! Following a log: its records one after the other, while a gateway writes it, from where one has come to.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use audit::frame::{Batches, SECTOR};
use audit::segment::SegmentHeader;

use crate::read::{self, Stored, segment_names};

/// How much is read at a time: many batches, which are seldom over 256 KiB unless a log was opened with more.
const WINDOW: usize = 4 << 20;

/// How far somebody has come in a log: behind a whole batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The segment's file.
    pub segment: String,
    /// Where the next batch begins in it.
    pub offset: u64,
    /// The chain value that it follows.
    pub chain: [u8; 32],
    /// The number of its first frame.
    pub seq: u64,
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// These records.
    Records(Vec<Stored>),
    /// Nothing yet.
    Nothing,
    /// The rest of a segment cannot be read: what follows it is. `varco audit verify` says more.
    Damaged {
        /// The segment's file.
        segment: String,
    },
}

/// Somebody who follows a log.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    cursor: Option<Cursor>,
}

impl Follower {
    /// From here on, or from the beginning.
    pub fn new(folder: &Path, from: Option<Cursor>) -> Self {
        Self { folder: folder.to_owned(), cursor: from }
    }

    /// Whether a cursor is one of this log: behind a whole batch of it, or in a segment that is there no more while later ones are. One from
    /// another log, or from the future of one that was restored, would wait for ever for what comes next. Reads a segment to there.
    pub fn is_of(folder: &Path, cursor: &Cursor) -> io::Result<bool> {
        let names = segment_names(folder)?;
        if !names.contains(&cursor.segment) {
            return Ok(names.iter().any(|name| *name > cursor.segment));
        }
        let bytes = read::snapshot(folder, &cursor.segment)?;
        let told = usize::try_from(cursor.offset).ok().and_then(|offset| bytes.get(..offset));
        let Some(Ok((batches, None))) = told.map(|told| read::walk(told, |_| {})) else { return Ok(false) };
        Ok((batches.offset() as u64, batches.chain(), batches.next_seq()) == (cursor.offset, cursor.chain, cursor.seq))
    }

    /// How far it has come; `None` where there was nothing yet.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// What comes next, which blocks: at most some megabytes of it.
    pub fn more(&mut self) -> io::Result<Next> {
        loop {
            // Before the segment is read: what is in the last one now was all of it when the next was begun.
            let names = segment_names(&self.folder)?;
            let Some(cursor) = self.here(&names)? else { return Ok(Next::Nothing) };
            let bytes = window(&self.folder.join(&cursor.segment), cursor.offset)?;
            let mut batches = Batches::new(&bytes, 0, cursor.chain, cursor.seq);
            let mut records = Vec::new();
            let broken = loop {
                match batches.next_batch() {
                    Ok(Some(batch)) => records.extend(read::leaves(&batch, &cursor.segment)),
                    Ok(None) => break false,
                    Err(_) => break true,
                }
            };
            let moved = batches.offset() > 0;
            let offset = cursor.offset + batches.offset() as u64;
            let segment = cursor.segment;
            let next = names.iter().find(|name| **name > segment);
            match next {
                // Nothing more will be written to it. A batch that the window cut is read again, from its beginning.
                Some(next) if !moved => self.cursor = Some(self.head(next)?),
                _ => self.cursor = Some(Cursor { segment: segment.clone(), offset, chain: batches.chain(), seq: batches.next_seq() }),
            }
            match next {
                _ if !records.is_empty() => return Ok(Next::Records(records)),
                Some(_) if broken && !moved => return Ok(Next::Damaged { segment }),
                // What is being written looks broken for a moment.
                None if !moved => return Ok(Next::Nothing),
                _ => {}
            }
        }
    }

    /// Where it stands: where it was, or at the beginning of the first segment after that.
    fn here(&self, names: &[String]) -> io::Result<Option<Cursor>> {
        match &self.cursor {
            Some(cursor) if names.contains(&cursor.segment) => Ok(Some(cursor.clone())),
            Some(cursor) => names.iter().find(|name| **name > cursor.segment).map(|name| self.head(name)).transpose(),
            None => names.first().map(|name| self.head(name)).transpose(),
        }
    }

    fn head(&self, name: &str) -> io::Result<Cursor> {
        let mut sector = [0; SECTOR];
        File::open(self.folder.join(name))?.read_exact(&mut sector)?;
        let header = SegmentHeader::decode(&sector).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        Ok(Cursor { segment: name.to_owned(), offset: SECTOR as u64, chain: header.chain(), seq: header.first_seq })
    }
}

/// What a segment holds from here on. Nothing where a sector of zeros comes next: segments are allocated whole.
fn window(path: &Path, offset: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.by_ref().take(SECTOR as u64).read_to_end(&mut bytes)?;
    if bytes.iter().any(|byte| *byte != 0) {
        file.take((WINDOW - SECTOR) as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}
