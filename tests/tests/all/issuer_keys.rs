//! Keys by URL: rotation, floods of unknown keys, a key server that is down when the gateway starts.

use std::net::TcpListener;

use tests::{Gateway, Scene, curl, eventually, search};

/// Until the gateway says that it is ready.
fn ready(gateway: &Gateway) {
    eventually("the gateway is ready", || (curl(&[&gateway.url("admin", "/ready")]).status == 200).then_some(()));
}

#[test]
fn a_new_key_is_believed_and_an_old_one_no_longer() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    ready(&gateway);
    let old = scene.good_voucher();
    assert_eq!(search(&gateway, &old).status, 200);
    assert_eq!(scene.sandbox.pdnd.accesses().count("jwks"), 1);
    scene.sandbox.pdnd.rotate_key(trust::SigningKey::generate().expect("a key"), false);
    let new = scene.good_voucher();
    assert_eq!(search(&gateway, &new).status, 200, "its key was added after the last fetch");
    assert_eq!(scene.sandbox.pdnd.accesses().count("jwks"), 2);
    // Remembered, but its key is not published any more.
    let answer = search(&gateway, &old);
    assert_eq!((answer.status, &*answer.problem()), (401, "voucher-unknown-key"));
    assert_eq!(search(&gateway, &new).status, 200);
    assert_eq!(scene.sandbox.pdnd.accesses().count("jwks"), 2);
}

#[test]
fn unknown_keys_cause_one_fetch_however_many_ask_at_once() {
    let scene = Scene::new();
    let gateway = scene.gateway("");
    ready(&gateway);
    // Slow enough that all of them meet the fetch under way.
    scene.sandbox.pdnd.switch().misbehave(sandbox::Misbehaviour::Delay(std::time::Duration::from_millis(300)));
    let spec = |n: usize| sandbox::VoucherSpec::new("valdombra-sociale", "assistenza").with_header("kid", format!("invented-{n}"));
    let flood = |round: usize| {
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..12)
                .map(|n| {
                    scope.spawn({
                        let (gateway, token) = (&gateway, scene.made_voucher(&spec(round * 100 + n)));
                        move || search(gateway, &token)
                    })
                })
                .collect();
            for call in calls {
                let answer = call.join().expect("a call");
                assert_eq!((answer.status, &*answer.problem()), (401, "voucher-unknown-key"));
            }
        });
    };
    flood(1);
    flood(2);
    flood(3);
    assert_eq!(scene.sandbox.pdnd.accesses().count("jwks"), 2, "one at the start and one for all unknown keys");
    assert_eq!(search(&gateway, &scene.good_voucher()).status, 200, "nobody else notices");
}

/// An hour without PDND: known keys go on, and each record says how old they were.
#[test]
fn known_keys_go_on_while_their_server_is_down_and_the_record_says_so() {
    let scene = Scene::new();
    let own = scene.sandbox.pdnd.jwks_url();
    let configuration = scene.configuration("").replace(&format!("\"{own}\""), &format!("\"{own}\", refresh: 200ms, retry: 100ms"));
    let gateway = Gateway::start(scene.path(), &configuration);
    ready(&gateway);
    let voucher = scene.good_voucher();
    let fresh = search(&gateway, &voucher);
    assert_eq!((fresh.status, &scene.record_of(&fresh)["pdnd"]["keys_age"]), (200, &serde_json::Value::Null));
    scene.sandbox.pdnd.switch().misbehave(sandbox::Misbehaviour::Reset);
    let record = eventually("the keys are older than they should be", || {
        let answer = search(&gateway, &voucher);
        assert_eq!(answer.status, 200, "{answer:?}");
        Some(scene.record_of(&answer)).filter(|record| record["pdnd"]["keys_age"].is_u64())
    });
    assert!(record["pdnd"]["keys_age"].as_u64().is_some_and(|age| age < 60), "{record}");
    scene.sandbox.pdnd.switch().behave();
    eventually("they are fresh again", || scene.record_of(&search(&gateway, &voucher))["pdnd"]["keys_age"].is_null().then_some(()));
}

#[test]
fn a_key_server_that_is_down_at_the_start_comes_back_by_itself() {
    let scene = Scene::new();
    // A port that nobody listens at, until something does.
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let own = scene.sandbox.pdnd.jwks_url();
    let configuration = scene.configuration("").replace(&format!("\"{own}\""), &format!("\"http://127.0.0.1:{port}/jwks\", retry: 200ms"));
    let gateway = Gateway::start(scene.path(), &configuration);
    let voucher = scene.good_voucher();
    let answer = search(&gateway, &voucher);
    assert_eq!((answer.status, &*answer.problem()), (503, "keys-unavailable"));
    assert!(answer.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|seconds| seconds >= 1)), "{answer:?}");
    assert_eq!(answer.header("www-authenticate"), None, "it is not the caller's fault");
    let ready_now = curl(&[&gateway.url("admin", "/ready")]);
    assert_eq!((ready_now.status, String::from_utf8_lossy(&ready_now.body).trim()), (503, "no keys of sandbox"));
    assert_eq!(scene.sandbox.department.accesses().total(), 0);

    let keys = tests::Rest::at(("127.0.0.1", port), &scene.sandbox.pdnd.jwks().to_string());
    ready(&gateway);
    assert_eq!(search(&gateway, &voucher).status, 200);
    assert_eq!(keys.asked().len(), 1);
}

#[test]
fn keys_of_a_file_are_begun_with_until_those_of_the_url_come() {
    let scene = Scene::new();
    let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let own = scene.sandbox.pdnd.jwks_url();
    std::fs::write(scene.path().join("kept.json"), scene.sandbox.pdnd.jwks().to_string()).expect("a folder");
    let place = format!("\"http://127.0.0.1:{port}/jwks\", retry: 200ms, preload: \"file:kept.json\"");
    let gateway = Gateway::start(scene.path(), &scene.configuration("").replace(&format!("\"{own}\""), &place));
    ready(&gateway);
    let old = scene.good_voucher();
    assert_eq!(search(&gateway, &old).status, 200, "nobody can be asked for keys");
    scene.sandbox.pdnd.rotate_key(trust::SigningKey::generate().expect("a key"), false);
    let _keys = tests::Rest::at(("127.0.0.1", port), &scene.sandbox.pdnd.jwks().to_string());
    let new = scene.good_voucher();
    eventually("the URL's keys have come", || (search(&gateway, &new).status == 200).then_some(()));
    let answer = search(&gateway, &old);
    assert_eq!((answer.status, &*answer.problem()), (401, "voucher-unknown-key"), "the file's keys count no more");
}

#[test]
fn what_is_no_file_of_keys_cannot_be_begun_with() {
    let scene = Scene::new();
    let own = format!("\"{}\"", scene.sandbox.pdnd.jwks_url());
    std::fs::write(scene.path().join("keys.json"), scene.sandbox.pdnd.jwks().to_string()).expect("a folder");
    std::fs::write(scene.path().join("none.json"), "{}").expect("a folder");
    for (keys, preload, told) in [
        (&*own, "file:keys.json", ""),
        (&own, "file:missing.json", "cannot read `missing.json`"),
        (&own, "file:none.json", "the key set cannot be used"),
        (&own, "https://keys.example", "what to begin with is no file"),
        ("\"file:keys.json\"", "file:keys.json", "keys from a file are there at once"),
    ] {
        let yaml = scene.configuration("").replace(&own, &format!("{keys}, preload: \"{preload}\""));
        std::fs::write(scene.path().join("varco.yaml"), yaml).expect("a folder");
        let checked = tests::varco(scene.path(), &["check", "-c", "varco.yaml"]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert_eq!((checked.status.success(), said.contains(told)), (told.is_empty(), true), "{preload}: {said}");
    }
}

#[test]
fn whoever_comes_before_the_first_keys_waits_for_them() {
    let scene = Scene::new();
    let keys = tests::Rest::start(&scene.sandbox.pdnd.jwks().to_string());
    keys.hold();
    let own = scene.sandbox.pdnd.jwks_url();
    let gateway = Gateway::start(scene.path(), &scene.configuration("").replace(&own, &format!("http://{}/jwks", keys.address)));
    let voucher = scene.good_voucher();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..4).map(|_| scope.spawn(|| search(&gateway, &voucher))).collect();
        eventually("the keys are asked for", || (!keys.asked().is_empty()).then_some(()));
        keys.open();
        calls.into_iter().map(|call| call.join().expect("a call").status).collect()
    });
    assert_eq!(answers, [200; 4]);
    assert_eq!(keys.asked().len(), 1, "one fetch serves all who wait");
}
