use std::ops::BitOr;

use cedar_policy::Policy;
use cedar_policy::pst::{Clause, Expr, Var};

/// Which facts a policy looks at. Making a fact known to Cedar costs more than asking a policy, so that what no policy of a
/// bucket looks at is not told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact, and they are independent")]
pub(crate) struct Uses {
    /// An attribute of the principal; that it is who it is needs none.
    pub(crate) consumer: bool,
    pub(crate) subject_type: bool,
    pub(crate) channel: bool,
    pub(crate) case: bool,
    pub(crate) evidence: bool,
    pub(crate) time: bool,
}

impl Uses {
    const NOTHING: Self = Self { consumer: false, subject_type: false, channel: false, case: false, evidence: false, time: false };
    const CONTEXT: Self = Self { consumer: false, subject_type: true, channel: true, case: true, evidence: true, time: true };
    pub(crate) const EVERYTHING: Self = Self { consumer: true, ..Self::CONTEXT };

    /// What a policy looks at; everything where that cannot be told.
    pub(crate) fn of(policy: &Policy) -> Self {
        let Ok(policy) = policy.to_pst() else { return Self::EVERYTHING };
        policy.body().clauses().iter().fold(Self::NOTHING, |uses, clause| uses | of_expression(expression(clause)))
    }

    fn attribute(name: &str) -> Self {
        match name {
            "subject_type" => Self { subject_type: true, ..Self::NOTHING },
            "channel" => Self { channel: true, ..Self::NOTHING },
            "case" => Self { case: true, ..Self::NOTHING },
            "evidence" => Self { evidence: true, ..Self::NOTHING },
            "time" => Self { time: true, ..Self::NOTHING },
            _ => Self::EVERYTHING,
        }
    }
}

impl BitOr for Uses {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            consumer: self.consumer || other.consumer,
            subject_type: self.subject_type || other.subject_type,
            channel: self.channel || other.channel,
            case: self.case || other.case,
            evidence: self.evidence || other.evidence,
            time: self.time || other.time,
        }
    }
}

fn of_expression(expression: &Expr) -> Uses {
    expression.reduce(&seen, &|one, other| one | other, Uses::NOTHING)
}

/// What an expression uses as a whole, or nothing where its parts have to be asked.
fn seen(expression: &Expr) -> Option<Uses> {
    match expression {
        Expr::GetAttr { expr, attr } => Some(of_attribute(expr, attr)),
        Expr::HasAttr { expr, attrs } => Some(of_attribute(expr, attrs.first())),
        // The whole record: nobody knows where it goes.
        Expr::Var(Var::Context) => Some(Uses::CONTEXT),
        _ => None,
    }
}

fn of_attribute(of: &Expr, name: &str) -> Uses {
    match of {
        Expr::Var(Var::Context) => Uses::attribute(name),
        Expr::Var(Var::Principal) => Uses { consumer: true, ..Uses::NOTHING },
        Expr::Var(_) => Uses::NOTHING,
        // What stands before the dot may turn out to be the principal.
        _ => Uses::EVERYTHING,
    }
}

fn expression(clause: &Clause) -> &Expr {
    match clause {
        Clause::When(expression) | Clause::Unless(expression) => expression,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_is_looked_at() {
        const CONSUMER: Uses = Uses { consumer: true, ..Uses::NOTHING };
        for (condition, expected) in [
            ("principal == Consumer::\"x\" && resource.name == \"x\"", Uses::NOTHING),
            ("principal.purpose == \"x\"", CONSUMER),
            ("principal has organisation", CONSUMER),
            ("context has channel && context.channel like \"w*\"", Uses { channel: true, ..Uses::NOTHING }),
            ("context has case && context.case like \"2026/*\"", Uses { case: true, ..Uses::NOTHING }),
            ("context[\"\\u{74}ime\"] > datetime(\"2030-01-01\")", Uses { time: true, ..Uses::NOTHING }),
            ("context.evidence.isEmpty() || context has subject_type", Uses { evidence: true, subject_type: true, ..Uses::NOTHING }),
            ("{all: context}.all.time == context.time", Uses::EVERYTHING),
            ("[context].isEmpty()", Uses::CONTEXT),
            ("(if true then principal else principal).purpose == \"x\"", Uses::EVERYTHING),
        ] {
            let text = format!("permit (principal, action, resource) when {{ {condition} }};");
            assert_eq!(Uses::of(&text.parse().expect("a policy")), expected, "{condition}");
        }
    }
}
