//! Quotas of the civil day: whose they are, what consumes them, and that neither a restart nor a reload nor another client of the
//! same purpose is a way to more.

use std::process::Command;

use rustix::process::Signal;
use sandbox::VoucherSpec;
use tests::{Answer, Gateway, Scene, Site, Witness, assert_problem, curl, eventually, lookup, search};

fn limited(scene: &Scene, limits: &str) -> Gateway {
    scene.gateway(&format!("    limits: {{ {limits} }}\n"))
}

fn number(answer: &Answer, header: &str) -> u64 {
    answer.header(header).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{header}: {answer:?}"))
}

#[test]
fn a_purpose_has_its_quota_whichever_client_asks() {
    let scene = Scene::new();
    let gateway = limited(&scene, "per_purpose: { daily: 3 }");
    let one = scene.good_voucher();
    let client = "5f0b6d6e-0f0e-4e4b-9d5c-2a4b8f3c7d10";
    let spec = VoucherSpec::new("valdombra-sociale", "assistenza").with_claim("client_id", client).with_claim("sub", client);
    let two = scene.made_voucher(&spec);
    for (voucher, left) in [(&one, 2), (&two, 1), (&one, 0)] {
        let answer = search(&gateway, voucher);
        assert_eq!((answer.status, number(&answer, "x-ratelimit-limit"), number(&answer, "x-ratelimit-remaining")), (200, 3, left));
    }
    for voucher in [&one, &two] {
        let refused = search(&gateway, voucher);
        assert_problem(&refused, 429, "quota-exhausted");
        let wait = number(&refused, "retry-after");
        assert!((1..=25 * 3600).contains(&wait) && number(&refused, "x-ratelimit-reset").abs_diff(wait) <= 1, "{refused:?}");
        assert_eq!(scene.record_of(&refused)["stage"], "admit");
    }
    assert_eq!(search(&gateway, &scene.voucher("borgoselva-tributi", "tributi")).status, 200, "another purpose's is another's");
    assert_eq!(scene.sandbox.department.accesses().total(), 4);
}

#[test]
fn what_was_admitted_consumes_and_what_was_not_does_not() {
    let scene = Scene::new();
    let gateway = limited(&scene, "per_consumer: { daily: 4 }");
    let voucher = scene.good_voucher();
    let expired = scene.made_voucher(&VoucherSpec::new("valdombra-sociale", "assistenza").with_claim("exp", 1_000_000_000));
    let url = gateway.url("pdnd", tests::SEARCH);
    let left = |answer: &Answer| number(answer, "x-ratelimit-remaining");
    assert_eq!(search(&gateway, &expired).status, 401);
    assert_eq!(tests::ask(&gateway.url("pdnd", "/anagrafe/v1/altrove"), &voucher, "{}").status, 404);
    let wrong = tests::ask(&url, &voucher, "{}");
    assert_eq!((wrong.status, left(&wrong)), (400, 3), "what breaks the contract was admitted");
    let denied = search(&gateway, &scene.voucher("valdombra-sociale", "promozioni"));
    assert_eq!((denied.status, left(&denied)), (403, 2), "what policy denies was admitted; and it is the same consumer");
    scene.sandbox.department.switch().misbehave(sandbox::Misbehaviour::Status(http::StatusCode::INTERNAL_SERVER_ERROR));
    let failed = tests::ask(&url, &voucher, &lookup("20261121000002", tests::LUCIA).to_string());
    assert_eq!((failed.status, left(&failed)), (502, 1), "what the department failed was admitted");
}

#[test]
fn a_restart_recalls_the_day_from_the_log() {
    let scene = Scene::new();
    let limits = "per_purpose: { daily: 6 }, per_consumer: { daily: 9 }";
    let mut gateway = limited(&scene, limits);
    let (assistenza, tributi) = (scene.good_voucher(), scene.voucher("borgoselva-tributi", "tributi"));
    let left = |gateway: &Gateway, voucher: &str| {
        let answer = search(gateway, voucher);
        assert_eq!(answer.status, 200, "{answer:?}");
        number(&answer, "x-ratelimit-remaining")
    };
    assert_eq!([left(&gateway, &assistenza), left(&gateway, &assistenza), left(&gateway, &tributi)], [5, 4, 5]);
    tests::ask(&gateway.url("pdnd", tests::SEARCH), &assistenza, "{}");
    // In order, and as by a power cut.
    assert_eq!(gateway.stop().code(), Some(0));
    gateway = limited(&scene, limits);
    assert_eq!([left(&gateway, &assistenza), left(&gateway, &tributi)], [2, 4]);
    gateway.kill();
    gateway = limited(&scene, limits);
    assert_eq!([left(&gateway, &assistenza), left(&gateway, &assistenza)], [1, 0]);
    assert_problem(&search(&gateway, &assistenza), 429, "quota-exhausted");
    gateway.kill();
    gateway = limited(&scene, limits);
    assert_problem(&search(&gateway, &assistenza), 429, "quota-exhausted");
    assert_eq!(left(&gateway, &tributi), 3, "what is refused for its quota consumes nothing");
}

#[test]
fn a_reload_neither_gives_out_again_nor_forgets() {
    let scene = Scene::new();
    let gateway = limited(&scene, "per_purpose: { daily: 5 }");
    let voucher = scene.good_voucher();
    let reloaded = |limits: &str| {
        let yaml = scene.configuration(&format!("    limits: {{ {limits} }}\n"));
        std::fs::write(scene.path().join("varco.yaml"), yaml).expect("a folder can be written to");
        let before = gateway.stderr().matches("is in force").count();
        gateway.signal(Signal::HUP);
        eventually("it is in force", || (gateway.stderr().matches("is in force").count() > before).then_some(()));
        let answer = search(&gateway, &voucher);
        assert_eq!(answer.status, 200, "{answer:?}");
        number(&answer, "x-ratelimit-remaining")
    };
    assert_eq!(number(&search(&gateway, &voucher), "x-ratelimit-remaining"), 4);
    assert_eq!(reloaded("per_purpose: { daily: 9 }"), 7);
    // A quota that comes at noon counts the morning; the one that was there is not counted twice.
    assert_eq!(reloaded("per_purpose: { daily: 9 }, per_consumer: { daily: 6 }"), 3);
    assert_eq!(reloaded("per_purpose: { daily: 9 }"), 5);
    // Nor is one that goes and comes again.
    assert_eq!(reloaded("per_purpose: { daily: 9 }, per_consumer: { daily: 6 }"), 1);
}

#[test]
fn a_longer_base_path_has_a_day_of_its_own() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "    limits: { daily: 2 }\n");
    let own =
        yaml.split_once("  cose:\n").expect("the e-service").1.replace("/c/v1", "/c/v1/cose/sotto").replace("daily: 2", "rate: 9000/s");
    let yaml = format!("{yaml}  sotto:\n{own}");
    let below = |gateway: &Gateway| curl(&[&gateway.url("web", "/c/v1/cose/sotto/cose")]).status;
    let above = |gateway: &Gateway| curl(&[&gateway.url("web", "/c/v1/cose")]).status;
    let mut gateway = Gateway::start(site.path(), &yaml);
    assert_eq!([below(&gateway), below(&gateway), below(&gateway), above(&gateway)], [200; 4]);
    gateway.kill();
    gateway = Gateway::start(site.path(), &yaml);
    assert_eq!([above(&gateway), above(&gateway), below(&gateway)], [200, 429, 200], "of the four one was its own");
}

/// A gateway for whom it is this time now; its clock goes on from there. Its one e-service may be asked three times a day.
fn at(site: &Site, witness: &Witness, now: &str) -> Gateway {
    let mut command = Command::new("env");
    let preload = "/usr/$LIB/faketime/libfaketimeMT.so.1";
    command.args([&format!("LD_PRELOAD={preload}"), "TZ=UTC", &format!("FAKETIME=@{now}"), "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
    let yaml = Site::configuration("", "", &witness.url(), "    limits: { daily: 3 }\n");
    Gateway::start_under(site.path(), &yaml, command).expect("a gateway at another time")
}

#[test]
fn midnight_is_the_wall_clocks() {
    // A quarter of a minute before midnight in Rome, and five seconds after: an ordinary day, those of 23 and 25 hours, and the days
    // before them.
    for (evening, midnight) in [
        ("2026-11-22 22:59:45", "2026-11-22 23:00:05"),
        ("2026-03-28 22:59:45", "2026-03-28 23:00:05"),
        ("2026-03-29 21:59:45", "2026-03-29 22:00:05"),
        ("2026-10-24 21:59:45", "2026-10-24 22:00:05"),
        ("2026-10-25 22:59:45", "2026-10-25 23:00:05"),
    ] {
        let (site, witness) = (Site::new(), Witness::hello());
        let ask = |gateway: &Gateway| curl(&[&gateway.url("web", "/c/v1/cose")]);
        let gateway = at(&site, &witness, evening);
        assert_eq!([ask(&gateway).status, ask(&gateway).status], [200, 200], "{evening}");
        drop(gateway);
        let mut gateway = at(&site, &witness, evening);
        assert_eq!(ask(&gateway).status, 200, "{evening}: two of three were recalled");
        let refused = ask(&gateway);
        assert_problem(&refused, 429, "quota-exhausted");
        assert!((1..=15).contains(&number(&refused, "retry-after")), "{evening}: {refused:?}");
        if evening.starts_with("2026-11-22") {
            let served = eventually("it is midnight", || Some(ask(&gateway)).filter(|answer| answer.status == 200));
            assert_eq!(number(&served, "x-ratelimit-remaining"), 2);
            gateway.stop();
        }
        drop(gateway);
        let gateway = at(&site, &witness, midnight);
        let served = ask(&gateway);
        assert_eq!(served.status, 200, "{midnight}");
        assert!(number(&served, "x-ratelimit-reset") > 22 * 3600, "{midnight}: a new day");
    }
}
