use cedar_policy::pst::{BinaryOp, Clause, Expr, Literal, Var};
use cedar_policy::{Policy, PrincipalConstraint};

/// The one consumer, purpose or organisation without which a policy cannot apply.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Client(String),
    Purpose(String),
    Organisation(String),
}

impl Key {
    /// Reads it off the scope or off the first thing that the first condition asks. Only there is it certain that nothing else
    /// is evaluated before, which could fail and thereby deny.
    pub(crate) fn of(policy: &Policy) -> Option<Self> {
        if let PrincipalConstraint::Eq(consumer) = policy.principal_constraint() {
            return Some(Self::Client(consumer.id().unescaped().to_owned()));
        }
        match policy.to_pst().ok()?.body().clauses().first()? {
            Clause::When(condition) => Self::of_condition(condition),
            Clause::Unless(_) => None,
        }
    }

    fn of_condition(condition: &Expr) -> Option<Self> {
        let mut conjuncts = Vec::new();
        flatten(condition, &mut conjuncts);
        // `principal has …` cannot fail, and without an organisation there is none to be equal.
        let first = conjuncts.into_iter().find(|conjunct| !asks_presence(conjunct))?;
        let Expr::BinaryOp { op: BinaryOp::Eq, left, right } = first else { return None };
        let (attribute, value) = match (&**left, &**right) {
            (Expr::GetAttr { expr, attr }, Expr::Literal(Literal::String(value)))
            | (Expr::Literal(Literal::String(value)), Expr::GetAttr { expr, attr })
                if **expr == Expr::Var(Var::Principal) =>
            {
                (attr, value.to_string())
            }
            _ => return None,
        };
        match attribute.as_str() {
            "client" => Some(Self::Client(value)),
            "purpose" => Some(Self::Purpose(value)),
            "organisation" => Some(Self::Organisation(value)),
            _ => None,
        }
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
    matches!(conjunct, Expr::HasAttr { expr, attrs } if **expr == Expr::Var(Var::Principal) && attrs.len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_first_is_a_key() {
        let client = |text: &str| Some(Key::Client(text.to_owned()));
        let purpose = |text: &str| Some(Key::Purpose(text.to_owned()));
        for (policy, expected) in [
            ("permit (principal, action, resource);", None),
            ("forbid (principal == Consumer::\"a\\\"b\", action, resource) when { principal.purpose == \"x\" };", client("a\"b")),
            ("permit (principal is Consumer, action, resource) when { principal.client == \"x\" };", client("x")),
            ("permit (principal, action, resource) when { \"x\" == principal.purpose && context has channel };", purpose("x")),
            ("permit (principal, action, resource) when { principal.purpose == \"x\" } unless { context has channel };", purpose("x")),
            (
                "permit (principal, action, resource) when { principal has organisation && principal.organisation == \"x\" };",
                Some(Key::Organisation("x".to_owned())),
            ),
            ("permit (principal, action, resource) when { context has channel && principal.purpose == \"x\" };", None),
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
