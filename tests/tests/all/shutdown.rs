//! The end of a gateway, and two that would share what only one may have.

use std::net::{TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use rustix::process::Signal;
use tests::{Connection, Gateway, Site, Witness, eventually, varco};

const GET: &str = "GET /c/v1/cose HTTP/1.1\r\nhost: h\r\n\r\n";

/// An upstream that answers one request for each word it is given.
fn gated() -> (Witness, Sender<()>) {
    let (go, gate) = channel::<()>();
    let gate = Mutex::new(gate);
    let witness = Witness::new(move |stream| {
        let mut wire = Connection::over(stream);
        while wire.request().is_some() {
            if gate.lock().expect("no test panics in here").recv().is_err() {
                return;
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
            if wire.send(answer).is_err() {
                return;
            }
        }
    });
    (witness, go)
}

fn verifies(site: &Site) {
    let verified = varco(site.path(), &["audit", "verify", "--store", "audit"]);
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_drain_serves_who_came_before_it_and_nobody_else() {
    let site = Site::new();
    let (witness, go) = gated();
    // One place: the others wait, one accepted and not let in, the rest in the system's backlog.
    let yaml = Site::configuration("", ", limits: { connections: 1 }", &witness.url(), "").replace("workers: 2", "workers: 1");
    let mut gateway = Gateway::start(site.path(), &yaml);
    let mut under_way = Connection::sending(gateway.address("web"), GET);
    eventually("the upstream is asked", || (witness.connections() == 1).then_some(()));
    let mut waiting: Vec<Connection> = (0..5).map(|_| Connection::sending(gateway.address("web"), GET)).collect();
    assert_eq!(gateway.admin("/ready"), (200, "ready\n".into()));
    gateway.signal(Signal::TERM);
    eventually("it says that it drains", || (gateway.admin("/ready") == (503, "draining\n".into())).then_some(()));
    assert_eq!(gateway.admin("/live").0, 200, "it drains, and lives");
    eventually("nobody else is let in", || TcpStream::connect(gateway.address("web")).err());
    assert!(gateway.has_ended().is_none(), "it waits for the request under way");
    for connection in std::iter::once(&mut under_way).chain(&mut waiting) {
        go.send(()).expect("the upstream waits");
        let answer = connection.answer().expect("an answer");
        assert_eq!((answer.status, answer.header("connection")), (200, Some("close")), "{}", answer.head);
    }
    assert_eq!(gateway.wait().code(), Some(0), "{}", gateway.stderr());
    verifies(&site);
    let listed = varco(site.path(), &["audit", "list", "-n", "100", "--json", "--store", "audit"]).stdout;
    let exchanges = String::from_utf8_lossy(&listed).lines().filter(|line| line.contains(r#""ev":"exchange""#)).count();
    assert_eq!(exchanges, 6, "each has its record");
}

#[test]
fn a_request_that_was_sent_before_the_signal_is_answered() {
    let (site, witness) = (Site::new(), Witness::hello());
    let mut gateway = site.gateway("", "", &witness.url(), "");
    let idle = Connection::to(gateway.address("web"));
    let mut sent: Vec<Connection> = (0..60).map(|_| Connection::sending(gateway.address("web"), GET)).collect();
    gateway.signal(Signal::INT);
    for connection in &mut sent {
        assert_eq!(connection.answer().expect("an answer").status, 200);
    }
    assert_eq!(gateway.wait().code(), Some(0), "who never asks does not hold it up");
    drop(idle);
    verifies(&site);
}

#[test]
fn a_drain_that_does_not_come_to_its_end_is_cut_and_says_so() {
    let site = Site::new();
    let (witness, _go) = gated();
    let yaml = Site::configuration("", "", &witness.url(), "").replace("drain: 10s", "drain: 300ms");
    let mut gateway = Gateway::start(site.path(), &yaml);
    let mut caller = Connection::sending(gateway.address("web"), GET);
    eventually("the upstream is asked", || (witness.connections() == 1).then_some(()));
    assert_eq!(gateway.stop().code(), Some(4));
    assert_eq!(caller.rest(), b"", "no answer without its record");
    verifies(&site);
    // What had begun is not forgotten: the next start records it.
    let _next = Gateway::start(site.path(), &yaml);
    site.record(|record| record["ev"].as_str().is_some_and(|event| event.contains("orphan")));
}

#[test]
fn a_second_process_on_the_same_log_is_refused() {
    let (site, witness) = (Site::new(), Witness::hello());
    let gateway = site.gateway("", "", &witness.url(), "");
    let second = Gateway::try_start(site.path(), &Site::configuration("", "", &witness.url(), "")).expect_err("the log is taken");
    assert!(second.starts_with("exit status: 3\n"), "{second}");
    assert!(second.contains("another process") && second.contains("audit"), "{second}");
    let url = gateway.url("web", "/c/v1/cose");
    assert_eq!(tests::curl(&[&url]).status, 200, "the first is not disturbed");
}

#[test]
fn a_port_that_is_taken_is_refused() {
    let (first, witness) = (Site::new(), Witness::hello());
    let gateway = first.gateway("", "", &witness.url(), "");
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let web = gateway.address("web").to_string();
    let admin = gateway.address("admin").to_string();
    let others = other.local_addr().expect("it is bound").to_string();
    for (key, taken) in [("web", &web), ("web", &others), ("admin", &admin)] {
        let site = Site::new();
        let address = format!("{key}: {{ address: \"127.0.0.1:0\"");
        let yaml = Site::configuration("", "", &witness.url(), "").replace(&address, &format!("{key}: {{ address: \"{taken}\""));
        let refused = Gateway::try_start(site.path(), &yaml).expect_err("the port is taken");
        assert!(refused.starts_with("exit status: 3\n"), "{key} {taken}: {refused}");
        assert!(refused.contains(&format!("cannot listen on {taken}")) && refused.contains("in use"), "{key} {taken}: {refused}");
        verifies(&site);
    }
}
