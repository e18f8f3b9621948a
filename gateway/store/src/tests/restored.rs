use std::path::Path;

use exchange::Timestamp;

use super::{MINUTE, canonical, exchange, id, record, small};
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

        put_back(backup.path(), second.path()).expect("it can be put back");
        assert!(put_back(backup.path(), second.path()).is_err(), "over a log nothing is put");
        let origin = begin_epoch(second.path(), &later(), Timestamp::from_seconds(1_500_000)).expect("another epoch begins");
        assert_eq!(origin, "varco.example/log/gw01/e19700124T033320Z");
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
