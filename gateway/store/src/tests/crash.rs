use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use super::*;

const FOLDER: &str = "VARCO_TEST_CRASH_FOLDER";

/// Not a test by itself: what the killed child runs. It prints the number of each exchange whose record was acknowledged.
#[test]
fn child_that_is_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = AuditLog::open(folder.as_ref(), small()).expect("opened");
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let worker = log.worker();
            scope.spawn(move || {
                for number in (thread..).step_by(4) {
                    if exchange(&worker, number, 300) {
                        // Straight to the pipe: the harness would keep what `println` says.
                        let _ = writeln!(std::io::stdout(), "acknowledged {number}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_killed_process_loses_no_acknowledged_record() {
    let program = std::env::current_exe().expect("the test's own program");
    for acknowledged in [1, 40, 400] {
        let folder = tempfile::tempdir().expect("a folder");
        let mut child = Command::new(&program)
            .args(["--exact", "tests::crash::child_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let mut numbers = BTreeSet::new();
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
        for line in lines.by_ref() {
            numbers.extend(acknowledged_number(&line));
            if numbers.len() >= acknowledged {
                child.kill().expect("killed");
                break;
            }
        }
        // What it said before it died counts too.
        lines.for_each(|line| numbers.extend(acknowledged_number(&line)));
        child.wait().expect("dead");
        let before = crate::read::verify(folder.path(), |_| {}).expect("readable");
        assert_eq!(before.faults, []);
        AuditLog::open(folder.path(), small()).expect("opens").close(MINUTE).expect("closed");
        let report = crate::read::verify(folder.path(), |_| {}).expect("readable");
        assert_eq!((report.faults.as_slice(), report.open), ([].as_slice(), 0));
        assert!(numbers.len() >= acknowledged);
        let stored: BTreeSet<_> = crate::read::list(folder.path(), &crate::read::Filter::default())
            .expect("readable")
            .iter()
            .filter(|stored| stored.kind == audit::Kind::End)
            .filter_map(|stored| audit::LeafView::new(&stored.bytes).id())
            .collect();
        for number in numbers {
            assert!(stored.contains(&id(number)), "{number} was acknowledged and is gone");
        }
    }
}

fn acknowledged_number(line: &str) -> Option<u32> {
    line.split_once("acknowledged ")?.1.parse().ok()
}
