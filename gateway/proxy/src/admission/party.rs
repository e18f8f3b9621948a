//! The parties that are limited: all callers of an e-service, each consumer, each purpose.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use exchange::Timestamp;

use super::{Calendar, Cell, DailyCounts, Day, Measure, Party};
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
pub struct Parties(moka::sync::Cache<Party, Arc<PartyState>, ahash::RandomState>);

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
    fn of(&self, tenant: &Arc<str>, name: &Arc<str>) -> Arc<PartyState> {
        // One tenant's callers are not another's, even where they are the same.
        self.0.get_with((tenant.clone(), name.clone()), Arc::default)
    }
}

/// The limit of each party of one kind.
#[derive(Clone, Debug)]
pub struct PartyLimits {
    /// The limit.
    pub rules: PartyLimit,
    /// What is counted.
    pub parties: Parties,
    /// What is counted by the day.
    pub daily: DailyCounts,
}

/// What a tenant may take of the installation, all its e-services together.
#[derive(Clone, Debug)]
pub struct TenantLimit {
    /// The limit.
    pub rules: PartyLimit,
    /// What is counted.
    pub state: Arc<PartyState>,
}

/// The limits of an e-service.
#[derive(Clone, Debug)]
pub struct ServiceLimits {
    /// Of all callers together.
    pub total: PartyLimit,
    /// What is counted of them.
    pub total_state: Arc<PartyState>,
    /// What is counted of them by the day.
    pub total_daily: DailyCounts,
    /// Of each consumer.
    pub consumers: PartyLimits,
    /// Of each purpose.
    pub purposes: PartyLimits,
}

/// Who asks to be admitted, and when.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// In whose name the e-service is offered.
    pub tenant: &'a Arc<str>,
    /// The consumer; nobody where nothing was proven.
    pub consumer: Option<&'a Arc<str>>,
    /// The purpose, likewise.
    pub purpose: Option<&'a Arc<str>>,
    /// When.
    pub now: Timestamp,
}

/// What admission gives: the permits to hold, and the narrowest measure, for the rate-limit headers.
pub(crate) type Admitted = (Vec<Permit>, Option<Measure>);

impl ServiceLimits {
    /// Asks for one exchange of this consumer and purpose. Where a later limit refuses, what an earlier rate took is not
    /// given back: a caller over its limit may not probe for free.
    pub(crate) fn admit(&self, asking: Asking<'_>, whole: Option<&TenantLimit>, calendar: &Calendar) -> Result<Admitted, AdmitError> {
        let Asking { tenant, consumer, purpose, .. } = asking;
        let mut admitted = (Vec::new(), None);
        if let Some(TenantLimit { rules, state }) = whole {
            ask(rules, state, Scope::Tenant, &mut admitted)?;
        }
        if let (Some(consumer), true) = (consumer, self.consumers.rules.is_limited()) {
            ask(&self.consumers.rules, &self.consumers.parties.of(tenant, consumer), Scope::Consumer, &mut admitted)?;
        }
        if let (Some(purpose), true) = (purpose, self.purposes.rules.is_limited()) {
            ask(&self.purposes.rules, &self.purposes.parties.of(tenant, purpose), Scope::Purpose, &mut admitted)?;
        }
        if self.total.is_limited() {
            ask(&self.total, &self.total_state, Scope::EService, &mut admitted)?;
        }
        if self.has_quota() {
            self.consume(asking, &calendar.day(asking.now), &mut admitted)?;
        }
        Ok(admitted)
    }

    /// Whether anything is counted by the day.
    pub fn has_quota(&self) -> bool {
        [&self.total, &self.consumers.rules, &self.purposes.rules].iter().any(|rules| rules.daily.is_some())
    }

    /// Where the day of these parties is counted.
    pub fn daily(&self, scope: Scope) -> &DailyCounts {
        match scope {
            // A tenant has no quota of the day.
            Scope::EService | Scope::Tenant => &self.total_daily,
            Scope::Consumer => &self.consumers.daily,
            Scope::Purpose => &self.purposes.daily,
        }
    }

    /// The quotas that an exchange consumes: of which party, how many there are, where they are counted.
    fn quotas<'a>(&'a self, asking: Asking<'a>) -> impl Iterator<Item = (Scope, Party, u64, &'a DailyCounts)> {
        let kinds = [(Scope::Consumer, &self.consumers.rules), (Scope::Purpose, &self.purposes.rules), (Scope::EService, &self.total)];
        kinds.into_iter().filter_map(move |(scope, rules)| {
            let most = rules.daily?;
            let name = match scope {
                Scope::Consumer => asking.consumer?.clone(),
                Scope::Purpose => asking.purpose?.clone(),
                // All together are one party, without a name.
                Scope::EService | Scope::Tenant => Arc::default(),
            };
            Some((scope, (asking.tenant.clone(), name), most, self.daily(scope)))
        })
    }

    /// Last of all limits, because what they refuse consumes nothing; and for the same reason all quotas or none.
    fn consume(&self, asking: Asking<'_>, day: &Day, admitted: &mut Admitted) -> Result<(), AdmitError> {
        for (at, (scope, party, most, counts)) in self.quotas(asking).enumerate() {
            let measure = counts.take(&party, most, day, asking.now);
            if !measure.conforms {
                for (_, party, _, counts) in self.quotas(asking).take(at) {
                    counts.give_back(&party, day);
                }
                return Err(AdmitError::Quota { scope, measure });
            }
            narrow(&mut admitted.1, measure);
        }
        Ok(())
    }

    /// Counts an exchange that consumed quotas which nobody counted then.
    pub fn recall(&self, asking: Asking<'_>, day: &Day, is_wanted: impl Fn(Scope) -> bool) {
        for (_, party, _, counts) in self.quotas(asking).filter(|(scope, ..)| is_wanted(*scope)) {
            counts.recall(&party, day);
        }
    }
}

fn narrow(narrowest: &mut Option<Measure>, measure: Measure) {
    if narrowest.is_none_or(|known| measure.remaining < known.remaining) {
        *narrowest = Some(measure);
    }
}

impl PartyLimit {
    /// Whether anything but the day is limited.
    pub fn is_limited(&self) -> bool {
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
        narrow(&mut admitted.1, measure);
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
            total: PartyLimit { rate: rate(10), concurrency: Some(3), daily: None },
            total_state: Arc::default(),
            total_daily: DailyCounts::default(),
            consumers: PartyLimits {
                rules: PartyLimit { rate: rate(4), concurrency: None, daily: None },
                parties: Parties::default(),
                daily: DailyCounts::default(),
            },
            purposes: PartyLimits {
                rules: PartyLimit { rate: None, concurrency: Some(1), daily: Some(7) },
                parties: Parties::default(),
                daily: DailyCounts::default(),
            },
        }
    }

    fn admit(limits: &ServiceLimits, consumer: Option<&Arc<str>>, purpose: Option<&Arc<str>>) -> Result<Admitted, AdmitError> {
        let tenant = Arc::from("x");
        let asking = Asking { tenant: &tenant, consumer, purpose, now: Timestamp::from_seconds(1_795_000_000) };
        limits.admit(asking, None, &Calendar::new(jiff::tz::TimeZone::UTC))
    }

    #[test]
    fn each_party_has_its_own_limit() {
        let limits = limits();
        let (a, b, p, q): (Arc<str>, Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "b".into(), "p".into(), "q".into());
        let first = admit(&limits, Some(&a), Some(&p)).expect("the first");
        assert_eq!(first.1.map(|measure| (measure.limit, measure.remaining)), Some((4, 3)), "the consumer's is the narrowest");
        assert_eq!(admit(&limits, Some(&b), Some(&p)).expect_err("one at a time"), AdmitError::Concurrency { scope: Scope::Purpose });
        let _second = admit(&limits, Some(&a), Some(&q)).expect("another purpose");
        drop(first);
        let _third = admit(&limits, Some(&a), Some(&p)).expect("the first has ended");
        drop(admit(&limits, Some(&a), None).expect("the fourth of a"));
        assert!(matches!(admit(&limits, Some(&a), None), Err(AdmitError::Rate { scope: Scope::Consumer, .. })));
        drop(admit(&limits, Some(&b), None).expect("b has its own rate"));
    }

    #[test]
    fn one_tenants_callers_are_not_anothers() {
        let limits = limits();
        let (tenants, consumer) = ([Arc::from("x"), Arc::from("y")], Arc::from("a"));
        let calendar = Calendar::new(jiff::tz::TimeZone::UTC);
        let now = Timestamp::from_seconds(1_795_000_000);
        let admit = |tenant, whole: Option<&TenantLimit>| {
            limits.admit(Asking { tenant, consumer: Some(&consumer), purpose: None, now }, whole, &calendar).map(drop)
        };
        for _ in 0..4 {
            assert_eq!(admit(&tenants[0], None), Ok(()));
        }
        assert!(matches!(admit(&tenants[0], None), Err(AdmitError::Rate { scope: Scope::Consumer, .. })));
        assert_eq!(admit(&tenants[1], None), Ok(()), "the same consumer in another's name");
        // What a tenant may take of the installation is looked at first.
        let rate = Some(Rate::new(1, Duration::from_hours(1), 1));
        let whole = TenantLimit { rules: PartyLimit { rate, ..PartyLimit::default() }, state: Arc::default() };
        assert_eq!(admit(&tenants[1], Some(&whole)), Ok(()));
        assert!(matches!(admit(&tenants[1], Some(&whole)), Err(AdmitError::Rate { scope: Scope::Tenant, .. })));
    }

    #[test]
    fn a_refusal_gives_its_permits_back() {
        let limits = limits();
        let (consumer, purpose): (Arc<str>, Arc<str>) = ("a".into(), "p".into());
        for _ in 0..4 {
            drop(admit(&limits, Some(&consumer), Some(&purpose)).expect("within the rate"));
        }
        for _ in 0..8 {
            let refused = admit(&limits, Some(&consumer), Some(&purpose)).expect_err("beyond the rate");
            assert!(matches!(refused, AdmitError::Rate { .. }), "never a permit that was lost: {refused:?}");
        }
    }

    #[test]
    fn what_is_refused_consumes_nothing_of_the_day() {
        let mut limits = limits();
        limits.consumers.rules.rate = None;
        limits.purposes.rules = PartyLimit { daily: Some(2), ..PartyLimit::default() };
        limits.consumers.rules.daily = Some(3);
        limits.total = PartyLimit::default();
        let (a, p, q): (Arc<str>, Arc<str>, Arc<str>) = ("a".into(), "p".into(), "q".into());
        let left =
            |purpose: &Arc<str>| admit(&limits, Some(&a), Some(purpose)).map(|(_, measure)| measure.map(|measure| measure.remaining));
        assert_eq!([left(&p).ok(), left(&p).ok()], [Some(Some(1)), Some(Some(0))]);
        // The purpose's quota is spent: the consumer's, which is asked first, is given back.
        for _ in 0..5 {
            assert!(matches!(left(&p), Err(AdmitError::Quota { scope: Scope::Purpose, .. })));
        }
        assert_eq!(left(&q).ok(), Some(Some(0)), "the third of the consumer");
        assert!(matches!(left(&q), Err(AdmitError::Quota { scope: Scope::Consumer, .. })));
    }
}
