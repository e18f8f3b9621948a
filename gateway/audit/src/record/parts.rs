use std::sync::Arc;

use exchange::ExchangeId;

use super::Fixed;

/// What a record tells of (`ev`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An exchange was admitted: the content of a begin frame, which is no leaf.
    Begun,
    /// An exchange and its outcome.
    Exchange,
    /// A configuration came into force.
    ConfigLoaded,
}

impl Event {
    /// The name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "exchange.begun",
            Self::Exchange => "exchange",
            Self::ConfigLoaded => "config.loaded",
        }
    }
}

/// Which way the exchange went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Others call us (erogazione).
    Inbound,
    /// We call others (fruizione).
    Outbound,
}

impl Direction {
    /// The name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Answered as asked.
    Success,
    /// The gateway refused it.
    Refused,
    /// The upstream, or the gateway, failed.
    Failed,
    /// The caller went away before the upstream was called.
    Abandoned,
    /// The process died; data may have been read.
    Unknown,
}

impl Outcome {
    /// The name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Abandoned => "abandoned",
            Self::Unknown => "unknown",
        }
    }
}

/// The operation asked for (`op`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Operation<'a> {
    /// The HTTP method.
    pub method: Option<&'a str>,
    /// The route's template.
    pub route: Option<&'a str>,
    /// The contract's operation id.
    pub id: Option<&'a str>,
    /// 1 create, 2 read, 3 update, 4 delete.
    pub crud: Option<u8>,
}

/// What of ModI was checked (`modi`).
#[derive(Clone, Copy, Debug, Default)]
pub struct ModiUse<'a> {
    /// The patterns: `INTEGRITY_REST_02`.
    pub patterns: Strings<'a>,
    /// Whether the tracking evidence was bound to the voucher: `ok`, `absent`, `bad`.
    pub audit_bound: Option<&'a str>,
}

/// Salted commitments (`com`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Commitments {
    /// To the request's body.
    pub request: Option<[u8; 32]>,
    /// To the answer's body.
    pub answer: Option<[u8; 32]>,
    /// To the subjects.
    pub subject: Option<[u8; 32]>,
}

/// The policy's decision (`pol`).
#[derive(Clone, Copy, Debug)]
pub struct PolicyUse<'a> {
    /// The decision's own id, if it has one.
    pub id: Option<ExchangeId>,
    /// Permit or deny.
    pub effect: Effect,
    /// The ids of the policies that decided.
    pub reasons: Strings<'a>,
    /// SHA-256 of the policy set.
    pub set: Option<&'a Fixed>,
    /// The obligations applied: names only.
    pub obligations: Strings<'a>,
}

/// What a policy decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Allowed.
    Permit,
    /// Forbidden, by a policy or by the absence of one.
    Deny,
}

/// Where the time of an exchange went, in microseconds (`lat`).
#[derive(Clone, Copy, Debug, Default)]
pub struct Latencies {
    /// From the request's first byte to `t1`.
    pub total: Option<u64>,
    /// In authentication.
    pub authentication: Option<u64>,
    /// In the policy.
    pub policy: Option<u64>,
    /// Waiting for the upstream.
    pub upstream: Option<u64>,
    /// Waiting for the begin frame, beyond the upstream's own time.
    pub begin: Option<u64>,
}

/// The adapter that was used (`ad`).
#[derive(Clone, Copy, Debug)]
pub struct AdapterUse {
    /// `http`, `soap`, …
    pub name: &'static str,
    /// Its version.
    pub version: Option<&'static str>,
    /// How often the upstream was asked; 0 for a cache hit.
    pub attempts: Option<u64>,
}

/// What the lookup cache did (`cache`).
#[derive(Clone, Copy, Debug)]
pub struct CacheUse {
    /// Hit, miss, stale or bypass.
    pub state: CacheState,
    /// The answer's age in seconds.
    pub age: Option<u64>,
    /// The exchange whose answer was given again.
    pub origin: Option<ExchangeId>,
}

/// The verdict of the lookup cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheState {
    /// Served from the cache.
    Hit,
    /// Asked upstream, and kept.
    Miss,
    /// Served although too old.
    Stale,
    /// Not a matter for the cache.
    Bypass,
}

impl CacheState {
    /// The name in the record.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Stale => "stale",
            Self::Bypass => "bypass",
        }
    }
}

/// The binding of a sealed part (`seal`): the leaf holds the hash of its ciphertext.
#[derive(Clone, Copy, Debug)]
pub struct Seal<'a> {
    /// SHA-256 of the ciphertext.
    pub hash: [u8; 32],
    /// The ciphertext's length.
    pub bytes: u64,
    /// The random id of its key.
    pub kid: &'a str,
}

/// A list of strings, however its owner keeps them.
#[derive(Clone, Copy, Debug)]
pub enum Strings<'a> {
    /// Literals and slices.
    Slices(&'a [&'a str]),
    /// Shared strings, as compiled at load.
    Shared(&'a [Arc<str>]),
    /// Owned strings.
    Owned(&'a [String]),
}

impl Default for Strings<'_> {
    fn default() -> Self {
        Self::Slices(&[])
    }
}

impl<'a> Strings<'a> {
    pub(super) fn iter(self) -> impl Iterator<Item = &'a str> {
        let (slices, shared, owned): (&[&str], &[Arc<str>], &[String]) = match self {
            Self::Slices(list) => (list, &[], &[]),
            Self::Shared(list) => (&[], list, &[]),
            Self::Owned(list) => (&[], &[], list),
        };
        slices.iter().copied().chain(shared.iter().map(|text| &**text)).chain(owned.iter().map(String::as_str))
    }
}

impl<'a> From<&'a [&'a str]> for Strings<'a> {
    fn from(list: &'a [&'a str]) -> Self {
        Self::Slices(list)
    }
}

impl<'a> From<&'a [Arc<str>]> for Strings<'a> {
    fn from(list: &'a [Arc<str>]) -> Self {
        Self::Shared(list)
    }
}

impl<'a> From<&'a [String]> for Strings<'a> {
    fn from(list: &'a [String]) -> Self {
        Self::Owned(list)
    }
}
