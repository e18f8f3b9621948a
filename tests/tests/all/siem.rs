//! Records as a collector of security events gets them: rsyslog, over TLS, with the gateway's own certificate.

use rustix::process::Signal;
use serde_json::Value;
use tests::{Gateway, Peer, Rest, Site, curl, eventually, varco};

use crate::authority::Authority;

struct Watched {
    site: Site,
    authority: Authority,
    upstream: Rest,
}

impl Watched {
    fn new() -> Self {
        let site = Site::new();
        let authority = Authority::new(site.path(), "ca");
        authority.sign(site.path(), "server", &["localhost"]);
        authority.sign(site.path(), "client", &[]);
        Self { site, authority, upstream: Rest::start("{}") }
    }

    fn yaml(&self, port: u16, more: &str) -> String {
        let siem = format!("siem: {{ url: \"tls://localhost:{port}\", roots: ca.pem, certificate: client.pem, key: client.key{more} }}\n");
        Site::configuration(&siem, "", &format!("http://{}", self.upstream.address), "")
    }

    fn gateway(&self, port: u16, more: &str) -> Gateway {
        Gateway::start(self.site.path(), &self.yaml(port, more))
    }

    /// The records of the log, as they stand in it.
    fn records(&self) -> Vec<String> {
        let log = self.site.path().join("audit").display().to_string();
        let output = varco(self.site.path(), &["audit", "list", "-n", "1000000", "--json", "--store", &log]);
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect()
    }
}

fn ask(gateway: &Gateway, times: usize) {
    for _ in 0..times {
        assert_eq!(curl(&[&gateway.url("web", "/c/v1/cose")]).status, 200);
    }
    assert_eq!(curl(&[&gateway.url("web", "/nulla")]).status, 404);
}

#[test]
fn every_record_reaches_the_collector_whoever_was_away_meanwhile() {
    let watched = Watched::new();
    let mut collector = Peer::rsyslog(watched.site.path(), None);
    let port = collector.ports[0];
    let told = |collector: &Peer| {
        let (records, lines) = (watched.records(), collector.log());
        records.len() > 1 && records.iter().all(|record| lines.iter().any(|line| line.ends_with(record.as_str())))
    };
    let mut gateway = watched.gateway(port, "");
    ask(&gateway, 10);
    eventually("it is told of all", || told(&collector).then_some(()));
    assert!(gateway.metric(&format!("varco_siem_connected{{collector=\"localhost:{port}\"}}")) > 0.5);
    let refused = eventually("of refusals too", || collector.log().into_iter().find(|line| line.contains("no-e-service")));
    let metrics = gateway.admin("/metrics").1;
    assert!(metrics.contains("varco_expires_timestamp_seconds{of=\"siem\",what=\"certificate\",file=\"client.pem\"}"), "{metrics}");
    assert!(metrics.contains("varco_refusals_total{eservice=\"\",stage=\"route\",kind=\"no-e-service\"} 1"), "{metrics}");
    assert!(refused.starts_with("109 2") && refused.contains(" prova exchange "), "audit, notice: {refused}");

    // The collector is away for a while: the log keeps what it misses, and nobody waits.
    drop(collector);
    eventually("it is missed", || (gateway.metric(&format!("varco_siem_connected{{collector=\"localhost:{port}\"}}")) < 0.5).then_some(()));
    ask(&gateway, 10);
    collector = Peer::rsyslog(watched.site.path(), Some(port));
    eventually("it is told of the rest", || told(&collector).then_some(()));

    // The gateway is: it goes on from where it had come to, and does not begin again.
    let cursor = watched.site.path().join("audit/siem.cursor");
    let records = watched.records().len() as u64;
    eventually("what was told is kept", || {
        let kept: Value = serde_json::from_slice(&std::fs::read(&cursor).ok()?).expect("JSON");
        (kept["seq"].as_u64()? > records).then_some(())
    });
    let first = watched.records().remove(0);
    let times = |collector: &Peer| collector.log().iter().filter(|line| line.ends_with(&first)).count();
    let before = times(&collector);
    gateway.stop();
    let gateway = watched.gateway(port, "");
    ask(&gateway, 5);
    eventually("it is told of what came after", || told(&collector).then_some(()));
    assert_eq!(times(&collector), before, "what was told long ago is not told again");
    assert_eq!(
        varco(watched.site.path(), &["audit", "verify", "--store", "audit"]).status.code(),
        Some(0),
        "the cursor is no part of the log"
    );
}

#[test]
fn a_collector_may_want_cef() {
    let watched = Watched::new();
    let collector = Peer::rsyslog(watched.site.path(), None);
    let gateway = watched.gateway(collector.ports[0], ", format: cef");
    ask(&gateway, 1);
    let line = eventually("it is told", || collector.log().into_iter().find(|line| line.contains("refused")));
    assert!(line.contains(" exchange CEF:0|Varco|varco|"), "{line}");
    assert!(line.contains("|exchange|exchange refused no-e-service|5|rt=") && line.contains(" reason=no-e-service "), "{line}");
}

/// A renewed certificate keeps no reload from coming into force, and is shown with the next connection.
#[test]
fn a_renewed_certificate_needs_no_restart() {
    let watched = Watched::new();
    let collector = Peer::rsyslog(watched.site.path(), None);
    let port = collector.ports[0];
    let gateway = watched.gateway(port, "");
    ask(&gateway, 1);
    eventually("it is told", || (collector.log().len() > 1).then_some(()));
    watched.authority.sign(watched.site.path(), "client", &[]);
    gateway.signal(Signal::HUP);
    gateway.assert_logs("is in force");
    drop(collector);
    ask(&gateway, 1);
    let collector = Peer::rsyslog(watched.site.path(), Some(port));
    eventually("it is told again", || (collector.log().len() > 3).then_some(()));
}

/// Whoever is not who it should be is told nothing.
#[test]
fn an_impostor_is_told_nothing() {
    let watched = Watched::new();
    let other = Authority::new(watched.site.path(), "other");
    let (roots, certificate) = (", roots: other.pem", "certificate: client.pem");
    other.sign(watched.site.path(), "unknown", &[]);
    for (from, to) in [(", roots: ca.pem", roots), (certificate, "certificate: unknown.pem")] {
        let collector = Peer::rsyslog(watched.site.path(), None);
        let yaml = watched.yaml(collector.ports[0], "").replace(from, to);
        let yaml = if to == roots { yaml } else { yaml.replace("client.key", "unknown.key") };
        let gateway = Gateway::start(watched.site.path(), &yaml);
        ask(&gateway, 1);
        gateway.assert_logs("cannot be told");
        assert_eq!(collector.log().len(), 0, "{to}");
    }
    watched.site.assert_faults(
        &watched.yaml(6514, ""),
        &[
            ("tls://localhost:6514", "tcp://10.0.0.9:514", "would send records in the clear"),
            ("tls://localhost:6514", "udp://localhost", "is not syslog over TLS"),
            ("tls://localhost:6514", "localhost", "is no address of a collector"),
            ("roots: ca.pem", "roots: nessuna.pem", "cannot read"),
            ("key: client.key", "key: server.key", "cannot be used"),
            ("roots: ca.pem", "format: leef", "should be one of `json`, `cef`"),
        ],
    );
}

/// A cursor of another log, a damaged one, or one that cannot be written, keeps nobody from being told, nor has all told for ever.
#[test]
fn a_cursor_that_cannot_be_used_has_all_told_again() {
    let watched = Watched::new();
    let collector = Peer::rsyslog(watched.site.path(), None);
    let store = watched.site.path().join("audit");
    std::fs::create_dir(&store).expect("a folder");
    let of_another = r#"{"format":1,"segment":"00000000000000009000.log","offset":512,"chain":"CHAIN","seq":9000}"#;
    std::fs::write(store.join("siem.cursor"), of_another.replace("CHAIN", &"0".repeat(64))).expect("it is written");
    std::fs::create_dir(store.join("siem.cursor.next")).expect("in the way of what would be written");
    let gateway = watched.gateway(collector.ports[0], "");
    ask(&gateway, 3);
    eventually("it is told of all", || {
        let (records, lines) = (watched.records(), collector.log());
        (records.len() > 3 && records.iter().all(|record| lines.iter().any(|line| line.ends_with(record.as_str())))).then_some(())
    });
    gateway.assert_logs("cannot be kept");
    gateway.assert_logs("is of another log");
    let first = watched.records().remove(0);
    assert_eq!(collector.log().iter().filter(|line| line.ends_with(&first)).count(), 1, "and told once");
}
