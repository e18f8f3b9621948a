use std::collections::{HashMap, HashSet};

use cedar_policy::{Context, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression};
use exchange::{Caller, Timestamp};

use crate::uses::Uses;

/// What is known of one exchange when its policy is asked.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Who calls; without a client it is the anonymous caller of an open e-service.
    pub caller: &'a Caller,
    /// How the subject is identified: `codice_fiscale`, `partita_iva`, …
    pub subject_type: Option<&'a str>,
    /// How the citizen's request came in.
    pub channel: Option<&'a str>,
    /// The number of the department's case, or of its protocol.
    pub case: Option<&'a str>,
    /// The evidence that was verified.
    pub evidence: &'a [&'a str],
    /// When the exchange began.
    pub now: Timestamp,
}

/// The client of a caller of whom nothing is proven.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// A value that Cedar would not take. Facts are typed so that none should exist; if one does, the exchange is denied.
#[derive(Debug)]
pub(crate) struct Unusable;

impl<'a> Facts<'a> {
    pub(crate) fn client(&self) -> &'a str {
        self.caller.client.as_deref().unwrap_or(ANONYMOUS)
    }

    pub(crate) fn purpose(&self) -> &'a str {
        self.caller.purpose.as_deref().unwrap_or_default()
    }

    /// Who the principal is.
    pub(crate) fn principal(&self, consumer: &EntityTypeName) -> EntityUid {
        EntityUid::from_type_name_and_id(consumer.clone(), EntityId::new(self.client()))
    }

    /// The principal, with its attributes as the schema names them. They are not held against the schema again: that costs
    /// more than the decision, and their types are those of this function.
    pub(crate) fn consumer(&self, principal: EntityUid) -> Result<Entity, Unusable> {
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut attributes = HashMap::with_capacity(4);
        attributes.insert("client".to_owned(), text(self.client()));
        attributes.insert("purpose".to_owned(), text(self.purpose()));
        if let Some(department) = &self.caller.department {
            attributes.insert("department".to_owned(), text(department));
        }
        if let Some(organisation) = &self.caller.consumer {
            attributes.insert("organisation".to_owned(), text(organisation));
        }
        Entity::new(principal, attributes, HashSet::new()).map_err(|_| Unusable)
    }

    /// The context, as far as somebody looks at it.
    pub(crate) fn context(&self, uses: Uses) -> Result<Context, Unusable> {
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let mut pairs = Vec::with_capacity(4);
        if uses.subject_type {
            pairs.extend(self.subject_type.map(|value| ("subject_type".to_owned(), text(value))));
        }
        if uses.channel {
            pairs.extend(self.channel.map(|value| ("channel".to_owned(), text(value))));
        }
        if uses.case {
            pairs.extend(self.case.map(|value| ("case".to_owned(), text(value))));
        }
        if uses.evidence {
            pairs.push(("evidence".to_owned(), RestrictedExpression::new_set(self.evidence.iter().map(|name| text(name)))));
        }
        if uses.time {
            pairs.push(("time".to_owned(), RestrictedExpression::new_datetime(milliseconds(self.now))));
        }
        if pairs.is_empty() {
            return Ok(Context::empty());
        }
        Context::from_pairs(pairs).map_err(|_| Unusable)
    }
}

/// The instant as Cedar's `datetime` reads it: RFC 3339 in UTC with three decimals.
fn milliseconds(now: Timestamp) -> String {
    let mut text = now.to_string();
    text.truncate("2026-11-21T17:42:19.103".len());
    text.push('Z');
    text
}
