//! How far the collector has been told, as it is kept beside the log.

use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};
use store::{Cursor, Follower};

/// Where to go on: a cursor that is none of this log is told, and all of the log is sent.
pub(super) fn begin_at(known: Option<Cursor>, store: &Path) -> io::Result<Option<Cursor>> {
    let Some(cursor) = known.map_or_else(|| Kept::read(store), |cursor| Ok(Some(cursor)))? else { return Ok(None) };
    if Follower::is_of(store, &cursor)? {
        return Ok(Some(cursor));
    }
    tracing::warn!("`{FILE}` is of another log, or of one that was restored: all of this one is sent to the collector of security events");
    Ok(None)
}

/// How far the collector has been told, as it is kept beside the log.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    format: u32,
    segment: String,
    offset: u64,
    #[serde(with = "hex::serde")]
    chain: [u8; 32],
    seq: u64,
}

/// The format that is written and read.
const FORMAT: u32 = 1;
/// The file.
const FILE: &str = "siem.cursor";

impl Kept {
    pub(super) fn read(store: &Path) -> io::Result<Option<Cursor>> {
        let bytes = match std::fs::read(store.join(FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let Ok(kept) = serde_json::from_slice::<Self>(&bytes) else {
            tracing::warn!("`{FILE}` is damaged: all of the log is sent to the collector of security events");
            return Ok(None);
        };
        if kept.format != FORMAT {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("`{FILE}` is of the format {}, which this version does not know", kept.format),
            ));
        }
        let Self { segment, offset, chain, seq, .. } = kept;
        Ok(Some(Cursor { segment, offset, chain, seq }))
    }

    /// Whole or not at all.
    pub(super) fn write(store: &Path, cursor: &Cursor) -> io::Result<()> {
        let Cursor { segment, offset, chain, seq } = cursor.clone();
        let kept = serde_json::to_vec(&Self { format: FORMAT, segment, offset, chain, seq })?;
        let next = store.join(format!("{FILE}.next"));
        let mut file = std::fs::File::create(&next)?;
        file.write_all(&kept)?;
        file.sync_all()?;
        std::fs::rename(next, store.join(FILE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_again_and_a_later_format_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Kept::read(folder.path()).expect("there is none yet"), None);
        let cursor = Cursor { segment: "00000000000000000001.log".into(), offset: 4096, chain: [7; 32], seq: 9 };
        Kept::write(folder.path(), &cursor).expect("a folder can be written to");
        assert_eq!(Kept::read(folder.path()).expect("it can be read"), Some(cursor));
        let text = std::fs::read_to_string(folder.path().join(FILE)).expect("text");
        std::fs::write(folder.path().join(FILE), text.replace("\"format\":1", "\"format\":2")).expect("a folder can be written to");
        assert!(Kept::read(folder.path()).is_err(), "a later version knows better");
        std::fs::write(folder.path().join(FILE), text.replace("4096", "x")).expect("a folder can be written to");
        assert_eq!(Kept::read(folder.path()).expect("it is none"), None, "all is sent again");
    }
}
