//! Admission: how much a caller may, counted over all workers.

mod gcra;
mod party;
mod quota;

pub use gcra::{Cell, Measure, Rate};
pub use party::{Asking, Parties, PartyLimits, PartyState, ServiceLimits, TenantLimit};
pub use quota::{Calendar, DailyCounts, Day, Party};
