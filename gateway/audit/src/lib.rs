//! The audit log as pure functions: records, canonical bytes, frames, chain, recovery.
