//! What nobody needs whole passes through, both ways, at the pace of the slower side and within a bounded memory.

use std::io::{Read as _, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};

use tests::{Connection, Peer, Rest, Scene, Site, Witness, curl, eventually, open};

const MIB: usize = 1 << 20;
/// More than everything that may stand in buffers between a caller and an upstream: sockets, TLS, hyper.
const LARGE: usize = 96 * MIB;
const ROOM: &str = "    upstream: { answer_bytes: 1GiB }\n";
/// What the gateway may grow by while that passes.
const GROWTH_KIB: u64 = 24 * 1024;

#[test]
fn a_large_answer_passes_in_bounded_memory_and_waits_for_its_reader() {
    let site = Site::new();
    let written = Arc::new(AtomicU64::new(0));
    let count = written.clone();
    let witness = Witness::new(move |mut stream| {
        let mut wire = Connection::over(stream.try_clone().expect("a socket"));
        while wire.request().is_some() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: {LARGE}\r\n\r\n");
            let piece = vec![b'x'; MIB];
            let _ = stream.write_all(head.as_bytes());
            for _ in 0..LARGE / MIB {
                if stream.write_all(&piece).is_err() {
                    return;
                }
                count.fetch_add(MIB as u64, Ordering::Relaxed);
            }
        }
    });
    let gateway = site.gateway("", ", limits: { write_time: 60s }", &witness.url(), ROOM);
    assert_eq!(curl(&[&gateway.url("web", "/live")]).status, 404, "warm");
    let before = gateway.peak_memory();
    let mut caller = Connection::sending(gateway.address("web"), "GET /c/v1/flussi HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(caller.head().expect("a head").starts_with("HTTP/1.1 200"));
    // Nobody reads: the upstream must come to a stop long before its end.
    let mut last = 0;
    eventually("the upstream comes to a stop", || {
        let now = written.swap(0, Ordering::Relaxed) + last;
        let stopped = now == last && now > 0;
        last = now;
        std::thread::sleep(std::time::Duration::from_millis(200));
        stopped.then_some(())
    });
    assert!(last < LARGE as u64 / 2, "{last} bytes were taken from the upstream with nobody to read them");
    let mut read = 0;
    let mut buffer = vec![0; MIB];
    while read < LARGE - MIB {
        read += caller.stream().read(&mut buffer).expect("the rest comes");
    }
    assert!(gateway.peak_memory() < before + GROWTH_KIB, "{} KiB, then {}", before, gateway.peak_memory());
}

#[test]
fn an_upload_reaches_the_upstream_as_it_comes() {
    let site = Site::new();
    let (heard, hears) = channel();
    let heard = Mutex::new(heard);
    let witness = Witness::new(move |mut stream| {
        let mut buffer = [0; 4096];
        let mut seen = String::new();
        while !seen.ends_with("0\r\n\r\n") {
            let Ok(read @ 1..) = stream.read(&mut buffer) else { return };
            seen += &String::from_utf8_lossy(&buffer[..read]);
            let _ = heard.lock().expect("no test panics in here").send(seen.clone());
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok");
    });
    let gateway = site.gateway("", "", &witness.url(), ROOM);
    let mut caller = Connection::sending(
        gateway.address("web"),
        "POST /c/v1/flussi HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    for word in ["primo", "secondo", "terzo"] {
        caller.send(format!("{:x}\r\n{word}\r\n", word.len()).as_bytes()).expect("it is read");
        // The next word is not said before the upstream has heard this one.
        loop {
            let seen = hears.recv_timeout(tests::PATIENCE).expect("the upstream hears it");
            assert!(seen.contains("transfer-encoding: chunked"), "{seen}");
            if seen.contains(word) {
                break;
            }
        }
    }
    caller.send(b"0\r\n\r\n").expect("it is read");
    assert_eq!(caller.answer().expect("an answer").status, 200);
}

#[test]
fn an_upload_waits_for_an_upstream_that_does_not_read() {
    let site = Site::new();
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let witness = Witness::new(move |mut stream| {
        // Not a byte is read before the test has seen the caller stopped.
        let _ = gate.lock().expect("no test panics in here").recv();
        let mut left = LARGE;
        let mut buffer = vec![0; MIB];
        while left > 0 {
            let Ok(read @ 1..) = stream.read(&mut buffer) else { return };
            left = left.saturating_sub(read);
        }
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok");
    });
    let gateway = site.gateway("", ", limits: { body_bytes: 1GiB, body_time: 60s }", &witness.url(), ROOM);
    assert_eq!(curl(&[&gateway.url("web", "/live")]).status, 404, "warm");
    let before = gateway.peak_memory();
    let head = format!("POST /c/v1/flussi HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\ncontent-length: {LARGE}\r\n\r\n");
    let mut caller = Connection::sending(gateway.address("web"), &head);
    let piece = vec![b'x'; MIB];
    caller.stream().set_write_timeout(Some(std::time::Duration::from_millis(700))).expect("a socket");
    let mut sent = 0;
    while let Ok(wrote) = caller.stream().write(&piece[..piece.len().min(LARGE - sent)]) {
        sent += wrote;
        assert!(sent < LARGE / 2, "{sent} bytes were taken from the caller with nobody to read them");
    }
    go.send(()).expect("the upstream waits");
    caller.stream().set_write_timeout(Some(tests::PATIENCE)).expect("a socket");
    while sent < LARGE {
        sent += caller.stream().write(&piece[..piece.len().min(LARGE - sent)]).expect("it is read now");
    }
    assert_eq!(caller.answer().expect("an answer").status, 200);
    assert!(gateway.peak_memory() < before + GROWTH_KIB, "{} KiB, then {}", before, gateway.peak_memory());
}

#[test]
fn a_broken_upload_is_the_callers_doing_over_h2_too() {
    let (site, folder) = (Site::new(), tempfile::tempdir().expect("a folder"));
    let nginx = Peer::nginx(folder.path());
    let upstream =
        format!("    upstream: {{ protocol: http2, tls: {{ roots: {}/ca.pem }}, breaker: {{ failures: 2 }} }}\n", folder.path().display());
    let listener = ", limits: { body_time: 200ms, body_rate: 100000/s, body_bytes: 64KiB }";
    let gateway = site.gateway("", listener, &format!("https://127.0.0.1:{}", nginx.ports[1]), &upstream);
    // nginx reads the whole body there before it passes it on.
    let head = "POST /c/v1/registra HTTP/1.1\r\nhost: h\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    for _ in 0..3 {
        let slow = Connection::sending(gateway.address("web"), &format!("{head}5\r\nx")).answer().expect("an answer");
        assert_eq!((slow.status, slow.problem().as_str()), (408, "body-too-slow"), "{}", slow.head);
        let mut caller = Connection::sending(gateway.address("web"), head);
        let _ = caller.send(format!("20000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x20000)).as_bytes());
        let large = caller.answer().expect("an answer");
        assert_eq!((large.status, large.problem().as_str()), (413, "body-too-large"), "{}", large.head);
    }
    assert!(gateway.metric("varco_breaker_level{eservice=\"cose\"}") < 0.5, "the upstream is not to blame");
}

#[test]
fn an_answer_announced_too_large_does_not_begin() {
    let site = Site::new();
    let witness = Witness::answering("content-type: text/plain\r\ncontent-length: 100000\r\n\r\n");
    let gateway = site.gateway("", "", &witness.url(), "    upstream: { answer_bytes: 64KiB }\n");
    let answer = curl(&[&gateway.url("web", "/c/v1/flussi")]);
    assert_eq!((answer.status, answer.problem().as_str()), (502, "bad-upstream-answer"), "{answer:?}");
}

#[test]
fn a_body_that_nobody_needs_is_not_read_whether_it_is_short_or_long() {
    // The contract says nothing of what is in these bodies, so neither do we: not even that a name stands twice.
    let scene = Scene::new();
    let short = r#"{"n":1,"n":2}"#.to_owned();
    let long = format!(r#"{{"n":"{}","n":2}}"#, "n".repeat(100_000));
    for body in [short, long] {
        let department = Rest::start(&body);
        let adapter = format!("{{ http: {{ url: \"http://{}\" }} }}", department.address);
        let gateway = scene.gateway_of(1, &[open("opaco", "tests/bench/pass.yaml", &adapter, "")]);
        let mut caller = Connection::to(gateway.address("pdnd"));
        let head =
            format!("POST /opaco/item HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
        caller.send([head.as_bytes(), body.as_bytes()].concat().as_slice()).expect("the connection stands");
        let answer = caller.answer().expect("an answer");
        assert_eq!((answer.status, answer.body == body.as_bytes()), (200, true), "{}", answer.head);
        assert!(department.asked()[0].body == body.as_bytes(), "{} bytes", body.len());
    }
}
