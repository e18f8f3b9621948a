//! A full disk under the audit log: exchanges are refused before anybody is asked, and admitted again once there is room.

use std::collections::HashSet;

use audit::Canonical;
use serde_json::Value;
use store::{AuditLog, Options};
use tests::{Gateway, Load, Scene, SmallDisk, Wire};

/// How far the first segment is written before the gateway starts: its last room but the reserve goes within a second.
const WRITTEN: u64 = 59 << 20;

#[test]
fn a_full_disk_refuses_before_the_upstream_and_opens_again_by_itself() {
    let scene = Scene::new();
    let folder = scene.path().join("audit");
    // Room for one segment of 64 MiB, and for the next one once the filler is gone.
    let Some(disk) = SmallDisk::mount(&folder, 136) else {
        return tests::again_as_root();
    };
    write_ahead(&folder);
    let mut gateway = Gateway::start(scene.path(), &scene.configuration(""));
    disk.fill("filler");

    let request = scene.good_lookup();
    let load = Load::start(4, gateway.address("pdnd"), &request);
    gateway.assert_logs("disk under the audit log is full");
    let mut seen = load.end();

    // Suspended: nobody is asked any more, and the caller is told to come again.
    let asked = scene.sandbox.department.accesses().total();
    let mut wire = Wire::connect(gateway.address("pdnd")).expect("it listens");
    for _ in 0..50 {
        assert!(wire.send(&request));
        let answer = wire.answer().expect("an answer");
        assert_eq!((answer.status, answer.problem().as_str()), (503, "audit-unavailable"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        seen.push(tests::Seen { id: answer.header("varco-exchange").expect("its exchange").to_owned(), status: 503 });
    }
    assert_eq!(scene.sandbox.department.accesses().total(), asked, "the department was asked while nothing could be recorded");
    let (whole, said) = scene.verify();
    assert!(whole, "{said}");

    disk.empty("filler");
    tests::eventually("exchanges are admitted again", || {
        assert!(wire.send(&request));
        let answer = wire.answer().expect("an answer");
        seen.push(tests::Seen { id: answer.header("varco-exchange").expect("its exchange").to_owned(), status: answer.status });
        (answer.status == 200).then_some(())
    });
    assert!(gateway.stop().success());
    account(&scene, &seen);
}

/// Every answer has its record; every refusal is counted; the log tells when it was suspended.
fn account(scene: &Scene, seen: &[tests::Seen]) {
    let (whole, said) = scene.verify();
    assert!(whole && !said.contains("under way"), "{said}");
    let records = scene.log();
    let ids: HashSet<&str> =
        records.iter().filter(|record| record["ev"] == "exchange").filter_map(|record| record["id"].as_str()).collect();
    let of = |status| seen.iter().filter(move |seen| seen.status == status);
    assert_eq!(of(200).count() + of(503).count(), seen.len(), "only these two answers");
    let lost: Vec<_> = of(200).filter(|seen| !ids.contains(seen.id.as_str())).collect();
    assert!(lost.is_empty(), "answers without a record: {lost:?}");

    let suspended: Vec<_> = records.iter().filter(|record| record["ev"] == "log.suspended").collect();
    assert!(suspended.iter().any(|record| record["t1"].is_string()), "from when until when: {suspended:?}");
    let counted: u64 = records
        .iter()
        .filter(|record| record["ev"] == "refusals.summary")
        .flat_map(|record| record["refusals"].as_array().cloned().unwrap_or_default())
        .filter(|count: &Value| count["err"] == "audit-unavailable")
        .filter_map(|count| count["n"].as_u64())
        .sum();
    let recorded = of(503).filter(|seen| ids.contains(seen.id.as_str())).count() as u64;
    // At most those of the instant in which the log opened again: the reserve is not for refusals.
    assert!(recorded < 10, "{recorded} refusals were written into the room that exchanges under way need");
    assert_eq!(counted + recorded, of(503).count() as u64, "refusals counted and recorded");
}

/// Writes notes until the segment is nearly full, as weeks of exchanges would.
fn write_ahead(folder: &std::path::Path) {
    let log = AuditLog::open(folder, Options::new("prova.example/log", "prova")).expect("a log");
    let worker = log.worker();
    let note = format!("{{\"ev\":\"prova\",\"pad\":\"{}\"}}", "x".repeat(15 << 10));
    while log.stats().bytes < WRITTEN {
        let note = Canonical::check(note.as_bytes()).expect("canonical");
        let tickets: Vec<_> = (0..60).map(|_| worker.note(note).expect("room")).collect();
        for ticket in tickets {
            ticket.wait().expect("durable");
        }
    }
    log.close(tests::PATIENCE).expect("it closes");
}
