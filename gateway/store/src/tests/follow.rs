use std::path::Path;

use super::{exchange, small, until, written};
use crate::read::{self, Filter};
use crate::{AuditLog, Cursor, Follower, Next};

/// The numbers of the frames that follow, until there is nothing.
fn rest(follower: &mut Follower) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Next::Records(records) = follower.more().expect("the log can be read") {
        seqs.extend(records.iter().map(|record| record.seq));
    }
    seqs
}

fn all(folder: &Path) -> Vec<u64> {
    read::list(folder, &Filter::default()).expect("the log can be read").iter().map(|record| record.seq).collect()
}

#[test]
fn follows_what_is_being_written_through_segments_and_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut follower = Follower::new(folder.path(), None);
    assert_eq!(follower.more().expect("there is no log yet"), Next::Nothing);
    let mut seen = Vec::new();
    for start in 0..3 {
        let log = AuditLog::open(folder.path(), small()).expect("the log opens");
        let worker = log.worker();
        let writing = std::thread::spawn(move || (0..100).for_each(|number| assert!(exchange(&worker, start * 1000 + number, 900))));
        until("all is written and seen", || {
            let is_over = writing.is_finished();
            seen.extend(rest(&mut follower));
            is_over
        });
        writing.join().expect("all was written");
        log.close(super::MINUTE).expect("the log closes");
        seen.extend(rest(&mut follower));
        assert_eq!(seen, all(folder.path()), "start {start}");
    }
    assert!(read::segment_names(folder.path()).expect("segments").len() > 2);
}

#[test]
fn goes_on_from_where_it_had_come_to() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 300, 900);
    let expected = all(folder.path());
    let (mut seen, mut cursor) = (Vec::new(), None::<Cursor>);
    // Another one for each piece, as after a start.
    loop {
        let mut follower = Follower::new(folder.path(), cursor.clone());
        let Next::Records(records) = follower.more().expect("the log can be read") else { break };
        seen.extend(records.iter().map(|record| record.seq));
        cursor = follower.cursor().cloned();
    }
    assert_eq!(seen, expected);
    let whole = cursor.clone().expect("it has come somewhere");
    assert!(Follower::is_of(folder.path(), &whole).expect("the log can be read"));
    for (of, is_of) in [
        (Cursor { offset: whole.offset + 4096, ..whole.clone() }, false),
        (Cursor { offset: whole.offset - 512, ..whole.clone() }, false),
        (Cursor { chain: [0; 32], ..whole.clone() }, false),
        (Cursor { seq: whole.seq + 1, ..whole.clone() }, false),
        (Cursor { segment: "00000000000000009000.log".into(), ..whole.clone() }, false),
        (Cursor { segment: "00000000000000000001.log".into(), ..whole.clone() }, true),
    ] {
        assert_eq!(Follower::is_of(folder.path(), &of).expect("the log can be read"), is_of, "{of:?}");
    }
    let gone = Cursor { segment: "00000000000000000000.log".into(), ..cursor.expect("it has come somewhere") };
    std::fs::remove_file(folder.path().join(&gone.segment)).expect("an archived segment");
    let after = rest(&mut Follower::new(folder.path(), Some(gone)));
    assert!(after.len() < expected.len() && expected.ends_with(&after), "it goes on with the next there is");
}

/// Damage hides the rest of its segment and no more, and is told.
#[test]
fn goes_on_behind_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), 300, 900);
    let names = read::segment_names(folder.path()).expect("segments");
    let path = folder.path().join(&names[1]);
    let mut bytes = std::fs::read(&path).expect("a segment");
    bytes[40_000] ^= 1;
    std::fs::write(&path, bytes).expect("it is damaged");
    let mut follower = Follower::new(folder.path(), None);
    let (mut seqs, mut damaged) = (Vec::new(), Vec::new());
    loop {
        match follower.more().expect("the log can be read") {
            Next::Records(records) => seqs.extend(records.iter().map(|record| record.seq)),
            Next::Damaged { segment } => damaged.push(segment),
            Next::Nothing => break,
        }
    }
    assert_eq!(damaged, [names[1].as_str()]);
    assert_eq!(seqs, all(folder.path()), "a reader that goes over all of it sees as much");
}
