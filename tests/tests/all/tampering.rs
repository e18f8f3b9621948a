//! Whoever changes the log is found out, and the place is named; a gateway does not go on in a log that is not right.

use std::fs;
use std::path::Path;

use audit::Canonical;
use audit::frame::{Batches, SECTOR};
use audit::segment::SegmentHeader;
use store::{AuditLog, Options};
use tests::{Gateway, Scene, curl, lookup, varco};

/// What is done to a log, the file that must be named for it, and the reason.
type Tampering<'a> = (&'a str, &'a dyn Fn(&Path), &'a str, &'a str);

/// What `varco audit verify` says, and whether it is content.
fn verify(folder: &Path) -> (bool, String) {
    let output = varco(folder, &["audit", "verify", "--store", folder.to_str().expect("a path")]);
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A log of this origin in small segments, as years would make it.
fn written(folder: &Path, origin: &str, records: usize, length: usize) {
    let mut options = Options::new(origin, "prova");
    (options.segment_bytes, options.batch_bytes, options.disk_reserve) = (160 << 10, 2048, 4096);
    let log = AuditLog::open(folder, options).expect("a log");
    let worker = log.worker();
    for number in 0..records {
        let note = format!("{{\"ev\":\"prova\",\"n\":{number},\"pad\":\"{}\"}}", "x".repeat(length));
        worker.note(Canonical::check(note.as_bytes()).expect("canonical")).expect("room").wait().expect("durable");
    }
    log.close(tests::PATIENCE).expect("it closes");
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[test]
fn a_byte_changed_anywhere_is_named_with_its_segment_and_place() {
    let folder = tempfile::tempdir().expect("a folder");
    written(folder.path(), "prova.example/log", 40, 500);
    let names = store::read::segment_names(folder.path()).expect("a log");
    let path = folder.path().join(&names[0]);
    let whole = fs::read(&path).expect("a segment");
    let header = SegmentHeader::decode(&whole).expect("a head");
    let mut batches = Batches::new(&whole, SECTOR, header.chain(), header.first_seq);
    let mut bounds = vec![0, SECTOR];
    while let Some(_batch) = batches.next_batch().expect("a whole log") {
        bounds.push(batches.offset());
    }
    let last = bounds[bounds.len() - 2];
    // A step that falls on every part of heads, payloads, trailers and padding in turn.
    for at in (0..whole.len()).step_by(37) {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&path, &changed).expect("a write");
        let report = store::read::verify(folder.path(), |_| {}).expect("a report");
        if at >= last {
            // What stands last and is not whole could be a write that never ended; nothing of it is believed, and it is said.
            assert!(report.fault_count > 0 || report.unfinished, "byte {at} of the last batch: {report:?}");
            continue;
        }
        let fault = report.faults.first().unwrap_or_else(|| panic!("byte {at} was changed and nobody saw it"));
        let batch = bounds.partition_point(|bound| *bound <= at);
        let place = bounds[batch - 1] as u64..bounds[batch] as u64;
        assert_eq!(fault.segment, names[0], "byte {at}");
        assert!(place.contains(&fault.offset), "byte {at}: named {} and not in {place:?}", fault.offset);
    }
    // Cut in its last batch it is what a crash leaves, and no fault; but it is said.
    fs::write(&path, &whole[..last + SECTOR]).expect("a write");
    assert!(verify(folder.path()).1.contains("unfinished"), "{:?}", verify(folder.path()));
    let mut changed = whole.clone();
    changed[bounds[7] + 60] ^= 4;
    fs::write(&path, &changed).expect("a write");
    let (content, said) = verify(folder.path());
    assert!(!content && said.contains(&format!("{} at byte ", names[0])), "{said}");
}

#[test]
fn segments_removed_cut_or_foreign_are_named() {
    let original = tempfile::tempdir().expect("a folder");
    written(original.path(), "prova.example/log", 130, 6000);
    let foreign = tempfile::tempdir().expect("a folder");
    written(foreign.path(), "altra.example/log", 130, 6000);
    let names = store::read::segment_names(original.path()).expect("a log");
    assert!(names.len() >= 4, "{names:?}");
    assert!(verify(original.path()).0);

    let cut = |folder: &Path| {
        let path = folder.join(&names[1]);
        let bytes = fs::read(&path).expect("a segment");
        fs::write(&path, &bytes[..bytes.len() / 2 + 100]).expect("a write");
    };
    let cut_between_batches = |folder: &Path| {
        let path = folder.join(&names[1]);
        let bytes = fs::read(&path).expect("a segment");
        let header = SegmentHeader::decode(&bytes).expect("a head");
        let mut batches = Batches::new(&bytes, SECTOR, header.chain(), header.first_seq);
        (0..9).for_each(|_| assert!(batches.next_batch().expect("a batch").is_some()));
        fs::write(&path, &bytes[..batches.offset()]).expect("a write");
    };
    let table: [Tampering<'_>; 6] = [
        (
            "the first is gone",
            &|folder| fs::remove_file(folder.join(&names[0])).expect("it is there"),
            &names[1],
            "first segments are missing",
        ),
        ("one is gone", &|folder| fs::remove_file(folder.join(&names[1])).expect("it is there"), &names[2], "does not follow"),
        ("one is cut", &cut, &names[1], "unfinished"),
        ("one is cut between batches", &cut_between_batches, &names[2], "does not follow"),
        (
            "one is another log's",
            &|folder| assert!(fs::copy(foreign.path().join(&names[1]), folder.join(&names[1])).is_ok()),
            &names[1],
            "another origin",
        ),
        (
            "one is renamed",
            &|folder| fs::rename(folder.join(&names[3]), folder.join("00000000000099999999.log")).expect("it is there"),
            "99999999.log",
            "",
        ),
    ];
    for (what, tamper, named, reason) in table {
        let folder = tempfile::tempdir().expect("a folder");
        copy(original.path(), folder.path());
        tamper(folder.path());
        let (content, said) = verify(folder.path());
        assert!(!content, "{what}: {said}");
        assert!(said.lines().any(|line| line.contains(named) && line.contains(reason)), "{what}: {said}");
    }
}

#[test]
fn a_gateway_does_not_go_on_in_a_log_that_is_damaged_or_another_s() {
    let scene = Scene::new();
    let mut gateway = scene.gateway("");
    let voucher = format!("authorization: Bearer {}", scene.good_voucher());
    let (url, body) = (gateway.url("pdnd", "/anagrafe/v1/residenze/ricerca"), lookup("1", tests::LUCIA).to_string());
    for _ in 0..5 {
        assert_eq!(curl(&["-H", &voucher, "-H", "content-type: application/json", "-d", &body, &url]).status, 200);
    }
    assert!(gateway.stop().success());
    let yaml = scene.configuration("");
    let log = scene.path().join("audit");
    let name = store::read::segment_names(&log).expect("a log").remove(0);

    let error = Gateway::try_start(scene.path(), &yaml.replace("prova.example/log", "altra.example/log")).expect_err("another's log");
    assert!(error.contains("prova.example/log") && error.contains("altra.example/log"), "{error}");

    let whole = fs::read(log.join(&name)).expect("a segment");
    let mut changed = whole.clone();
    // In the first batch: whole ones follow, so this was no write that a crash cut short.
    changed[SECTOR + 40] ^= 1;
    fs::write(log.join(&name), &changed).expect("a write");
    let error = Gateway::try_start(scene.path(), &yaml).expect_err("a damaged log");
    assert!(error.starts_with("exit status: 3") && error.contains("damaged") && error.contains(&name), "{error}");
    assert_eq!(fs::read(log.join(&name)).expect("a segment"), changed, "the evidence is as it was");

    fs::write(log.join(&name), &whole).expect("a write");
    assert!(Gateway::start(scene.path(), &yaml).stop().success(), "put right, it goes on");
}
