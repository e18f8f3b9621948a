//! Many who ask the same at once, over both workers: the department is asked once, and nobody's fate is another's.

use std::time::Duration;

use sandbox::Misbehaviour;
use serde_json::Value;
use tests::{Answer, Gateway, LUCIA, Rest, SEARCH, Scene, ask, eventually, lookup, search};

const CACHED: &str = "    operations: { cercaResidenza: { safe: true, cache: { ttl: 10m } } }\n";

/// So many who ask the same at once.
fn together(gateway: &Gateway, voucher: &str, count: usize) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..count).map(|_| scope.spawn(|| search(gateway, voucher))).collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    })
}

fn states(scene: &Scene, answers: &[Answer]) -> Vec<Value> {
    let ids: Vec<&str> = answers.iter().map(|answer| answer.header("varco-exchange").expect("an exchange")).collect();
    let log = eventually("each has its record", || {
        let log = scene.log();
        ids.iter().all(|id| log.iter().any(|record| record["id"] == **id)).then_some(log)
    });
    ids.iter().map(|id| log.iter().find(|record| record["id"] == **id).expect("a record")["cache"].clone()).collect()
}

#[test]
fn twenty_ask_and_the_department_is_asked_once() {
    let scene = Scene::new();
    let mut gateway = scene.gateway(CACHED);
    let voucher = scene.good_voucher();
    scene.sandbox.department.switch().misbehave(Misbehaviour::Delay(Duration::from_millis(800)));
    let answers = together(&gateway, &voucher, 20);
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body), "{answers:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 1);
    let states = states(&scene, &answers);
    let misses: Vec<usize> = (0..20).filter(|&at| states[at]["state"] == "miss").collect();
    assert_eq!(misses.len(), 1, "{states:?}");
    let origin = answers[misses[0]].header("varco-exchange").expect("an exchange");
    let hits = states.iter().filter(|state| state["state"] == "hit" && state["origin"] == origin).count();
    assert_eq!(hits, 19, "each other's record names whose answer it got: {states:?}");
    assert!(gateway.stop().success());
    assert!(scene.verify().0);
}

#[test]
fn a_load_that_fails_fails_all_who_waited_and_asks_once() {
    let scene = Scene::new();
    let gateway = scene.gateway(&format!("{CACHED}    upstream: {{ attempts: 1, first_byte_timeout: 1s, total_timeout: 2s }}\n"));
    let voucher = scene.good_voucher();
    scene.sandbox.department.switch().misbehave(Misbehaviour::Hang);
    let answers = together(&gateway, &voucher, 12);
    let failed = answers.iter().filter(|answer| (answer.status, &*answer.problem()) == (504, "upstream-timeout")).count();
    assert_eq!(failed, 12, "{answers:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 1, "no stampede");
    scene.sandbox.department.switch().behave();
    assert_eq!(search(&gateway, &voucher).status, 200, "a failure is not kept");
}

#[test]
fn who_leaves_takes_nobody_along() {
    let scene = Scene::new();
    let gateway = scene.gateway(CACHED);
    let voucher = scene.good_voucher();
    scene.sandbox.department.switch().misbehave(Misbehaviour::Delay(Duration::from_secs(2)));
    let authorization = format!("authorization: Bearer {voucher}");
    let body = lookup("20261121000001", LUCIA).to_string();
    let url = gateway.url("pdnd", SEARCH);
    let mut leaving = std::process::Command::new("curl")
        .args(["-s", "-H", &authorization, "-H", "content-type: application/json", "-d", &body, &url])
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("curl is installed");
    eventually("the first has asked the department", || (scene.sandbox.department.accesses().total() == 1).then_some(()));
    let answers = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| together(&gateway, &voucher, 6));
        leaving.kill().expect("it runs");
        leaving.wait().expect("it ends");
        waiting.join().expect("the others")
    });
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 1, "the load of the one who left serves the others");
}

#[test]
fn what_is_kept_is_bounded_in_bytes() {
    let scene = Scene::new();
    let configuration = format!("limits: {{ cache_bytes: 64KiB }}\n{}", scene.configuration(CACHED));
    let gateway = Gateway::start(scene.path(), &configuration);
    let (url, voucher) = (gateway.url("pdnd", SEARCH), scene.good_voucher());
    // Each answer takes some 5 KiB of the cache; three times as many as fit.
    let question = |n: usize| lookup(&n.to_string(), LUCIA).to_string();
    for n in 0..40 {
        assert_eq!(ask(&url, &voucher, &question(n)).status, 200);
    }
    let hits = (0..40).filter(|n| ask(&url, &voucher, &question(*n)).header("age").is_some()).count();
    assert!((1..30).contains(&hits), "{hits} of 40 are still kept");
}

/// Resident memory in KiB.
fn resident(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[test]
fn memory_stays_within_the_bound() {
    // Sixty thousand small values: the index of such a text weighs more than the text.
    let (scene, rest) = (Scene::new(), Rest::start(&format!("[{}1]", "1,".repeat(60_000))));
    let configuration = scene.configuration(&format!("{CACHED}    answers: report\n"));
    let soap = configuration.lines().find(|line| line.contains("adapter: { soap")).expect("the adapter");
    let http = format!("    adapter: {{ http: {{ url: \"http://{}\" }} }}", rest.address);
    let gateway = Gateway::start(scene.path(), &format!("limits: {{ cache_bytes: 4MiB }}\n{}", configuration.replace(soap, &http)));
    let (url, voucher) = (gateway.url("pdnd", SEARCH), scene.good_voucher());
    let ask_some = |range: std::ops::Range<usize>| {
        for n in range {
            assert_eq!(ask(&url, &voucher, &lookup(&n.to_string(), LUCIA).to_string()).status, 200);
        }
    };
    ask_some(0..10);
    let before = resident(&gateway);
    ask_some(10..50);
    let grown = resident(&gateway).saturating_sub(before);
    // Unbounded, forty more answers of a megabyte and a half each.
    assert!(grown < 40 << 10, "{grown} KiB more");
}
