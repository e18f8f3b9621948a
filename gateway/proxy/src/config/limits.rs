//! Limits of parties: of an e-service's callers, of a tenant.

use document::{Fault, Section};

use crate::admission::Rate;

/// The limits of an e-service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LimitRules {
    /// Of all callers together.
    pub total: PartyLimit,
    /// Of one consumer.
    pub per_consumer: PartyLimit,
    /// Of one purpose.
    pub per_purpose: PartyLimit,
}

/// A limit of one party.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartyLimit {
    /// A rate with its burst.
    pub rate: Option<Rate>,
    /// Exchanges at a time.
    pub concurrency: Option<u32>,
    /// Exchanges in a civil day.
    pub daily: Option<u64>,
}

pub(super) fn limits(section: Option<Section<'_>>) -> LimitRules {
    let Some(section) = section else { return LimitRules::default() };
    LimitRules {
        total: party(&section),
        per_consumer: section.section("per_consumer").map(|section| party(&section)).unwrap_or_default(),
        per_purpose: section.section("per_purpose").map(|section| party(&section)).unwrap_or_default(),
    }
}

pub(super) fn party(section: &Section<'_>) -> PartyLimit {
    let burst = section.count("burst");
    let rate = section.rate("rate").map(|(count, period)| Rate::new(count, period, burst.unwrap_or(count)));
    if section.node("rate").is_none() && burst.is_some() {
        section.report(Fault::error(section.place("burst"), "a burst needs a `rate`"));
    }
    let concurrency = section.count("concurrency").map(|count| count.clamp(1, 1 << 20) as u32);
    PartyLimit { rate, concurrency, daily: section.count("daily") }
}
