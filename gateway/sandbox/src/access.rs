use std::collections::{BTreeMap, VecDeque};
use std::time::SystemTime;

use bytes::Bytes;
use http::{HeaderMap, Method};
use parking_lot::Mutex;

/// How many accesses are kept whole; older ones are only counted.
const KEPT: usize = 4096;

/// One request that a server of the sandbox received whole, whether or not its answer arrived.
///
/// This is the oracle of the tests: what the gateway says it did not send upstream must not be here.
#[derive(Clone, Debug)]
pub struct Access {
    /// When its last byte was read.
    pub at: SystemTime,
    /// The HTTP method.
    pub method: Method,
    /// Path and query as received.
    pub target: String,
    /// What was asked, where it could be told: a WSDL operation (`CercaResidenza`), or `token`, `jwks`, `keys` …
    pub operation: Option<&'static str>,
    /// The headers as received.
    pub headers: HeaderMap,
    /// The body as received.
    pub body: Bytes,
}

/// The accesses of one server: all of them counted, the latest kept.
#[derive(Debug, Default)]
pub struct AccessLog(Mutex<Accesses>);

#[derive(Debug, Default)]
struct Accesses {
    total: u64,
    by_operation: BTreeMap<&'static str, u64>,
    latest: VecDeque<Access>,
}

impl AccessLog {
    pub(crate) fn push(&self, access: Access) {
        let mut accesses = self.0.lock();
        accesses.total += 1;
        if let Some(operation) = access.operation {
            *accesses.by_operation.entry(operation).or_default() += 1;
        }
        if accesses.latest.len() == KEPT {
            accesses.latest.pop_front();
        }
        accesses.latest.push_back(access);
    }

    /// How many requests there were.
    pub fn total(&self) -> u64 {
        self.0.lock().total
    }

    /// How many requests asked for this operation.
    pub fn count(&self, operation: &str) -> u64 {
        self.0.lock().by_operation.get(operation).copied().unwrap_or(0)
    }

    /// The latest requests, oldest first.
    pub fn latest(&self) -> Vec<Access> {
        self.0.lock().latest.iter().cloned().collect()
    }

    /// The last request.
    pub fn last(&self) -> Option<Access> {
        self.0.lock().latest.back().cloned()
    }

    /// Forgets all of them, counts too.
    pub fn clear(&self) {
        *self.0.lock() = Accesses::default();
    }
}
