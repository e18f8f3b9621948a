//! A disk that takes its time: who waits for it waits, nobody else does, and who leaves meanwhile costs the department nothing.

use tests::{Call, Gateway, Scene, Strace, Wire, eventually};

/// From the first commit of an exchange on each sync takes this long, in microseconds: far longer than anything else here.
const SLOW: &str = "fdatasync:delay_enter=3000000:when=2+";

fn start(scene: &Scene, yaml: &str) -> (Strace, Gateway) {
    let (strace, command) = Strace::new(scene.path(), &[SLOW]);
    let gateway = Gateway::start_under(scene.path(), yaml, command).expect("it starts under strace");
    (strace, gateway)
}

/// Sends a good look-up, and waits until its begin is written and not synced.
fn begin(scene: &Scene, strace: &Strace, gateway: &Gateway) -> Wire {
    let mut wire = Wire::connect(gateway.address("pdnd")).expect("it listens");
    assert!(wire.send(&scene.good_lookup()));
    eventually("its begin is written", || begun(&strace.calls()));
    assert_eq!(syncs_since_begin(strace), 0, "the sync is slow");
    wire
}

fn begun(calls: &[Call]) -> Option<usize> {
    calls.iter().position(|call| matches!(call, Call::Write(bytes) if bytes.contains("exchange.begun")))
}

fn syncs_since_begin(strace: &Strace) -> usize {
    let calls = strace.calls();
    let since = &calls[begun(&calls).expect("it is written")..];
    since.iter().filter(|call| matches!(call, Call::Synced(_))).count()
}

#[test]
fn a_worker_goes_on_while_an_exchange_waits_for_the_disk() {
    let scene = Scene::new();
    let (strace, mut gateway) = start(&scene, &scene.configuration("").replace("workers: 2", "workers: 1"));
    let mut waiting = begin(&scene, &strace, &gateway);
    for _ in 0..10 {
        let mut other = Wire::connect(gateway.address("pdnd")).expect("it listens");
        assert!(other.send(b"GET /anagrafe/v1/persone HTTP/1.1\r\nhost: localhost\r\n\r\n"));
        let refused = other.answer().expect("a refusal, for which nobody waits");
        assert!((400..500).contains(&refused.status), "{refused:?}");
    }
    assert_eq!(syncs_since_begin(&strace), 0, "all of them were answered while the disk was at it");
    assert_eq!(waiting.answer().expect("its answer").status, 200);
    assert!(syncs_since_begin(&strace) >= 2, "its begin and its end");
    assert!(gateway.stop().success());
}

#[test]
fn who_leaves_while_the_begin_is_synced_costs_the_department_nothing() {
    let scene = Scene::new();
    let (strace, mut gateway) = start(&scene, &scene.configuration(""));
    drop(begin(&scene, &strace, &gateway));
    gateway.assert_logs("caller-left");
    assert_eq!(syncs_since_begin(&strace), 0, "it left before the begin was durable");
    let record = eventually("it is recorded", || scene.log().into_iter().find(|record| record["ev"] == "exchange"));
    assert_eq!((&record["out"], &record["ad"]["attempts"]), (&"abandoned".into(), &0.into()), "{record}");
    assert!(record["lat"]["begin"].as_u64().is_some_and(|waited| waited > 0), "its begin stands: {record}");
    assert_eq!(scene.sandbox.department.accesses().total(), 0);
    assert!(gateway.stop().success());
    let (whole, said) = scene.verify();
    assert!(whole && !said.contains("under way"), "{said}");
}

/// Where no personal data is answered nobody waits for the record, which is written all the same.
#[test]
fn a_relaxed_e_service_answers_before_its_record_is_durable() {
    let scene = Scene::new();
    let (subject, relaxed) = ("    subject: [\"body:/criteriRicerca/codiceFiscale\", path.codiceFiscale]\n", "    audit: relaxed\n");
    let checked = faults(&scene, &scene.configuration(relaxed));
    assert!(checked.contains("recorded before it is told"), "not where it is said whom the data is about: {checked}");
    let (strace, mut gateway) = start(&scene, &scene.configuration(relaxed).replace(subject, ""));
    let mut wire = Wire::connect(gateway.address("pdnd")).expect("it listens");
    assert!(wire.send(&scene.good_lookup()));
    let answer = wire.answer().expect("an answer");
    let id = answer.header("varco-exchange").expect("its id").to_owned();
    let is_synced = |calls: &[Call]| {
        let written = calls.iter().position(|call| matches!(call, Call::Write(bytes) if bytes.contains(&id)));
        written.is_some_and(|at| calls[at..].contains(&Call::Synced(true)))
    };
    assert_eq!((answer.status, is_synced(&strace.calls())), (200, false));
    assert!(gateway.stop().success());
    assert!(is_synced(&strace.calls()));
    assert_eq!(begun(&strace.calls()), None, "no begin stands before it");
    let records = scene.records(&id);
    assert_eq!((records.len(), &records[0]["out"]), (1, &"success".into()), "{records:?}");
}

fn faults(scene: &Scene, yaml: &str) -> String {
    std::fs::write(scene.path().join("varco.yaml"), yaml).expect("a folder");
    let output = tests::varco(scene.path(), &["check", "-c", "varco.yaml"]);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}
