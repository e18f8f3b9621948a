use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cedar_policy::{AuthorizationError, Authorizer, Decision as Verdict, Entities, Policy, PolicyId, PolicySet, Request};

use crate::key::{Fact, Key};
use crate::uses::Uses;
use crate::{Decision, Effect, Facts, Obligations};

/// The few policies that can apply to one operation of one tenant, and what they oblige to.
///
/// Cedar evaluates every policy of a set that it is given, so that they are kept in shelves: one for those that may concern
/// everybody, one for each consumer, purpose, channel … without which some cannot apply. Tenants whose policies are the same
/// share one bucket.
#[derive(Debug, Default)]
pub(crate) struct Bucket {
    everybody: Shelf,
    /// By the fact, in the order of [`Fact::ALL`], and its value.
    shelves: [HashMap<String, Shelf>; Fact::ALL.len()],
    /// The policies' names by the number that is their id in the shelves.
    names: Arc<[Arc<str>]>,
    /// The permits that oblige to something: number and obligations.
    obliging: Vec<(usize, Arc<Obligations>)>,
    /// What each set of obliging permits demands together, found when it is first needed: bit n is `obliging[n]`.
    unions: Box<[OnceLock<Arc<Obligations>>]>,
    nothing: Arc<Obligations>,
}

/// Policies that are always asked together, and the facts that they look at.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    set: PolicySet,
    uses: Uses,
}

/// The shelves that can have a say in one exchange: everybody's, and one for each fact.
pub(crate) type Selection<'a> = [Option<&'a Shelf>; 1 + Fact::ALL.len()];

/// The facts that somebody in a selection looks at, or nothing where nobody has a say.
pub(crate) fn uses(selection: &Selection<'_>) -> Option<Uses> {
    selection.iter().flatten().map(|shelf| shelf.uses).reduce(|one, other| one | other)
}

/// With more obliging permits in one bucket than this, a union of several is made anew each time.
const MOST_REMEMBERED: usize = 6;

impl Bucket {
    /// A bucket of policies, each with the number that is its place among the names.
    pub(crate) fn new<'a>(
        policies: impl IntoIterator<Item = (usize, &'a Policy)>,
        names: &Arc<[Arc<str>]>,
        obliging: Vec<(usize, Arc<Obligations>)>,
    ) -> Self {
        let remembered = if obliging.len() <= MOST_REMEMBERED { 1 << obliging.len() } else { 0 };
        let unions = (0..remembered).map(|_| OnceLock::new()).collect();
        let mut bucket = Self { names: names.clone(), obliging, unions, ..Self::default() };
        for (number, policy) in policies {
            let shelf = match Key::of(policy) {
                None => &mut bucket.everybody,
                Some(Key { fact, value }) => bucket.shelves[fact as usize].entry(value).or_default(),
            };
            shelf.uses = shelf.uses | Uses::of(policy);
            shelf.set.add(policy.new_id(PolicyId::new(number.to_string()))).expect("numbers that differ, and no template");
        }
        bucket
    }

    /// The shelves that hold a policy which the facts do not rule out.
    pub(crate) fn select(&self, facts: &Facts<'_>) -> Selection<'_> {
        let mut selection = [None; 1 + Fact::ALL.len()];
        selection[0] = Some(&self.everybody).filter(|shelf| !shelf.set.is_empty());
        for (fact, selected) in Fact::ALL.into_iter().zip(&mut selection[1..]) {
            let shelves = &self.shelves[fact as usize];
            if !shelves.is_empty() {
                *selected = fact.value(facts).and_then(|value| shelves.get(value));
            }
        }
        selection
    }

    /// What the selected policies say together.
    pub(crate) fn decide(&self, selection: &Selection<'_>, request: &Request, entities: &Entities) -> Decision {
        let (mut permits, mut forbids, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for shelf in selection.iter().flatten() {
            let response = Authorizer::new().is_authorized(request, &shelf.set, entities);
            let reasons = response.diagnostics().reason().map(number);
            match response.decision() {
                Verdict::Allow => permits.extend(reasons),
                Verdict::Deny => forbids.extend(reasons),
            }
            failed.extend(response.diagnostics().errors().map(failed_policy));
        }
        // Cedar leaves a policy out whose evaluation fails. For a forbid that would let pass what it was to stop.
        if !failed.is_empty() {
            return self.denied(failed, true);
        }
        if !forbids.is_empty() || permits.is_empty() {
            return self.denied(forbids, false);
        }
        permits.sort_unstable();
        let obligations = self.obligations(&permits);
        Decision { effect: Effect::Permit, reasons: self.named(&permits), obligations, error: false }
    }

    /// A denial for these reasons.
    pub(crate) fn denied(&self, mut reasons: Vec<usize>, error: bool) -> Decision {
        reasons.sort_unstable();
        Decision { effect: Effect::Deny, reasons: self.named(&reasons), obligations: self.nothing.clone(), error }
    }

    fn named(&self, numbers: &[usize]) -> Vec<Arc<str>> {
        numbers.iter().filter_map(|number| self.names.get(*number).cloned()).collect()
    }

    fn obligations(&self, permits: &[usize]) -> Arc<Obligations> {
        let binding = || self.obliging.iter().enumerate().filter(|(_, (number, _))| permits.contains(number));
        let mut first_two = binding();
        match (first_two.next(), first_two.next()) {
            (None, _) => return self.nothing.clone(),
            (Some((_, (_, only))), None) => return only.clone(),
            _ => {}
        }
        let union = || Arc::new(Obligations::union(binding().map(|(_, (_, obligations))| &**obligations)));
        if self.unions.is_empty() {
            return union();
        }
        let bits = binding().fold(0, |bits, (bit, _)| bits | 1 << bit);
        self.unions[bits].get_or_init(union).clone()
    }
}

/// The ids on the shelves are numbers; anything else would name no policy.
fn number(id: &PolicyId) -> usize {
    AsRef::<str>::as_ref(id).parse().unwrap_or(usize::MAX)
}

fn failed_policy(error: &AuthorizationError) -> usize {
    let AuthorizationError::PolicyEvaluationError(error) = error;
    number(error.policy_id())
}
