//! The audit log as pure functions: records, their canonical bytes, frames, chain, recovery and verification.
//!
//! Everything here is bytes in, bytes out. No file is opened, no clock read and no lock taken: that is `store`. What this crate
//! decides is what a record looks like, what a whole batch is, and which end of a file is a torn write and which is damage.
//! Members of the record keep the names they have on disk, because those names are hashed and may never change.

pub mod frame;
mod hash;
pub mod jcs;
mod leaf;
mod member;
mod record;
mod recover;
#[cfg(test)]
mod sample;
pub mod segment;
mod tail;
mod verify;

pub use frame::{Frame, Kind};
pub use hash::{Salts, commitment, leaf_hash};
pub use jcs::Canonical;
pub use leaf::{LeafView, orphaned};
pub use record::{
    AdapterUse, CacheState, CacheUse, Closed, Commitments, Direction, Effect, Event, Fixed, Latencies, MAX_RECORD, ModiUse, Operation,
    Outcome, PolicyUse, Record, RecordError, RefusalCount, RefusalsSummary, Restored, Seal, Strings, Suspension, is_safe_correlation,
};
pub use recover::{Corrupt, OpenBegin, Recovered, recover};
pub use tail::is_torn;
pub use verify::{Fault, FaultKind, Report, Verifier};
