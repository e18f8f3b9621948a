//! Strangers cannot buy disk: beyond a budget their refusals are only counted, and who is known does not notice them.

use std::time::Instant;

use serde_json::Value;
use tests::{Gateway, LUCIA, Load, Scene, lookup, post};

const BUDGET: u64 = 20;

#[test]
fn refusals_of_strangers_are_recorded_within_a_budget_and_counted_beyond() {
    let scene = Scene::new();
    let yaml = scene.configuration("").replace("origin: prova.example/log", &format!("origin: prova.example/log, strangers: {BUDGET}/s"));
    let mut gateway = Gateway::start(scene.path(), &yaml);
    let address = gateway.address("pdnd");
    let unknown = post("/anagrafe/v1/residenze/ricerca", "not-a-voucher", &lookup("20261121000001", LUCIA).to_string());
    let nowhere = b"GET /altrove HTTP/1.1\r\nhost: localhost\r\n\r\n";

    let started = Instant::now();
    let crowd = [Load::start(4, address, &unknown), Load::start(2, address, nowhere)];
    let known = Load::start(1, address, &scene.good_lookup());
    for load in &crowd {
        load.wait_for_more(1500);
    }
    known.wait_for_more(50);
    let known = known.end();
    let refused: Vec<_> = crowd.into_iter().flat_map(Load::end).collect();
    let seconds = started.elapsed().as_secs() + 1;
    assert!(known.iter().all(|seen| seen.status == 200), "strangers were in the way of {known:?}");
    assert!(refused.iter().all(|seen| [401, 404].contains(&seen.status)));
    assert_eq!(scene.sandbox.department.accesses().total(), known.len() as u64, "no stranger reached the department");
    assert!(gateway.stop().success());

    let (whole, said) = scene.verify();
    assert!(whole, "{said}");
    let records = scene.log();
    let strange: Vec<_> = records.iter().filter(|record| record["out"] == "refused").collect();
    let most = BUDGET * (seconds + 1);
    assert!(strange.len() as u64 <= most, "{} records in {seconds} s, and the budget is {BUDGET} a second", strange.len());
    let summaries: Vec<_> = records.iter().filter(|record| record["ev"] == "refusals.summary").collect();
    assert!(summaries.len() as u64 <= seconds + 1, "one an interval: {}", summaries.len());
    let kinds = || summaries.iter().flat_map(|summary| summary["refusals"].as_array().expect("counts"));
    let counted: u64 = kinds().filter_map(|kind| kind["n"].as_u64()).sum();
    assert_eq!(counted + strange.len() as u64, refused.len() as u64, "each refusal is recorded or counted");
    for (stage, error) in [("authenticate", "voucher-malformed"), ("route", "no-e-service")] {
        assert!(kinds().any(|kind| kind["stage"] == stage && kind["err"] == error), "{stage} {error}: {summaries:?}");
    }
    let bytes: usize = strange.iter().chain(&summaries).map(|record: &&Value| record.to_string().len()).sum();
    assert!(bytes as u64 <= (most + seconds) * 1024, "{bytes} bytes for {} refusals", refused.len());
    let told = records.iter().filter(|record| record["out"] == "success").count();
    assert_eq!(told, known.len(), "every exchange of a known caller has its own record");
}
