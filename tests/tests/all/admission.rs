//! How much a caller may: rates with their headers, refusals, concurrency; counted over both workers.

use tests::{Answer, Gateway, Rest, Scene, eventually, get, search};

fn limited(scene: &Scene, limits: &str) -> Gateway {
    scene.gateway(&format!("    limits: {{ {limits} }}\n"))
}

/// `X-RateLimit-Limit`, `-Remaining`, `-Reset`.
fn measure(answer: &Answer) -> Option<[u64; 3]> {
    let number = |name: &str| answer.header(name)?.parse().ok();
    Some([number("x-ratelimit-limit")?, number("x-ratelimit-remaining")?, number("x-ratelimit-reset")?])
}

#[test]
fn a_rate_is_told_on_every_answer_and_then_enforced() {
    let scene = Scene::new();
    let gateway = limited(&scene, "per_consumer: { rate: 3/h, burst: 3 }");
    let voucher = scene.good_voucher();
    for (left, reset) in [(2, 1200), (1, 2400), (0, 3600)] {
        let answer = search(&gateway, &voucher);
        assert_eq!(answer.status, 200);
        let [limit, remaining, until] = measure(&answer).expect("the headers");
        assert_eq!((limit, remaining), (3, left));
        assert!(until.abs_diff(reset) <= 30, "{until} of {reset}");
    }
    let refused = search(&gateway, &voucher);
    assert_eq!((refused.status, &*refused.problem()), (429, "rate-limited"));
    assert_eq!(measure(&refused).map(|[limit, remaining, _]| (limit, remaining)), Some((3, 0)));
    let wait: u64 = refused.header("retry-after").and_then(|text| text.parse().ok()).expect("a number of seconds");
    assert!((1170..=1200).contains(&wait), "{wait}");
    assert_eq!(scene.sandbox.department.accesses().total(), 3);
    let record = &scene.records(refused.header("varco-exchange").expect("an exchange"))[0];
    assert_eq!((&record["err"], &record["out"]), (&"rate-limited".into(), &"refused".into()));
    let wrong = tests::ask(&gateway.url("pdnd", tests::SEARCH), &scene.voucher("borgoselva-tributi", "tributi"), "{}");
    assert_eq!(
        (wrong.status, measure(&wrong).map(|[_, remaining, _]| remaining)),
        (400, Some(2)),
        "a refusal counts, and is told how much is left"
    );
    // Another consumer has a rate of its own.
    assert_eq!(search(&gateway, &scene.voucher("borgoselva-tributi", "tributi")).status, 200);
}

#[test]
fn each_kind_of_party_has_its_own_rate() {
    let promozioni = ("valdombra-sociale", "promozioni");
    let assistenza = ("valdombra-sociale", "assistenza");
    let tributi = ("borgoselva-tributi", "tributi");
    // After one call for `assistenza`: who may still call? `promozioni` is of the same consumer, and denied by policy.
    for (limits, same_consumer, other_consumer) in
        [("per_purpose: { rate: 1/h }", 403, 200), ("per_consumer: { rate: 1/h }", 429, 200), ("rate: 1/h", 429, 429)]
    {
        let scene = Scene::new();
        let gateway = limited(&scene, limits);
        let status = |(client, purpose)| search(&gateway, &scene.voucher(client, purpose)).status;
        assert_eq!(
            [status(assistenza), status(assistenza), status(promozioni), status(tributi)],
            [200, 429, same_consumer, other_consumer],
            "{limits}"
        );
    }
}

#[test]
fn both_workers_share_a_burst() {
    let scene = Scene::new();
    let gateway = limited(&scene, "per_purpose: { rate: 1/h, burst: 10 }");
    let voucher = scene.good_voucher();
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..30).map(|_| scope.spawn(|| search(&gateway, &voucher).status)).collect();
        calls.into_iter().map(|call| call.join().expect("a call")).collect()
    });
    let count = |wanted: u16| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(200), count(429)), (10, 20), "{statuses:?}");
    assert_eq!(scene.sandbox.department.accesses().total(), 10);
}

#[test]
fn so_many_at_a_time() {
    let (scene, rest) = (Scene::new(), Rest::start(""));
    rest.answer(200, "content-type: application/problem+json\r\n", r#"{"type":"about:blank","status":200}"#);
    rest.hold();
    let adapter = format!(
        "    status: proxied\n    limits: {{ per_purpose: {{ concurrency: 2 }} }}\n    upstream: {{ attempts: 1 }}\n    adapter: {{ http: {{ url: \"http://{}\" }} }}\n",
        rest.address
    );
    let configuration = scene.configuration(&adapter);
    let soap = configuration.lines().find(|line| line.contains("adapter: { soap")).expect("the adapter").to_owned();
    let gateway = Gateway::start(scene.path(), &configuration.replace(&format!("{soap}\n"), ""));
    let voucher = scene.good_voucher();
    let url = gateway.url("pdnd", "/anagrafe/v1/status");
    std::thread::scope(|scope| {
        let held: Vec<_> = (0..2).map(|_| scope.spawn(|| get(&url, &voucher).status)).collect();
        eventually("two are under way", || (rest.asked().len() == 2).then_some(()));
        let third = get(&url, &voucher);
        assert_eq!((third.status, &*third.problem(), third.header("retry-after")), (503, "busy", Some("1")));
        rest.open();
        assert_eq!(held.into_iter().map(|call| call.join().expect("a call")).collect::<Vec<_>>(), [200, 200]);
    });
    assert_eq!(rest.asked().len(), 2);
    assert_eq!(eventually("a permit is free again", || Some(get(&url, &voucher).status).filter(|status| *status != 503)), 200);
}
