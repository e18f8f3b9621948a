//! What a connection may cost: its idle time, its requests, its number, its answers that nobody reads.

use std::io::Read as _;
use std::net::Shutdown;
use std::process::Command;

use tests::{Connection, Gateway, Site, Witness, eventually};

const GET: &str = "GET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n";

fn counted(gateway: &Gateway, cause: &str, expected: f64) {
    let name = format!("varco_failed_connections_total{{cause=\"{cause}\"}}");
    eventually(&format!("{cause} is counted {expected} times"), || (gateway.metric(&name) >= expected).then_some(()));
}

#[test]
fn an_idle_connection_is_closed_before_and_after_a_request() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", ", limits: { idle_time: 400ms, header_time: 20s }", &witness.url(), "");
    assert_eq!(Connection::to(gateway.address("web")).rest(), b"", "who never asks is not waited for");
    let mut asked = Connection::sending(gateway.address("web"), GET);
    assert_eq!(asked.answer().expect("an answer").status, 200);
    assert_eq!(asked.rest(), b"");
    let failed = gateway.admin("/metrics").1.lines().filter(|line| line.starts_with("varco_failed_connections_total{")).count();
    assert_eq!(failed, 0, "to be idle is no failure");
}

#[test]
fn a_connection_carries_so_many_requests_and_says_when_it_ends() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", ", limits: { requests_per_connection: 3 }", &witness.url(), "");
    let mut wire = Connection::to(gateway.address("web"));
    for number in 1..=3 {
        wire.send(GET.as_bytes()).expect("the connection is kept");
        let answer = wire.answer().expect("an answer");
        assert_eq!((answer.status, answer.header("connection") == Some("close")), (200, number == 3), "{}", answer.head);
    }
    assert_eq!(wire.rest(), b"");
}

#[test]
fn beyond_the_cap_connections_wait_and_are_served_when_others_end() {
    let (site, witness) = (Site::new(), Witness::hello());
    // As many places as workers: a worker without a caller must not keep one from the other.
    let gateway = site.gateway("", ", limits: { connections: 2, idle_time: 60s }", &witness.url(), "");
    let mut served: Vec<Connection> = Vec::new();
    let mut waiting: Vec<Connection> = (0..12).map(|_| Connection::sending(gateway.address("web"), GET)).collect();
    while !waiting.is_empty() {
        let open = served.len();
        let next = eventually("one of those who wait is served", || waiting.iter().position(Connection::has_more));
        let mut wire = waiting.swap_remove(next);
        assert_eq!(wire.answer().expect("an answer").status, 200);
        served.push(wire);
        assert!(open < 2, "never more than two at a time");
        if served.len() + waiting.iter().filter(|wire| wire.has_more()).count() >= 2 {
            assert!(gateway.metric("varco_connections") <= 2.0);
            served.remove(0).stream().shutdown(Shutdown::Both).expect("it is open");
        }
    }
}

#[test]
fn a_caller_who_does_not_read_its_answer_is_cut() {
    let site = Site::new();
    let large = "x".repeat(64 << 20);
    let witness = Witness::answering(&format!("content-type: application/octet-stream\r\ncontent-length: {}\r\n\r\n{large}", large.len()));
    let more = "    upstream: { answer_bytes: 100MiB }\n";
    let gateway = site.gateway("", ", limits: { write_time: 500ms, idle_time: 60s }", &witness.url(), more);
    let mut wire = Connection::sending(gateway.address("web"), "GET /c/v1/flussi HTTP/1.1\r\nhost: h\r\n\r\n");
    assert!(wire.head().expect("the head is small enough").starts_with("HTTP/1.1 200"));
    counted(&gateway, "answer-not-read", 1.0);
    let mut rest = Vec::new();
    let _ = wire.stream().read_to_end(&mut rest);
    assert!(rest.len() < large.len(), "what was not read in time is not sent");
    let closed = site.record(|record| record["ev"] == "exchange.closed");
    assert_eq!(closed["res"]["end"], "cut", "{closed}");
}

#[test]
fn as_many_files_may_be_open_as_the_system_allows() {
    let (site, witness) = (Site::new(), Witness::hello());
    let yaml = Site::configuration("", "", &witness.url(), "");
    let mut limited = Command::new("prlimit");
    limited.arg("--nofile=256:4096");
    let gateway = Gateway::start_under(site.path(), &yaml, limited).expect("it starts");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", gateway.pid())).expect("it runs");
    let open: Vec<&str> = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line").split_whitespace().collect();
    assert_eq!(open[3..5], ["4096", "4096"], "{limits}");
    // The listener may have 10,000 connections.
    gateway.assert_logs("LimitNOFILE");
}
