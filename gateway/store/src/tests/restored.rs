use std::path::Path;

use exchange::Timestamp;

use super::{MINUTE, canonical, exchange, id, record, small, written};
use crate::read::{self, Filter};
use crate::{AuditLog, Options, begin_epoch, copy, put_back};

fn later() -> Options {
    Options { clock: (|| Timestamp::from_seconds(2_000_000)).into(), ..small() }
}

fn verified(folder: &Path) -> audit::Report {
    let report = read::verify(folder, |_| {}).expect("the log can be read");
    assert_eq!(report.faults, [], "{report:?}");
    report
}

/// A log that was restored goes on under another name, whatever it was when it was copied, and says so first.
#[test]
fn a_restored_log_goes_on_in_another_epoch() {
    for exchanges in [0, 1, 300] {
        let (first, backup, second) =
            (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"), tempfile::tempdir().expect("one"));
        let log = AuditLog::open(first.path(), small()).expect("the log opens");
        let worker = log.worker();
        (0..exchanges).for_each(|number| assert!(exchange(&worker, number, 900)));
        let open = record(audit::Event::Begun, 7000, 10);
        if exchanges == 300 {
            worker.begin(id(7000), canonical(&open)).expect("it begins").wait().expect("it is durable");
        }
        let copied = copy(first.path(), backup.path(), |_| {}).expect("it can be copied while it is written");
        assert_eq!(verified(backup.path()).chain, copied.chain);
        assert!(exchange(&worker, 8000, 900), "what comes after the backup is not in it");
        log.close(MINUTE).expect("the log closes");

        let made = Timestamp::from_seconds(1_500_000);
        let origin = put_back(backup.path(), second.path(), &later(), made).expect("it can be put back");
        assert!(put_back(backup.path(), second.path(), &later(), made).is_err(), "over a log nothing is put");
        assert!(origin.starts_with("varco.example/log/gw01/e19700124T033320Z"), "{origin}");
        let report = verified(second.path());
        assert_eq!((report.restored, report.open), (u64::from(exchanges > 0), 0), "{exchanges}");
        let records = read::list(second.path(), &Filter::default()).expect("the log can be read");
        let events: Vec<&str> = records.iter().filter_map(|one| audit::LeafView::new(&one.bytes).text("ev")).collect();
        let is_first = |name: &&str| **name == *"log.restored";
        assert_eq!(events.iter().position(is_first), Some(exchanges as usize));
        assert_eq!(events.len(), exchanges as usize + 1 + usize::from(exchanges == 300), "and what was under way is an orphan");

        // It is an ordinary log from here on, for whoever knows its name.
        let log = AuditLog::open(second.path(), later()).expect("it opens under the configured name");
        let worker = log.worker();
        (9000..9200).for_each(|number| assert!(exchange(&worker, number, 900)));
        log.close(MINUTE).expect("the log closes");
        assert_eq!(verified(second.path()).restored, u64::from(exchanges > 0));
        let other = Options { origin: "altri.example/log".into(), ..later() };
        assert!(AuditLog::open(second.path(), other).is_err());
    }
}

/// Whatever the clock says: the epochs of one log follow each other, and two that begin in one second are two.
#[test]
fn epochs_follow_each_other_and_are_like_no_others() {
    let (first, backup) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    written(first.path(), 5, 100);
    copy(first.path(), backup.path(), |_| {}).expect("a copy");
    let made = Timestamp::from_seconds(1);
    let twins = [(); 2].map(|()| {
        let folder = tempfile::tempdir().expect("a folder");
        put_back(backup.path(), folder.path(), &later(), made).expect("it is put back")
    });
    assert_ne!(twins[0], twins[1]);
    // The same second, and a clock that was set back.
    let mut last = begin_epoch(first.path(), &later(), made).expect("an epoch");
    for options in [later(), small()] {
        let next = begin_epoch(first.path(), &options, made).expect("an epoch");
        assert!(next > last, "{next} after {last}");
        last = next;
    }
    assert_eq!(verified(first.path()).restored, 3);
    let long = Options { origin: "x".repeat(audit::segment::LONGEST_BASE + 1), ..small() };
    let folder = tempfile::tempdir().expect("a folder");
    AuditLog::open(folder.path(), long.clone()).expect("it opens").close(MINUTE).expect("it closes");
    assert!(begin_epoch(folder.path(), &long, made).is_err(), "its name would be cut");
}

/// What was damaged is not left out in silence; what an interrupted restoration left is begun anew.
#[test]
fn a_copy_is_whole_and_a_restoration_too() {
    let (first, backup) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("one"));
    written(first.path(), 50, 900);
    copy(first.path(), backup.path(), |_| {}).expect("a copy");
    let target = first.path().join("altrove/audit");
    std::fs::create_dir_all(first.path().join("altrove/.audit.restoring")).expect("a folder");
    std::fs::write(first.path().join("altrove/.audit.restoring/00000000000000000007.log"), "half").expect("a leftover");
    std::fs::create_dir(&target).expect("an empty folder");
    put_back(backup.path(), &target, &later(), Timestamp::from_seconds(1)).expect("it is put back");
    assert_eq!(verified(&target).restored, 1);
    let name = read::segment_names(first.path()).expect("segments").remove(0);
    let mut bytes = std::fs::read(first.path().join(&name)).expect("a segment");
    bytes[20_000] ^= 1;
    std::fs::write(first.path().join(&name), bytes).expect("it is damaged");
    let other = tempfile::tempdir().expect("a folder");
    assert!(copy(first.path(), other.path(), |_| {}).is_err());
}
