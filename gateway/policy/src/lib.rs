//! Cedar policies: may this consumer, for this purpose, do this operation on this e-service of this tenant?
//!
//! Policies are read, held against the schema and sorted into small sets when a configuration is loaded, with every fault's
//! file, line and column; a decision is then a pure function of the facts of one exchange. What nobody permits is denied, one
//! forbid outweighs every permit, and a policy whose evaluation fails denies. The crate reads no file and no clock, knows
//! nothing of HTTP, and never cuts anything out of an answer: it only says what must be withheld.

mod annotations;
mod bucket;
pub mod cases;
mod compile;
mod decision;
mod facts;
mod key;
mod names;
mod policies;
mod schema;
mod sort;
mod source;
mod statement;
#[cfg(test)]
mod trial;
mod uses;
mod withheld;

pub use decision::{Decision, Effect, Obligations};
pub use facts::Facts;
pub use policies::{Policies, PolicyTarget};
pub use schema::SCHEMA;
pub use source::PolicySource;
pub use withheld::Withheld;
