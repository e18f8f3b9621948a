//! One page: what happened between two moments, and how full things are now.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use proxy::{EServiceStatus, Status};
use serde::Serialize;

use super::scrape::Scrape;

/// The most refusals that are listed.
const MOST_REFUSALS: usize = 10;
/// From which part of its room on something counts as full.
const FULL: f64 = 0.8;

/// What is shown.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(super) struct Page {
    installation: String,
    node: String,
    missing: Vec<String>,
    seconds: f64,
    connections: f64,
    buffered_bytes: u64,
    log_queue_bytes: u64,
    /// Within what time 99 of a hundred batches of records were durable.
    log_seconds_p99: Option<f64>,
    /// Those that took the most time first.
    eservices: Vec<Row>,
    /// The most frequent first.
    refusals: Vec<Refusals>,
    full: Vec<String>,
    expiring: Vec<String>,
}

/// An e-service.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Row {
    eservice: String,
    /// Exchanges that ended, a second.
    rate: f64,
    refused_rate: f64,
    failed_rate: f64,
    /// From a request to the end of its record, on the average.
    mean_seconds: Option<f64>,
    /// Within what time 99 of a hundred upstreams answered.
    upstream_seconds_p99: Option<f64>,
    in_flight: (u32, u32),
    breaker: String,
}

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct Refusals {
    eservice: String,
    stage: String,
    kind: String,
    count: f64,
}

impl Page {
    pub(super) fn new(status: &Status, before: &Scrape, now: &Scrape, passed: Duration) -> Self {
        let seconds = passed.as_secs_f64().max(1e-3);
        let mut eservices: Vec<(f64, Row)> = status.eservices.iter().map(|one| row(one, before, now, seconds)).collect();
        eservices.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let refusals = now.since(before, "varco_refusals_total").filter(|(_, count)| *count > 0.0).map(|(sample, count)| Refusals {
            eservice: sample.label("eservice").to_owned(),
            stage: sample.label("stage").to_owned(),
            kind: sample.label("kind").to_owned(),
            count,
        });
        let mut refusals: Vec<Refusals> = refusals.collect();
        refusals.sort_by(|one, other| other.count.total_cmp(&one.count));
        refusals.truncate(MOST_REFUSALS);
        Self {
            installation: status.installation.clone(),
            node: status.node.clone(),
            missing: status.missing.clone(),
            seconds,
            connections: now.sum("varco_connections", |_| true),
            buffered_bytes: status.buffered,
            log_queue_bytes: status.log_queue,
            log_seconds_p99: p99(before, now, "varco_audit_commit_seconds_bucket", &[]),
            eservices: eservices.into_iter().map(|(_, row)| row).collect(),
            refusals,
            full: full(status),
            expiring: crate::status::expiring(status).collect(),
        }
    }
}

/// A row, with the time that its exchanges took together.
fn row(status: &EServiceStatus, before: &Scrape, now: &Scrape, seconds: f64) -> (f64, Row) {
    let name = status.name.as_str();
    let grown = |metric: &str, outcome: Option<&str>| -> f64 {
        let counts = now.since(before, metric).filter(|(sample, _)| sample.label("eservice") == name);
        counts
            .filter(|(sample, _)| outcome.is_none_or(|outcome| sample.label("outcome") == outcome))
            .map(|(_, grown)| grown)
            .fold(0.0, std::ops::Add::add)
    };
    let ended = grown("varco_exchanges_total", None);
    let took = grown("varco_stage_seconds_sum", None);
    let row = Row {
        eservice: name.to_owned(),
        rate: ended / seconds,
        refused_rate: grown("varco_exchanges_total", Some("refused")) / seconds,
        failed_rate: grown("varco_exchanges_total", Some("failed")) / seconds,
        mean_seconds: (ended > 0.0).then(|| took / ended),
        upstream_seconds_p99: p99(before, now, "varco_stage_seconds_bucket", &[("eservice", name), ("stage", "upstream")]),
        in_flight: status.in_flight,
        breaker: status.breaker.clone(),
    };
    (took, row)
}

/// Within what time 99 of a hundred ended, to the bound of a bucket; nothing where nothing ended.
fn p99(before: &Scrape, now: &Scrape, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let mut buckets: HashMap<&str, f64> = HashMap::new();
    for (sample, grown) in now.since(before, name).filter(|(sample, _)| labels.iter().all(|(label, value)| sample.label(label) == *value)) {
        *buckets.entry(sample.label("le")).or_default() += grown;
    }
    let bound = |text: &str| if text == "+Inf" { f64::INFINITY } else { text.parse().unwrap_or(f64::INFINITY) };
    let mut buckets: Vec<(f64, f64)> = buckets.into_iter().map(|(le, count)| (bound(le), count)).collect();
    buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let all = buckets.last().map(|(_, count)| *count).filter(|all| *all > 0.0)?;
    // The last one has no bound of its own: longer than the longest that has.
    let longest = buckets.iter().rev().map(|(le, _)| *le).find(|le| le.is_finite())?;
    buckets.iter().find(|(_, count)| *count >= 0.99 * all).map(|(le, _)| le.min(longest))
}

/// What has little room left.
fn full(status: &Status) -> Vec<String> {
    let is_full = |now: f64, most: f64| most > 0.0 && now >= FULL * most;
    let services = status.eservices.iter().filter(|one| is_full(one.in_flight.0.into(), one.in_flight.1.into()));
    let services = services.map(|one| format!("{}: {} of {} under way", one.name, one.in_flight.0, one.in_flight.1));
    let listeners =
        status.listeners.iter().filter(|one| one.free == 0).map(|one| format!("listener {}: no room for connections", one.name));
    let log = (status.log != "open").then(|| format!("the audit log is {}", status.log));
    services.chain(listeners).chain(log).collect()
}

/// Seconds as people say them.
fn time(seconds: f64) -> String {
    match seconds {
        short if short < 1e-3 => format!("{:.0} µs", short * 1e6),
        short if short < 0.1 => format!("{:.1} ms", short * 1e3),
        short if short < 1.0 => format!("{:.0} ms", short * 1e3),
        long => format!("{long:.1} s"),
    }
}

fn or_nothing(seconds: Option<f64>, prefix: &str) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{prefix}{}", time(seconds)))
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = if self.missing.is_empty() { "ready".to_owned() } else { format!("NOT READY: {}", self.missing.join(", ")) };
        writeln!(f, "{} at {}: {ready}; the last {:.1} s", self.installation, self.node, self.seconds)?;
        let log = or_nothing(self.log_seconds_p99, "within ");
        writeln!(
            f,
            "{} connections; {} bytes of bodies held; log: {} bytes waiting, 99 % durable {log}",
            self.connections, self.buffered_bytes, self.log_queue_bytes
        )?;
        writeln!(
            f,
            "\n{:<28} {:>9} {:>9} {:>9} {:>9} {:>12} {:>11}  BREAKER",
            "E-SERVICE", "A SECOND", "REFUSED", "FAILED", "MEAN", "99 % BEHIND", "UNDER WAY"
        )?;
        for row in &self.eservices {
            let (now, most) = row.in_flight;
            let breaker = if row.breaker == "closed" { String::new() } else { row.breaker.to_uppercase() };
            let line = format!(
                "{:<28} {:>9.1} {:>9.1} {:>9.1} {:>9} {:>12} {:>11}  {breaker}",
                row.eservice,
                row.rate,
                row.refused_rate,
                row.failed_rate,
                or_nothing(row.mean_seconds, ""),
                or_nothing(row.upstream_seconds_p99, "≤ "),
                format!("{now}/{most}"),
            );
            writeln!(f, "{}", line.trim_end())?;
        }
        if !self.refusals.is_empty() {
            writeln!(f, "\nREFUSED OR FAILED")?;
        }
        for Refusals { eservice, stage, kind, count } in &self.refusals {
            let eservice = if eservice.is_empty() { "-" } else { eservice };
            writeln!(f, "{count:>9}  {kind} ({stage}), {eservice}")?;
        }
        for (title, lines) in [("FULL", &self.full), ("ABOUT TO END", &self.expiring)] {
            if !lines.is_empty() {
                writeln!(f, "\n{title}")?;
            }
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        serde_json::from_value(serde_json::json!({
            "installation": "regione", "node": "varco-0", "version": "0", "configuration": "sha256:0", "missing": ["no keys of collaudo"],
            "log": "open", "log_queue": 17, "buffered": 1024,
            "listeners": [{ "name": "pdnd", "addresses": [], "free": 0 }], "issuers": [],
            "expires": [
                { "of": "pdnd", "what": "certificate", "file": "tls/server.pem", "seconds": 86400 * 9 + 5 },
                { "of": "pdnd", "what": "crl", "file": "tls/a.crl", "seconds": -1 },
                { "of": "anagrafe", "what": "certificate", "file": "tls/client.pem", "seconds": 86400 * 300 },
            ],
            "eservices": [
                { "name": "tributi", "direction": "inbound", "instances": 1, "breaker": "open", "in_flight": [8, 10], "addresses": [1, 0, 0] },
                { "name": "anagrafe", "direction": "inbound", "instances": 1, "breaker": "closed", "in_flight": [1, 10], "addresses": [1, 0, 0] },
            ],
        }))
        .expect("a status")
    }

    const NOW: &str = r#"
varco_connections 12
varco_exchanges_total{eservice="anagrafe",operation="cerca",outcome="success"} 198
varco_exchanges_total{eservice="anagrafe",operation="cerca",outcome="refused"} 2
varco_stage_seconds_sum{eservice="anagrafe",stage="upstream"} 3.0
varco_stage_seconds_sum{eservice="anagrafe",stage="policy"} 1.0
varco_stage_seconds_bucket{le="0.01",eservice="anagrafe",stage="upstream"} 90
varco_stage_seconds_bucket{le="0.025",eservice="anagrafe",stage="upstream"} 99
varco_stage_seconds_bucket{le="+Inf",eservice="anagrafe",stage="upstream"} 100
varco_stage_seconds_bucket{le="0.01",eservice="anagrafe",stage="policy"} 1
varco_audit_commit_seconds_bucket{le="0.0005"} 4
varco_audit_commit_seconds_bucket{le="0.001"} 4
varco_refusals_total{eservice="anagrafe",stage="authenticate",kind="voucher-expired"} 2
varco_refusals_total{eservice="",stage="route",kind="no-service"} 5
"#;

    #[test]
    fn a_page_says_what_is_slow_refused_full_and_about_to_end() {
        let before = Scrape::read("varco_exchanges_total{eservice=\"anagrafe\",operation=\"cerca\",outcome=\"success\"} 98\n");
        let page = Page::new(&status(), &before, &Scrape::read(NOW), Duration::from_secs(2));
        let expected = "\
regione at varco-0: NOT READY: no keys of collaudo; the last 2.0 s
12 connections; 1024 bytes of bodies held; log: 17 bytes waiting, 99 % durable within 500 µs

E-SERVICE                     A SECOND   REFUSED    FAILED      MEAN  99 % BEHIND   UNDER WAY  BREAKER
anagrafe                          51.0       1.0       0.0   39.2 ms    ≤ 25.0 ms        1/10
tributi                            0.0       0.0       0.0         -            -        8/10  OPEN

REFUSED OR FAILED
        5  no-service (route), -
        2  voucher-expired (authenticate), anagrafe

FULL
  tributi: 8 of 10 under way
  listener pdnd: no room for connections

ABOUT TO END
  certificate tls/server.pem of pdnd ENDS IN 9 DAYS
  crl tls/a.crl of pdnd HAS ENDED
";
        assert_eq!(page.to_string(), expected);
    }

    #[test]
    fn where_nothing_happened_nothing_is_said() {
        let scrape = Scrape::read(NOW);
        let page = Page::new(&status(), &scrape, &scrape, Duration::from_secs(2));
        assert!(page.refusals.is_empty() && page.eservices.iter().all(|row| row.mean_seconds.is_none()), "{page}");
    }
}
