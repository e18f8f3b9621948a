//! Admission: how much a caller may, counted over all workers.

mod gcra;
mod party;

pub use gcra::{Cell, Measure, Rate};
pub use party::{Parties, PartyLimits, PartyState, ServiceLimits};
