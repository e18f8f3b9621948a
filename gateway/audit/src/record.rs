mod correlation;
mod events;
mod fixed;
mod parts;
#[cfg(test)]
mod tests;
mod write;

use exchange::{Caller, ExchangeId, Timestamp, TraceContext};

pub use correlation::is_safe_correlation;
pub use events::{Closed, RefusalCount, RefusalsSummary, Restored, Suspension};
pub use fixed::Fixed;
pub use parts::{
    AdapterUse, CacheState, CacheUse, Commitments, Direction, Effect, Event, Latencies, ModiUse, Operation, Outcome, PolicyUse, Seal,
    Strings,
};

use crate::jcs::Canonical;

/// The longest record, in bytes: what is larger belongs in the sealed part.
pub const MAX_RECORD: usize = 16 * 1024;

/// The clear header of one exchange, or of an event of the gateway: what becomes a leaf of the log.
///
/// There is no field for a citizen's value. The route is the template and never the path, obligations and withheld members
/// are names, and a correlation id that is not evidently an identifier of a message is left out. Everything is borrowed.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// What happened (`ev`).
    pub event: Event,
    /// The exchange (`id`); absent for events of the gateway.
    pub id: Option<ExchangeId>,
    /// The name of this node (`node`).
    pub node: &'a str,
    /// Whether others call us or we call others (`dir`).
    pub direction: Option<Direction>,
    /// The PDND environment (`env`).
    pub environment: Option<&'a str>,
    /// The administration in whose name it happened (`tenant`).
    pub tenant: Option<&'a str>,
    /// Who acted for that administration (`delegate`).
    pub delegate: Option<&'a str>,
    /// The department of ours that called, by its configured name (`department`).
    pub department: Option<&'a str>,
    /// The commitment to the number of the department's case (`case`).
    pub case: Option<[u8; 32]>,
    /// The citizen's channel (`chan`).
    pub channel: Option<&'a str>,
    /// When the request was seen (`t0`).
    pub t0: Timestamp,
    /// When the answer was ready (`t1`).
    pub t1: Option<Timestamp>,
    /// The trace context (`trace`).
    pub trace: Option<TraceContext>,
    /// The caller's correlation id (`corr`); written only if [`is_safe_correlation`].
    pub correlation: Option<&'a str>,
    /// Which operation (`op`).
    pub operation: Option<&'a Fixed>,
    /// Bytes of the request's body (`req.len`).
    pub request_bytes: Option<u64>,
    /// Bytes of the answer's body (`res.len`).
    pub answer_bytes: Option<u64>,
    /// The HTTP status answered (`res.status`).
    pub status: Option<u16>,
    /// The verified caller, with the voucher's identifiers (`pdnd`).
    pub caller: Option<&'a Caller>,
    /// How many seconds old the issuer's keys were that the voucher was held against, where newer ones should have come.
    pub keys_age: Option<u64>,
    /// The ModI patterns that were checked (`modi`).
    pub modi: ModiUse<'a>,
    /// Salted commitments (`com`); see [`crate::commitment`] for when to leave them out.
    pub commitments: Commitments,
    /// How many subjects the exchange was about (`subj_n`).
    pub subjects: Option<u64>,
    /// The policy's decision (`pol`).
    pub policy: Option<PolicyUse<'a>>,
    /// SHA-256 of the configuration in force (`cfg`).
    pub configuration: Option<&'a Fixed>,
    /// How it ended (`out`).
    pub outcome: Option<Outcome>,
    /// The kind of the problem answered (`err`).
    pub error: Option<&'a str>,
    /// The stage that refused (`stage`).
    pub stage: Option<&'a str>,
    /// Where the time went (`lat`).
    pub latencies: Latencies,
    /// The adapter that was used (`ad`).
    pub adapter: Option<AdapterUse>,
    /// What the lookup cache did (`cache`).
    pub cache: Option<CacheUse>,
    /// The JSON pointers of withheld fields (`minim`).
    pub withheld: Strings<'a>,
    /// Where the upstream's answer left the contract, as pointers or names (`drift`).
    pub drift: Strings<'a>,
    /// The sealed part, bound by its hash (`seal`). Nothing writes one yet.
    pub seal: Option<Seal<'a>>,
}

impl<'a> Record<'a> {
    /// A record of which only the event, the node and the first instant are known.
    pub fn new(event: Event, node: &'a str, t0: Timestamp) -> Self {
        Self {
            event,
            id: None,
            node,
            direction: None,
            environment: None,
            tenant: None,
            delegate: None,
            department: None,
            case: None,
            channel: None,
            t0,
            t1: None,
            trace: None,
            correlation: None,
            operation: None,
            request_bytes: None,
            answer_bytes: None,
            status: None,
            caller: None,
            keys_age: None,
            modi: ModiUse::default(),
            commitments: Commitments::default(),
            subjects: None,
            policy: None,
            configuration: None,
            outcome: None,
            error: None,
            stage: None,
            latencies: Latencies::default(),
            adapter: None,
            cache: None,
            withheld: Strings::default(),
            drift: Strings::default(),
            seal: None,
        }
    }

    /// Appends the record's canonical bytes to `out` and gives them back as such. On an error `out` is as it was.
    pub fn to_jcs<'o>(&self, out: &'o mut Vec<u8>) -> Result<Canonical<'o>, RecordError> {
        write::record(self, out)
    }
}

/// Why a record cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Longer than [`MAX_RECORD`].
    #[error("a record of {0} bytes is longer than 16 KiB")]
    TooLong(usize),
    /// An integer beyond 2^53 − 1.
    #[error("the integer in `{0}` is beyond 2^53 - 1")]
    IntegerTooLarge(&'static str),
}
