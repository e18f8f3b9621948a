use std::sync::Arc;
use std::time::Duration;

use exchange::Pointer;

/// Whether an exchange may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It may, under the obligations.
    Permit,
    /// It may not.
    Deny,
}

impl Effect {
    /// The word that cases and records write.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Deny => "deny",
        }
    }
}

/// What the policies say of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Whether it may go on.
    pub effect: Effect,
    /// The policies that decided, in the order of the file: the permits that apply, or the forbids, or those whose evaluation
    /// failed. Nothing where no policy applies.
    pub reasons: Vec<Arc<str>>,
    /// What a permit demands on top; nothing on a denial.
    pub obligations: Arc<Obligations>,
    /// Whether it was denied because the evaluation of a policy failed.
    pub error: bool,
}

/// What a permit demands on top.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Obligations {
    /// What is cut out of the answer: sorted, none twice.
    pub withhold: Vec<Pointer>,
    /// How old an answer from the cache may be.
    pub max_cache_age: Option<Duration>,
}

impl Obligations {
    /// Whether nothing is demanded.
    pub fn is_empty(&self) -> bool {
        self.withhold.is_empty() && self.max_cache_age.is_none()
    }

    /// What all of them demand together: the union of what is withheld, and the smallest age.
    pub(crate) fn union<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut union = Self::default();
        for one in all {
            union.withhold.extend_from_slice(&one.withhold);
            union.max_cache_age = match (union.max_cache_age, one.max_cache_age) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        union.withhold.sort();
        union.withhold.dedup();
        union
    }
}
