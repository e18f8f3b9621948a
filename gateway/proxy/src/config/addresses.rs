//! Several addresses in the place of an upstream's URL, and how they are looked after.

use std::net::IpAddr;
use std::time::Duration;

use document::{Fault, Node, Place, Section};
use http::uri::{Authority, PathAndQuery};

use crate::upstream::{Balance, CheckRules, EjectionRules, Endpoint, MOST_ADDRESSES, UpstreamRules, host_and_port};

/// Reads `addresses`, `balance`, `ejection` and `checks` of an `upstream` section.
pub(super) fn compile(upstream: &mut UpstreamRules, rules: &Section<'_>) {
    let balance = rules.choice("balance", &[("least-loaded", Balance::LeastLoaded), ("weighted", Balance::Weighted)]);
    upstream.balance = balance.unwrap_or_default();
    upstream.ejection = rules.section("ejection").map(|section| ejection(&section)).unwrap_or_default();
    upstream.checks = rules.section("checks").and_then(|section| checks(&section));
    let Some(node) = rules.node("addresses") else {
        for key in ["balance", "ejection", "checks"].into_iter().filter(|key| rules.node(key).is_some()) {
            let fault = Fault::error(rules.place(key), format!("`{key}` is about several addresses, and there is one"));
            rules.report(fault.hint("list them: `addresses: [\"10.0.0.6:8080\", \"10.0.0.7:8080\"]`"));
        }
        return;
    };
    let usual = upstream.url.usual_port();
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for (at, item) in node.items().iter().enumerate() {
        let Some(endpoint) = endpoint(rules, at, item, usual) else { continue };
        if endpoints.iter().any(|known| known.host.eq_ignore_ascii_case(&endpoint.host) && known.port == endpoint.port) {
            let message = format!("`{}:{}` is listed twice", endpoint.host, endpoint.port);
            rules.report(Fault::error(Place::at(rules.file(), item.position), message).hint("give it a `weight` instead"));
        }
        endpoints.push(endpoint);
    }
    if endpoints.is_empty() {
        rules.report(Fault::error(rules.place("addresses"), "no address is listed"));
    } else if endpoints.len() > MOST_ADDRESSES {
        let fault = Fault::error(rules.place("addresses"), format!("{} addresses are listed", endpoints.len()));
        rules.report(fault.hint(format!("at most {MOST_ADDRESSES}; more of them stand behind a name or a balancer of their own")));
    } else {
        upstream.endpoints = endpoints;
    }
}

fn ejection(section: &Section<'_>) -> EjectionRules {
    let default = EjectionRules::default();
    EjectionRules {
        failures: within(section, "failures", 1000).unwrap_or(default.failures),
        time: section.duration("time").unwrap_or(default.time),
        slow_return: section.duration("slow_return").unwrap_or(default.slow_return),
    }
}

fn checks(section: &Section<'_>) -> Option<CheckRules> {
    let path = section.required_text("path")?;
    if !path.starts_with('/') || path.parse::<PathAndQuery>().is_err() {
        let fault = Fault::error(section.place("path"), format!("`{path}` is no path")).hint("such as `/status`, below the URL's own");
        section.report(fault);
    }
    let count = |key: &'static str, default: u32| within(section, key, 100).unwrap_or(default);
    if section.duration("timeout").is_some_and(|timeout| timeout.is_zero()) {
        section.report(Fault::error(section.place("timeout"), "no answer comes in no time"));
    }
    Some(CheckRules {
        path: path.to_owned(),
        every: section.duration("every").unwrap_or(Duration::from_secs(5)).max(Duration::from_millis(100)),
        timeout: section.duration("timeout").unwrap_or(Duration::from_secs(2)),
        fall: count("fall", 3),
        rise: count("rise", 2),
    })
}

/// `10.0.0.6:8080`, or the same as `address` with a `weight`.
fn endpoint(rules: &Section<'_>, at: usize, item: &Node, usual: u16) -> Option<Endpoint> {
    let (text, weight) = match item.as_str() {
        Some(text) => (text, None),
        None => {
            let item = Section::open(rules.file(), item, format!("{}.addresses[{at}]", rules.name()), rules.faults())?;
            let (text, weight) = (item.required_text("address"), within(&item, "weight", 1000));
            (text?, weight)
        }
    };
    let authority = text.parse::<Authority>().ok().filter(|_| !text.contains('@'));
    let Some((host, port)) = authority.as_ref().and_then(host_and_port) else {
        let fault = Fault::error(Place::at(rules.file(), item.position), format!("`{text}` is no address"));
        rules.report(fault.hint("such as `10.0.0.6:8080`, without a scheme or a path"));
        return None;
    };
    Some(Endpoint { host, port: port.unwrap_or(usual), weight: weight.unwrap_or(1), direct: false })
}

/// A number from one to this; one beyond is a fault and not another number.
fn within(section: &Section<'_>, key: &'static str, most: u64) -> Option<u32> {
    let count = section.count(key)?;
    if (1..=most).contains(&count) {
        return u32::try_from(count).ok();
    }
    section.report(Fault::error(section.place(key), format!("`{}.{key}` should be from 1 to {most}", section.name())));
    None
}

/// Whether this is an address of this machine. A name is none: whoever answers for it says where it leads.
pub(super) fn is_loopback(host: &str) -> bool {
    host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
