//! The vocabulary of the gateway: what an exchange is, who takes part in it, what is asked and what is answered.
//!
//! Everything else speaks these types; this crate speaks none of theirs. It does no I/O, holds no key, reads no clock and
//! takes no decision. Each word is the one of the lexicon in the README, and there is one type for one word.

mod call;
mod id;
pub mod json;
mod party;
mod pointer;
mod problem;
mod time;
mod trace;

pub use call::{Answer, AnswerBody, Body, Call, Dialect, Forwarded, OperationIndex, OperationSpec, Parameters};
pub use id::ExchangeId;
pub use json::{Json, JsonError, JsonErrorKind, JsonLimits};
pub use party::{Caller, Channel, Tenant};
pub use pointer::{Pointer, PointerError, Step};
pub use problem::Problem;
pub use time::Timestamp;
pub use trace::{TraceContext, write_hex};
