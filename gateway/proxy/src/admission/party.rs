//! The parties that are limited: all callers of an e-service, each consumer, each purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Cell, Measure};
use crate::clock;
use crate::config::PartyLimit;
use crate::rejection::{AdmitError, Scope};

/// What is counted of one party.
#[derive(Debug, Default)]
pub struct PartyState {
    cell: Cell,
    under_way: AtomicU32,
}

/// One more exchange of a party under way; it counts until it is dropped.
#[derive(Debug)]
pub struct Permit(Arc<PartyState>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The parties of one kind, by name, each counted while it is active. Bounded: a party that has been quiet for as long as
/// its rate remembers is forgotten, which changes nothing.
#[derive(Clone, Debug)]
pub struct Parties(moka::sync::Cache<Arc<str>, Arc<PartyState>, ahash::RandomState>);

/// How many parties of one kind are counted at a time.
const MOST: u64 = 100_000;
/// How long a quiet party is remembered; no rate is slower than one a day.
const QUIET: Duration = Duration::from_hours(24);

impl Default for Parties {
    fn default() -> Self {
        Self(moka::sync::Cache::builder().max_capacity(MOST).time_to_idle(QUIET).build_with_hasher(ahash::RandomState::new()))
    }
}

impl Parties {
    fn of(&self, name: &Arc<str>) -> Arc<PartyState> {
        match self.0.get(name) {
            Some(state) => state,
            None => self.0.get_with(name.clone(), Arc::default),
        }
    }
}

/// The limit of each party of one kind.
#[derive(Clone, Debug)]
pub struct PartyLimits {
    /// The limit.
    pub rules: PartyLimit,
    /// What is counted.
    pub parties: Parties,
}

/// The limits of an e-service.
#[derive(Clone, Debug)]
pub struct ServiceLimits {
    /// Of all callers together.
    pub total: PartyLimit,
    /// What is counted of them.
    pub total_state: Arc<PartyState>,
    /// Of each consumer.
    pub consumers: PartyLimits,
    /// Of each purpose.
    pub purposes: PartyLimits,
}

/// What admission gives: the permits to hold, and the narrowest measure, for the rate-limit headers.
pub(crate) type Admitted = (Vec<Permit>, Option<Measure>);

impl ServiceLimits {
    /// Asks for one exchange of this consumer and purpose. Where a later limit refuses, what an earlier rate took is not
    /// given back: a caller over its limit may not probe for free.
    pub(crate) fn admit(&self, consumer: Option<&Arc<str>>, purpose: Option<&Arc<str>>) -> Result<Admitted, AdmitError> {
        let mut admitted = (Vec::new(), None);
        if let (Some(consumer), true) = (consumer, self.consumers.rules.is_limited()) {
            ask(&self.consumers.rules, &self.consumers.parties.of(consumer), Scope::Consumer, &mut admitted)?;
        }
        if let (Some(purpose), true) = (purpose, self.purposes.rules.is_limited()) {
            ask(&self.purposes.rules, &self.purposes.parties.of(purpose), Scope::Purpose, &mut admitted)?;
        }
        if self.total.is_limited() {
            ask(&self.total, &self.total_state, Scope::EService, &mut admitted)?;
        }
        Ok(admitted)
    }
}

impl PartyLimit {
    fn is_limited(&self) -> bool {
        self.rate.is_some() || self.concurrency.is_some()
    }
}

fn ask(rules: &PartyLimit, state: &Arc<PartyState>, scope: Scope, admitted: &mut Admitted) -> Result<(), AdmitError> {
    if let Some(most) = rules.concurrency {
        let entered = state.under_way.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |now| (now < most).then_some(now + 1));
        if entered.is_err() {
            return Err(AdmitError::Concurrency { scope });
        }
        admitted.0.push(Permit(state.clone()));
    }
    if let Some(rate) = &rules.rate {
        let measure = state.cell.take(rate, clock::nanos());
        if !measure.conforms {
            return Err(AdmitError::Rate { scope, measure });
        }
        let narrower = admitted.1.is_none_or(|known: Measure| measure.remaining < known.remaining);
        if narrower {
            admitted.1 = Some(measure);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Rate;

    fn limits() -> ServiceLimits {
        let rate = |count| Some(Rate::new(count, Duration::from_hours(1), count));
        ServiceLimits {
            total: PartyLimit { rate: rate(10), concurrency: Some(3) },
            total_state: Arc::default(),
            consumers: PartyLimits { rules: PartyLimit { rate: rate(4), concurrency: None }, parties: Parties::default() },
            purposes: PartyLimits { rules: PartyLimit { rate: None, concurrency: Some(1) }, parties: Parties::default() },
        }
    }

    #[test]
    fn each_party_has_its_own_limit() {
        let limits = limits();
        let (a, b, p, q): (Arc<str>, Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "p".into(), "q".into());
        let first = limits.admit(Some(&a), Some(&p)).expect("the first");
        assert_eq!(first.1.map(|measure| (measure.limit, measure.remaining)), Some((4, 3)), "the consumer's is the narrowest");
        assert_eq!(limits.admit(Some(&b), Some(&p)).expect_err("one at a time"), AdmitError::Concurrency { scope: Scope::Purpose });
        let _second = limits.admit(Some(&a), Some(&q)).expect("another purpose");
        drop(first);
        let _third = limits.admit(Some(&a), Some(&p)).expect("the first has ended");
        drop(limits.admit(Some(&a), None).expect("the fourth of a"));
        assert!(matches!(limits.admit(Some(&a), None), Err(AdmitError::Rate { scope: Scope::Consumer, .. })));
        drop(limits.admit(Some(&b), None).expect("b has its own rate"));
    }

    #[test]
    fn a_refusal_gives_its_permits_back() {
        let limits = limits();
        let (consumer, purpose): (Arc<str>, Arc<str>) = ("a".into(), "p".into());
        for _ in 0..4 {
            drop(limits.admit(Some(&consumer), Some(&purpose)).expect("within the rate"));
        }
        for _ in 0..8 {
            let refused = limits.admit(Some(&consumer), Some(&purpose)).expect_err("beyond the rate");
            assert!(matches!(refused, AdmitError::Rate { .. }), "never a permit that was lost: {refused:?}");
        }
    }
}
