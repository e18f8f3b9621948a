use std::sync::{Arc, OnceLock};

use cedar_policy::{AuthorizationError, Authorizer, Decision as Verdict, Entities, PolicyId, PolicySet, Request};

use crate::{Decision, Effect, Obligations};

/// The few policies that can apply to one operation of one tenant, and what they oblige to.
///
/// Cedar evaluates every policy of a set, so that a set is kept as small as the scopes allow. Tenants whose policies are the
/// same share one bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    set: PolicySet,
    /// The policies' names by the number that is their id in the set.
    names: Arc<[Arc<str>]>,
    /// The permits that oblige to something: number and obligations.
    obliging: Vec<(usize, Arc<Obligations>)>,
    /// What each set of obliging permits demands together, found when it is first needed: bit n is `obliging[n]`.
    unions: Box<[OnceLock<Arc<Obligations>>]>,
    nothing: Arc<Obligations>,
}

/// With more obliging permits in one bucket than this, a union of several is made anew each time.
const MOST_REMEMBERED: usize = 6;

impl Bucket {
    pub(crate) fn new(set: PolicySet, names: Arc<[Arc<str>]>, obliging: Vec<(usize, Arc<Obligations>)>) -> Self {
        let remembered = if obliging.len() <= MOST_REMEMBERED { 1 << obliging.len() } else { 0 };
        let unions = (0..remembered).map(|_| OnceLock::new()).collect();
        Self { set, names, obliging, unions, nothing: Arc::default() }
    }

    /// The number that is a policy's id in a bucket's set.
    pub(crate) fn id(number: usize) -> PolicyId {
        PolicyId::new(number.to_string())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.set.is_empty()
    }

    pub(crate) fn decide(&self, request: &Request, entities: &Entities) -> Decision {
        let response = Authorizer::new().is_authorized(request, &self.set, entities);
        let diagnostics = response.diagnostics();
        // Cedar leaves a policy out whose evaluation fails. For a forbid that would let pass what it was to stop.
        let mut failed: Vec<usize> = diagnostics.errors().map(failed_policy).collect();
        if !failed.is_empty() {
            failed.sort_unstable();
            return self.denied(&failed, true);
        }
        let mut reasons: Vec<usize> = diagnostics.reason().map(number).collect();
        reasons.sort_unstable();
        match response.decision() {
            Verdict::Deny => self.denied(&reasons, false),
            Verdict::Allow => {
                Decision { effect: Effect::Permit, obligations: self.obligations(&reasons), reasons: self.named(&reasons), error: false }
            }
        }
    }

    /// A denial for these reasons.
    pub(crate) fn denied(&self, reasons: &[usize], error: bool) -> Decision {
        Decision { effect: Effect::Deny, reasons: self.named(reasons), obligations: self.nothing.clone(), error }
    }

    fn named(&self, numbers: &[usize]) -> Vec<Arc<str>> {
        numbers.iter().filter_map(|number| self.names.get(*number).cloned()).collect()
    }

    fn obligations(&self, permits: &[usize]) -> Arc<Obligations> {
        let mut binding = self.obliging.iter().enumerate().filter(|(_, (number, _))| permits.contains(number));
        let (Some((bit, (_, one))), second) = (binding.next(), binding.next()) else { return self.nothing.clone() };
        let Some((second_bit, (_, second))) = second else { return one.clone() };
        let mut bits = 1_usize << bit.min(MOST_REMEMBERED) | 1 << second_bit.min(MOST_REMEMBERED);
        let mut all = vec![&**one, &**second];
        for (bit, (_, another)) in binding {
            bits |= 1 << bit.min(MOST_REMEMBERED);
            all.push(another);
        }
        let union = || Arc::new(Obligations::union(all));
        match self.unions.get(bits) {
            Some(remembered) => remembered.get_or_init(union).clone(),
            None => union(),
        }
    }
}

/// The ids of a bucket's set are numbers; anything else would name no policy.
fn number(id: &PolicyId) -> usize {
    AsRef::<str>::as_ref(id).parse().unwrap_or(usize::MAX)
}

fn failed_policy(error: &AuthorizationError) -> usize {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    number(error.policy_id())
}
