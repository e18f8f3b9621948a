//! How the gateway does, in one page: what a help desk and `varco status` look at first.

use std::sync::atomic::Ordering;

use exchange::Timestamp;
use serde::{Deserialize, Serialize};
use store::Admission;

use crate::clock;
use crate::config::Expiry;
use crate::reload::Reloader;
use crate::snapshot::Snapshot;
use crate::state::State;
use crate::upstream::Standing;

/// How it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The name of the installation.
    pub installation: String,
    /// The name of this process.
    pub node: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the configuration in force, as its record has it.
    pub configuration: String,
    /// What keeps it from being ready; nothing if it is.
    pub missing: Vec<String>,
    /// Whether the audit log takes records: `open`, `full`, `poisoned` or `closed`.
    pub log: String,
    /// Bytes that wait to be written to it.
    pub log_queue: u64,
    /// Bytes of bodies that are held now.
    pub buffered: u64,
    /// Where it listens.
    pub listeners: Vec<ListenerStatus>,
    /// Environments of PDND and portals.
    pub issuers: Vec<IssuerStatus>,
    /// What ends by itself, the soonest first.
    pub expires: Vec<ExpiryStatus>,
    /// Its e-services.
    pub eservices: Vec<EServiceStatus>,
}

/// A certificate, or a list of withdrawn ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiryStatus {
    /// The listener or e-service that it is used by.
    pub of: String,
    /// `certificate` or `crl`.
    pub what: String,
    /// Where it was read from.
    pub file: String,
    /// Seconds until it ends; negative: it has.
    pub seconds: i64,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListenerStatus {
    /// Its name.
    pub name: String,
    /// Where it listens, ports resolved.
    pub addresses: Vec<String>,
    /// Places for connections that are free.
    pub free: usize,
}

/// Whoever publishes keys that tokens are held against.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuerStatus {
    /// Its name.
    pub name: String,
    /// Whether its keys may be used.
    pub ready: bool,
    /// Seconds since they were fetched, where newer ones should have come.
    pub overdue: Option<u64>,
}

/// An e-service with its upstream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EServiceStatus {
    /// Its name.
    pub name: String,
    /// `inbound` or `outbound`.
    pub direction: String,
    /// How many instances it has.
    pub instances: usize,
    /// The circuit breaker, of several upstreams the worst: `closed`, `half-open` or `open`.
    pub breaker: String,
    /// Requests under way, and how many there may be.
    pub in_flight: (u32, u32),
    /// Addresses of its upstreams: those that are asked, left alone after failures, down by their checks.
    pub addresses: (usize, usize, usize),
}

/// What keeps a gateway from being ready: that it drains, that its log takes no records, that an issuer's keys are missing.
pub fn missing(state: &State, snapshot: &Snapshot, now: Timestamp) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    if state.draining.load(Ordering::Relaxed) {
        missing.push("draining".into());
    }
    if state.audit.admits() != Admission::Open {
        missing.push("the audit log takes no records".into());
    }
    missing.extend(snapshot.issuers.iter().filter(|issuer| !issuer.is_ready(now)).map(|issuer| format!("no keys of {}", issuer.name)));
    missing
}

/// How it does now.
pub fn status(state: &State, reloader: &Reloader) -> Status {
    let (snapshot, now) = (reloader.current(), clock::now());
    let log = match state.audit.admits() {
        Admission::Open => "open",
        Admission::Suspended => "full",
        Admission::Poisoned => "poisoned",
        Admission::Closed => "closed",
        Admission::Crowded => "crowded",
    };
    Status {
        installation: snapshot.common.installation.to_string(),
        node: snapshot.common.node.to_string(),
        version: env!("CARGO_PKG_VERSION").into(),
        configuration: format!("sha256:{}", hex::encode(snapshot.configuration.hash)),
        missing: missing(state, &snapshot, now),
        log: log.into(),
        log_queue: state.audit.stats().queued_bytes,
        buffered: state.buffered.held(),
        listeners: reloader.listeners(),
        issuers: snapshot
            .keyed()
            .map(|issuer| IssuerStatus { name: issuer.name.to_string(), ready: issuer.is_ready(now), overdue: issuer.keys_overdue(now) })
            .collect(),
        expires: expires(&snapshot, now),
        eservices: snapshot.services().map(|service| eservice(service)).collect(),
    }
}

fn expires(snapshot: &Snapshot, now: Timestamp) -> Vec<ExpiryStatus> {
    let told = |(of, Expiry { what, file, at }): (&str, &Expiry)| ExpiryStatus {
        of: of.to_owned(),
        what: (*what).to_owned(),
        file: file.to_string(),
        seconds: at.saturating_sub(now.seconds()),
    };
    let mut expires: Vec<ExpiryStatus> = snapshot.expiries().map(told).collect();
    expires.sort_by_key(|one| one.seconds);
    expires
}

fn eservice(service: &crate::service::EService) -> EServiceStatus {
    let (definition, now) = (&service.definition, clock::millis());
    let standings: Vec<Standing> = service.addresses().map(|(_, address)| address.health.standing(now)).collect();
    let standing = |standing: Standing| standings.iter().filter(|known| **known == standing).count();
    EServiceStatus {
        name: definition.name.to_string(),
        direction: if definition.direction == audit::Direction::Inbound { "inbound" } else { "outbound" }.into(),
        instances: definition.instances.len(),
        breaker: ["closed", "half-open", "open"][usize::from(service.breaker_level(now)).min(2)].into(),
        in_flight: (service.in_flight(), definition.upstreams.iter().map(|rules| rules.in_flight).fold(0, u32::saturating_add)),
        addresses: (standing(Standing::Up), standing(Standing::Ejected), standing(Standing::Down)),
    }
}
