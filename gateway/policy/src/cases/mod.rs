//! Policy test cases: questions and the answers that are expected, as YAML beside the policies (`anagrafe.cases.yaml` beside
//! `anagrafe.cedar`).
//!
//! ```yaml
//! - name: tributi sees no address
//!   operation: cercaResidenza
//!   tenant: comune-x                # left out where there is only one
//!   consumer: { organisation: org-1, client: client-1, purpose: tributi }    # or: anonymous
//!   subject_type: codice_fiscale
//!   channel: counter
//!   evidence: [AUDIT_REST_02]
//!   at: 2026-11-21T17:42:19Z
//!   expect: permit                  # or: deny
//!   reasons: [tributi-senza-indirizzo]
//!   withhold: [/residenza/indirizzo]
//!   max_cache_age: 10m
//! ```
//!
//! `reasons`, `withhold` and `max_cache_age` are compared where they are written; `withhold: []` means that nothing may be.

mod read;
mod run;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use document::Place;
use exchange::{Caller, OperationIndex, Pointer, Timestamp};

use crate::Effect;

pub use read::read;
pub use run::run;

/// One question and the answer that is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What it is called.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// The tenant, by its position in the target.
    pub tenant: usize,
    /// The operation, by its position in the target.
    pub operation: OperationIndex,
    /// Who calls.
    pub caller: Caller,
    /// How the subject is identified.
    pub subject_type: Option<Arc<str>>,
    /// The channel.
    pub channel: Option<Arc<str>>,
    /// The number of the department's case.
    pub number: Option<Arc<str>>,
    /// The evidence that was verified.
    pub evidence: Vec<Arc<str>>,
    /// When.
    pub at: Timestamp,
    /// What is expected.
    pub expect: Expected,
}

/// The answer that a case expects; what is left out may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Permit or deny.
    pub effect: Effect,
    /// The policies that decide, in any order.
    pub reasons: Option<Vec<Arc<str>>>,
    /// What is withheld, in any order.
    pub withhold: Option<Vec<Pointer>>,
    /// How old an answer from the cache may be.
    pub max_cache_age: Option<Duration>,
}

/// How a case went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case's name.
    pub name: Arc<str>,
    /// Where it stands.
    pub place: Place,
    /// Whether the answer was the expected one.
    pub passed: bool,
    /// What was expected and what came; empty where it passed.
    pub message: String,
}
