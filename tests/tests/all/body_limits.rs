//! What a body may cost: its size, its time, and the memory of all of them together.

use std::time::Duration;

use tests::{Connection, Gateway, Message, Site, Witness, curl, eventually};

const LIMITS: &str = ", limits: { body_time: 300ms, body_rate: 100000/s, body_bytes: 64KiB, write_time: 5s }";

/// Sends a head and the beginning of a body and waits for the answer.
fn post(gateway: &Gateway, path: &str, framing: &str, body: &[u8]) -> Message {
    let head = format!("POST /c/v1/{path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n{framing}\r\n\r\n");
    let mut wire = Connection::sending(gateway.address("web"), &head);
    // The answer may come, and the connection close, before all of it is written.
    let _ = wire.send(body);
    wire.answer().expect("an answer")
}

#[test]
fn a_body_that_is_too_large_or_too_slow_is_refused_held_or_streamed() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", LIMITS, &witness.url(), "");
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000)).repeat(3) + "0\r\n\r\n";
    // `cose` is held for its contract, `flussi` streams.
    for path in ["cose", "flussi"] {
        for (framing, body, status, kind) in [
            ("content-length: 65537", &b"{"[..], 413, "body-too-large"),
            ("transfer-encoding: chunked", chunk.as_bytes(), 413, "body-too-large"),
            ("content-length: 5", b"{", 408, "body-too-slow"),
            ("transfer-encoding: chunked", b"5\r\n{", 408, "body-too-slow"),
            ("transfer-encoding: chunked", b"zz\r\n", 400, "body-incomplete"),
        ] {
            let answer = post(&gateway, path, framing, body);
            assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{path} {framing}: {}", answer.head);
            let id = answer.header("varco-exchange").expect("the exchange's id").to_owned();
            let record = site.record(|record| record["id"] == *id && record["ev"] == "exchange");
            assert_eq!(record["err"], kind, "{path} {record}");
            // Who breaks the framing has left, as far as the exchange is concerned.
            assert!(kind == "body-incomplete" || record["out"] == "refused", "{path} {record}");
        }
    }
    assert!(witness.asked().iter().all(|asked| asked.head.contains("/flussi")), "a held body that was refused was never sent on");
    // None of it counts against the upstream: it is asked as before.
    assert_eq!(curl(&["-d", "x", &gateway.url("web", "/c/v1/flussi")]).status, 200);
    assert!(gateway.metric("varco_breaker_level{eservice=\"cose\"}") < 0.5);
}

#[test]
fn a_body_that_drips_below_the_rate_is_refused_and_one_above_it_is_not() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", ", limits: { body_time: 300ms, body_rate: 2000/s }", &witness.url(), "");
    let head = "POST /c/v1/flussi HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    for (size, status) in [(1, 408), (100, 200)] {
        let mut wire = Connection::sending(gateway.address("web"), head);
        let chunk = format!("{size:x}\r\n{}\r\n", "x".repeat(size));
        // 60 chunks a little apart: 100 bytes each are above the rate, one byte each far below.
        for _ in 0..60 {
            std::thread::sleep(Duration::from_millis(10));
            // Once the answer is there nothing more is sent: it would be met by a reset, and the answer lost.
            if wire.has_more() || wire.send(chunk.as_bytes()).is_err() {
                break;
            }
        }
        if !wire.has_more() {
            wire.send(b"0\r\n\r\n").expect("it is still read");
        }
        assert_eq!(wire.answer().expect("an answer").status, status, "{size}");
    }
}

#[test]
fn an_e_service_may_allow_less_than_its_listener() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "    body_bytes: 1KiB\n");
    let url = gateway.url("web", "/c/v1/flussi");
    let (fits, large) = ("x".repeat(1024), "x".repeat(1025));
    assert_eq!(curl(&["-d", &fits, &url]).status, 200);
    assert_eq!(curl(&["-d", &large, &url]).problem(), "body-too-large");
    let chunked = curl(&["-H", "transfer-encoding: chunked", "-d", &large, &url]);
    assert_eq!((chunked.status, chunked.problem().as_str()), (413, "body-too-large"));
}

#[test]
fn bodies_held_together_are_bounded_and_nobody_else_notices() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("limits: { buffered_bytes: 100KiB }\n", ", limits: { body_time: 60s }", &witness.url(), "");
    let head = "POST /c/v1/cose HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 80000\r\n\r\n";
    // What was announced is reserved at once.
    let mut first = Connection::sending(gateway.address("web"), head);
    eventually("the first body has its room", || (gateway.metric("varco_buffered_bytes") >= 80000.0).then_some(()));
    let url = gateway.url("web", "/c/v1/cose");
    let small = format!("{{\"nome\":\"{}\"}}", "x".repeat(10_000));
    let large = format!("{{\"nome\":\"{}\"}}", "x".repeat(40_000));
    let ask = |body: &str, more: &[&str]| curl(&[more, &["-H", "content-type: application/json", "-d", body, &url]].concat());
    assert_eq!(ask(&small, &[]).status, 200);
    for framing in [&[][..], &["-H", "transfer-encoding: chunked"]] {
        let refused = ask(&large, framing);
        assert_eq!((refused.status, refused.problem().as_str()), (503, "busy"), "{refused:?}");
        assert!(refused.header("retry-after").is_some());
    }
    assert_eq!(curl(&[&url]).status, 200, "who sends no body needs no room");
    let body = format!("{{\"nome\":\"{}\"}}", "x".repeat(80_000 - 11));
    first.send(body.as_bytes()).expect("it is still read");
    assert_eq!(first.answer().expect("an answer").status, 200);
    assert_eq!(ask(&large, &[]).status, 200, "room is given back");
    eventually("all room is given back", || (gateway.metric("varco_buffered_bytes") < 0.5).then_some(()));
}

#[test]
fn answers_that_are_held_need_room_too() {
    let site = Site::new();
    let body = format!("{{\"nome\":\"{}\"}}", "x".repeat(100_000));
    for framing in [
        format!("content-length: {}\r\n\r\n{body}", body.len()),
        format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
    ] {
        let witness = Witness::answering(&format!("content-type: application/json\r\n{framing}"));
        for (room, status) in [("150KiB", 200), ("50KiB", 503)] {
            let gateway = site.gateway(&format!("limits: {{ buffered_bytes: {room} }}\n"), "", &witness.url(), "");
            let answer = curl(&[&gateway.url("web", "/c/v1/promesse")]);
            assert_eq!(answer.status, status, "{room} {answer:?}");
            assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200, "what streams needs no room");
        }
    }
}
