//! What a head may cost: its size, its time, and what fails before a request exists.

use std::time::Instant;

use tests::{Connection, Message, Site, Witness, eventually};

const LIMITS: &str = ", limits: { header_count: 16, header_bytes: 2KiB, target_bytes: 300B, header_time: 300ms, idle_time: 20s }";

/// Asks with so many headers of so many bytes each, and a query of so many.
fn ask(gateway: &tests::Gateway, count: usize, bytes: usize, query: usize) -> Option<Message> {
    let mut head = format!("GET /c/v1/cose?{} HTTP/1.1\r\nhost: h\r\n", "q".repeat(query));
    for number in 0..count {
        head += &format!("x-{number}: {}\r\n", "v".repeat(bytes));
    }
    let mut wire = Connection::to(gateway.address("web"));
    // The answer may come, and the connection close, before all of it is written.
    let _ = wire.send((head + "\r\n").as_bytes());
    wire.answer()
}

#[test]
fn a_head_beyond_a_limit_is_told_which() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", LIMITS, &witness.url(), "");
    for (count, bytes, query, status, kind) in [
        (14, 1, 1, 200, ""),
        (16, 1, 1, 431, "headers-too-large"),
        (8, 230, 1, 200, ""),
        (8, 260, 1, 431, "headers-too-large"),
        (1, 1, 285, 200, ""),
        (1, 1, 300, 414, "target-too-long"),
    ] {
        let answer = ask(&gateway, count, bytes, query).expect("an answer");
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{count} {bytes} {query}: {}", answer.head);
        if status != 200 {
            let id = answer.header("varco-exchange").expect("the exchange's id").to_owned();
            let record = site.record(|record| record["id"] == *id);
            assert_eq!((record["err"].as_str(), record["stage"].as_str()), (Some(kind), Some("route")), "{record}");
        }
    }
    assert_eq!(witness.asked().len(), 3, "what was refused never reached the upstream");
}

#[test]
fn a_head_beyond_what_is_read_at_all_gets_a_bare_status_and_is_counted() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", LIMITS, &witness.url(), "");
    let many = ask(&gateway, 100, 1, 1).expect("an answer");
    assert_eq!((many.status, many.body.len(), many.header("varco-exchange")), (431, 0, None), "{}", many.head);
    let large = ask(&gateway, 10, 4000, 1).expect("an answer");
    assert_eq!((large.status, large.body.len()), (431, 0), "{}", large.head);
    counted(&gateway, "head-too-large", 2.0);

    for head in
        ["GET /c/v1/cose HTTP/9.9\r\nhost: h\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n", "\u{16}\u{3}\u{1}\r\n\r\n"]
    {
        let answer = Connection::sending(gateway.address("web"), head).answer();
        assert!(answer.is_none_or(|answer| answer.status == 400 && answer.body.is_empty()), "{head:?}");
    }
    counted(&gateway, "malformed-head", 4.0);
    assert_eq!(witness.asked().len(), 0);
    // What failed is logged with the peer.
    for cause in ["malformed-head", "head-too-large"] {
        gateway.assert_logs(cause);
        let said = gateway.stderr();
        let line = said.lines().find(|line| line.contains(cause)).expect("it is logged");
        assert!(line.contains("127.0.0.1:"), "{line}");
    }
}

#[test]
fn who_fails_often_does_not_fill_the_log() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", LIMITS, &witness.url(), "");
    let begun = Instant::now();
    for _ in 0..400 {
        let _ = Connection::sending(gateway.address("web"), "GET\r\n\r\n").answer();
    }
    counted(&gateway, "malformed-head", 400.0);
    let seconds = begun.elapsed().as_secs() as usize + 2;
    let lines = gateway.stderr().lines().filter(|line| line.contains("malformed-head")).count();
    assert!((20..400).contains(&lines) && lines <= 20 * seconds, "{lines} lines in {seconds} s");
}

fn counted(gateway: &tests::Gateway, cause: &str, expected: f64) {
    let name = format!("varco_failed_connections_total{{cause=\"{cause}\"}}");
    eventually(&format!("{cause} is counted {expected} times"), || (gateway.metric(&name) >= expected).then_some(()));
    assert!((gateway.metric(&name) - expected).abs() < 0.5, "{cause}");
}

#[test]
fn a_head_that_comes_too_slowly_is_cut_whoever_keeps_dripping() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", LIMITS, &witness.url(), "");
    let mut silent = Connection::sending(gateway.address("web"), "GET /c/v1/cose HTTP/1.1\r\n");
    let mut dripping = Connection::sending(gateway.address("web"), "GET /c/v1/cose HTTP/1.1\r\n");
    // Each drop is progress; the limit is on the whole head all the same.
    eventually("the dripping caller is cut", || dripping.send(b"x-drop: 1\r\n").err());
    assert_eq!(silent.rest(), b"", "no answer to half a request");
    counted(&gateway, "head-too-slow", 2.0);
    assert_eq!(witness.asked().len(), 0);

    // A second request on a connection has the same limit, counted from its own first byte.
    let mut kept = Connection::sending(gateway.address("web"), "GET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n");
    assert_eq!(kept.answer().expect("an answer").status, 200);
    kept.send(b"GET /c/v1/cose HTTP/1.1\r\n").expect("it is kept");
    assert_eq!(kept.rest(), b"");
    counted(&gateway, "head-too-slow", 3.0);
}
