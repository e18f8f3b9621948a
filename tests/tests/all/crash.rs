//! kill -9 under load: whatever a caller saw the beginning of an answer for is in the log, and the log is whole.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use tests::{Gateway, Load, Scene};

const ROUNDS: u64 = 12;

#[test]
fn a_kill_under_load_loses_no_answered_exchange() {
    let scene = Scene::new();
    let yaml = scene.configuration("");
    let request = scene.good_lookup();
    let mut answered = HashSet::new();
    for round in 0..ROUNDS {
        let started = Instant::now();
        let mut gateway = Gateway::start(scene.path(), &yaml);
        assert!(started.elapsed() < Duration::from_secs(5), "round {round}: recovery took {:?}", started.elapsed());
        let load = Load::start(8, gateway.address("pdnd"), &request);
        // Another moment each round: mid-batch, mid-answer, mid-question.
        load.wait_for_more(20 + (round as usize * 37) % 90);
        gateway.kill();
        answered.extend(load.end().into_iter().filter(|seen| seen.status == 200).map(|seen| seen.id));
        let (whole, said) = scene.verify();
        assert!(whole, "round {round}: {said}");
    }
    // Only a start recovers; afterwards nothing is open any more.
    let mut gateway = Gateway::start(scene.path(), &yaml);
    assert!(gateway.stop().success());
    let (whole, said) = scene.verify();
    assert!(whole && !said.contains("under way"), "{said}");

    let records = scene.log();
    let of = |event: &'static str| records.iter().filter(move |record| record["ev"] == event);
    let ended: HashSet<&str> = of("exchange").filter_map(|record| record["id"].as_str()).collect();
    let lost: Vec<_> = answered.iter().filter(|id| !ended.contains(id.as_str())).collect();
    assert!(lost.is_empty(), "{} of {} answers left no record: {lost:?}", lost.len(), answered.len());
    // Eight callers at a time, killed in the middle: something was under way, and what was asked is told.
    assert!(of("exchange.orphaned").count() > 0, "no exchange was ever cut short");
    let told = ended.len() + of("exchange.orphaned").count();
    let asked = scene.sandbox.department.accesses().count("CercaResidenza");
    assert!(told as u64 >= asked, "the department was asked {asked} times and the log tells of {told}");
}
