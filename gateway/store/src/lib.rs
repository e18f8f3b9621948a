//! Where the audit log is kept: segment files, the lock on their folder, and the thread that makes records durable.
//!
//! Workers append and await; one thread of the operating system gathers what all of them appended, writes it as one batch and
//! syncs it, then wakes each worker once. What a record is, how a batch is framed and what a torn end looks like is decided in
//! `audit`; here are the order of effects, the limits, and what happens when the disk says no. Nothing here knows of HTTP, and
//! no answer is ever believed durable because an append returned: only because its ticket did.

mod committer;
mod copy;
mod disk;
mod epoch;
mod follow;
mod log;
mod options;
pub mod read;
mod segments;
mod shared;
mod strangers;
#[cfg(test)]
mod tests;
mod worker;

pub use copy::{Copied, copy, put_back};
pub use disk::{Disk, Medium};
pub use epoch::begin_epoch;
pub use follow::{Cursor, Follower, Next};
pub use log::{AuditLog, CloseError, OpenError, Poisoned};
pub use options::{Clock, Commit, Observer, Options};
pub use shared::{Admission, Stats};
pub use strangers::{Budget, Refusal, Strangers};
pub use worker::{AppendError, Durable, LogError, Pump, Ticket, WorkerLog};
