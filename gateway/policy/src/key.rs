use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Var};
use cedar_policy::{Policy, PrincipalConstraint};

use crate::Facts;

/// A fact that exchanges differ in and that policies often name first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    Client,
    Purpose,
    Organisation,
    Channel,
    SubjectType,
}

impl Fact {
    pub(crate) const ALL: [Self; 5] = [Self::Client, Self::Purpose, Self::Organisation, Self::Channel, Self::SubjectType];

    /// The fact that an attribute of the schema is.
    fn named(of: &Var, attribute: &str) -> Option<Self> {
        match (of, attribute) {
            (Var::Principal, "client") => Some(Self::Client),
            (Var::Principal, "purpose") => Some(Self::Purpose),
            (Var::Principal, "organisation") => Some(Self::Organisation),
            (Var::Context, "channel") => Some(Self::Channel),
            (Var::Context, "subject_type") => Some(Self::SubjectType),
            _ => None,
        }
    }

    /// What it is in one exchange, as Cedar would see it.
    pub(crate) fn value<'a>(self, facts: &Facts<'a>) -> Option<&'a str> {
        match self {
            Self::Client => Some(facts.client()),
            Self::Purpose => Some(facts.purpose()),
            Self::Organisation => facts.caller.consumer.as_deref(),
            Self::Channel => facts.channel,
            Self::SubjectType => facts.subject_type,
        }
    }
}

/// A value that a fact must have, or else a policy does not apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) fact: Fact,
    pub(crate) value: String,
}

impl Key {
    /// Reads it off the scope or off the first thing that the first condition asks. Only there is it certain that nothing else
    /// is evaluated before, which could fail and thereby deny.
    pub(crate) fn of(policy: &Policy) -> Option<Self> {
        if let PrincipalConstraint::Eq(consumer) = policy.principal_constraint() {
            return Some(Self { fact: Fact::Client, value: consumer.id().unescaped().to_owned() });
        }
        match policy.to_pst().ok()?.body().clauses().first()? {
            Clause::When(condition) => Self::of_condition(condition),
            Clause::Unless(_) => None,
        }
    }

    fn of_condition(condition: &Expr) -> Option<Self> {
        let mut conjuncts = Vec::new();
        flatten(condition, &mut conjuncts);
        // `context has channel` cannot fail, and without a channel there is none to be equal.
        let first = conjuncts.into_iter().find(|conjunct| !asks_presence(conjunct))?;
        let Expr::BinaryOp { op: BinaryOp::Eq, left, right } = first else { return None };
        let (asked, literal) = if matches!(**left, Expr::Literal(_)) { (right, left) } else { (left, right) };
        let (Expr::GetAttr { expr, attr }, Expr::Literal(Literal::String(value))) = (&**asked, &**literal) else { return None };
        let Expr::Var(var) = &**expr else { return None };
        Some(Self { fact: Fact::named(var, attr)?, value: value.to_string() })
    }
}

/// The parts of `a && b && c`, in the order in which they are evaluated.
fn flatten<'a>(condition: &'a Expr, conjuncts: &mut Vec<&'a Expr>) {
    match condition {
        Expr::BinaryOp { op: BinaryOp::And, left, right } => {
            flatten(left, conjuncts);
            flatten(right, conjuncts);
        }
        other => conjuncts.push(other),
    }
}

fn asks_presence(conjunct: &Expr) -> bool {
    matches!(conjunct, Expr::HasAttr { expr, .. } if matches!(**expr, Expr::Var(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_first_is_a_key() {
        let key = |fact| move |value: &str| Some(Key { fact, value: value.to_owned() });
        let (client, purpose) = (key(Fact::Client), key(Fact::Purpose));
        for (policy, expected) in [
            ("permit (principal, action, resource);", None),
            ("forbid (principal == Consumer::\"a\\\"b\", action, resource) when { principal.purpose == \"x\" };", client("a\"b")),
            ("permit (principal is Consumer, action, resource) when { principal.client == \"x\" };", client("x")),
            ("permit (principal, action, resource) when { \"x\" == principal.purpose && context has channel };", purpose("x")),
            ("permit (principal, action, resource) when { principal.purpose == \"x\" } unless { context has channel };", purpose("x")),
            (
                "permit (principal, action, resource) when { principal has organisation && principal.organisation == \"x\" };",
                key(Fact::Organisation)("x"),
            ),
            (
                "forbid (principal, action, resource) when { context has channel && context.channel == \"x\" && 1 + 1 == 2 };",
                key(Fact::Channel)("x"),
            ),
            (
                "forbid (principal, action, resource) when { context has subject_type && \"x\" == context.subject_type };",
                key(Fact::SubjectType)("x"),
            ),
            ("permit (principal, action, resource) when { context has channel && principal.purpose == \"x\" };", purpose("x")),
            ("permit (principal, action, resource) when { context.evidence.isEmpty() && principal.purpose == \"x\" };", None),
            ("permit (principal, action, resource) when { principal.purpose == \"x\" || context has channel };", None),
            ("permit (principal, action, resource) when { principal.purpose != \"x\" };", None),
            ("permit (principal, action, resource) when { resource.tenant == \"x\" };", None),
            ("permit (principal, action, resource) unless { principal.purpose == \"x\" };", None),
            ("permit (principal, action, resource) when { principal has organisation } when { principal.purpose == \"x\" };", None),
        ] {
            assert_eq!(Key::of(&policy.parse().expect("a policy")), expected, "{policy}");
        }
    }
}
