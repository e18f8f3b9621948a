//! What stages learn of an exchange.

use std::borrow::Cow;
use std::sync::Arc;

use audit::Outcome;
use exchange::{Caller, ExchangeId, OperationIndex};
use http::HeaderValue;
use parking_lot::Mutex;

use super::Stage;
use crate::service::EService;
use crate::vouchers::VoucherSource;

/// Where a request goes.
pub struct Routed {
    /// The e-service.
    pub service: Arc<EService>,
    /// The operation of its contract.
    pub operation: OperationIndex,
    /// Decoded path parameters; taken by the contract stage.
    pub path_parameters: Mutex<Vec<(Arc<str>, String)>>,
    /// Where the path below the base path begins in the request's path.
    pub below: usize,
    /// What the gateway answers itself, without asking anybody.
    pub own: Option<Own>,
}

/// A request to an e-service that pages of other origins may call.
pub struct CrossOrigin {
    /// The e-service.
    pub service: Arc<EService>,
    /// The origin of the page that asks, if it is one that may.
    pub origin: Option<HeaderValue>,
}

/// An answer of the gateway's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Own {
    /// `/status`: it lives.
    Status,
    /// OPTIONS: what a path can be asked.
    Options {
        /// The methods, as `Allow` lists them.
        allow: String,
    },
}

/// What is told of who asks, by the names of claims.
pub type Told = Vec<(Box<str>, Box<str>)>;

/// Who calls, and in whose name the exchange happens.
pub struct Authenticated {
    /// The instance of the e-service that the voucher chose.
    pub instance: usize,
    /// The proven claims; empty for an open e-service.
    pub caller: Arc<Caller>,
    /// Whether anything was proven: strangers are recorded under a budget.
    pub proven: bool,
    /// How many seconds old the keys were that the voucher was held against, where newer ones should have come.
    pub keys_age: Option<u64>,
    /// The evidence that was verified, in the words of policy.
    pub evidence: &'static [&'static str],
    /// What others are shown when we call them: of outbound e-services.
    pub calling: Option<Box<Calling>>,
}

/// What a department calls others with.
pub struct Calling {
    /// Where the voucher comes from that the provider is shown.
    pub voucher: Arc<VoucherSource>,
    /// What the provider is told of who asks, by the claims' names. Personal data: never in a record's clear part or a log line.
    pub told: Told,
    /// Whether it is a declared batch process that asks.
    pub automated: bool,
    /// What the provider is shown: set by `voucher`, when all of it is in the request, and once more with each repetition.
    pub shown: Mutex<Option<Arc<ShownToProvider>>>,
}

/// What a provider is shown.
pub struct ShownToProvider {
    /// What the voucher says.
    pub voucher: Arc<Caller>,
    /// The patterns of ModI, in the words of the record.
    pub patterns: &'static [&'static str],
}

/// Whom the data is about: how many, and how they are identified; never who.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subjects {
    /// How many.
    pub count: u32,
    /// `codice_fiscale`, `partita_iva` …
    pub kind: Option<&'static str>,
}

/// Where an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lookup {
    /// From the upstream, asked by this exchange.
    Miss,
    /// From the cache.
    Hit {
        /// The exchange whose answer it is.
        origin: ExchangeId,
        /// Its age in seconds.
        age: u64,
    },
    /// From the upstream: the operation is not cached, or the cache could not serve.
    Bypass,
}

/// Why an exchange was refused, for the record and the metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The stage that refused.
    pub stage: Stage,
    /// The kind of the problem.
    pub kind: Cow<'static, str>,
    /// The detail for the log, which the caller does not get.
    pub cause: String,
    /// How the record calls it.
    pub outcome: Outcome,
}
