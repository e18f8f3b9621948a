use std::fmt::Write;

use super::{Case, Outcome};
use crate::{Decision, Facts, Policies};

/// Asks every case's question and compares.
pub fn run(policies: &Policies, cases: &[Case]) -> Vec<Outcome> {
    cases.iter().map(|case| outcome(policies, case)).collect()
}

fn outcome(policies: &Policies, case: &Case) -> Outcome {
    let evidence: Vec<&str> = case.evidence.iter().map(|name| &**name).collect();
    let facts = Facts {
        caller: &case.caller,
        subject_type: case.subject_type.as_deref(),
        channel: case.channel.as_deref(),
        case: case.number.as_deref(),
        evidence: &evidence,
        now: case.at,
    };
    let decision = policies.decide(case.tenant, case.operation, &facts);
    let (expected, got) = differences(case, &decision);
    let passed = expected.is_empty();
    let message = if passed { String::new() } else { format!("expected{expected}; got{got}") };
    Outcome { name: case.name.clone(), place: case.place.clone(), passed, message }
}

/// What was expected and what came, as far as they differ. Where the effect differs, the reasons that led there are told too.
fn differences(case: &Case, decision: &Decision) -> (String, String) {
    let (mut expected, mut got) = (String::new(), String::new());
    let mut differ = |name: &str, one: &str, other: &str| {
        let _ = write!(expected, " {name}{one}");
        let _ = write!(got, " {name}{other}");
    };
    let mut came: Vec<&str> = decision.reasons.iter().map(|name| &**name).collect();
    came.sort_unstable();
    let wanted = case.expect.reasons.as_ref().map(|names| {
        let mut names: Vec<&str> = names.iter().map(|name| &**name).collect();
        names.sort_unstable();
        names
    });
    if case.expect.effect != decision.effect {
        let came = match came.join(", ") {
            names if decision.error => format!("because the evaluation of {names} failed"),
            names if names.is_empty() => "because no policy applies".to_owned(),
            names => format!("by {names}"),
        };
        differ("", case.expect.effect.as_str(), &format!("{} {came}", decision.effect.as_str()));
    } else if wanted.as_ref().is_some_and(|wanted| *wanted != came) {
        differ("reasons ", &list(wanted.iter().flatten()), &list(&came));
    }
    if let Some(wanted) = &case.expect.withhold
        && *wanted != decision.obligations.withhold
    {
        differ("withhold ", &list(wanted), &list(&decision.obligations.withhold));
    }
    let age = decision.obligations.max_cache_age;
    if case.expect.max_cache_age.is_some_and(|wanted| age != Some(wanted)) {
        let came = age.map_or("none".to_owned(), |age| format!("{age:?}"));
        differ("max_cache_age ", &format!("{:?}", case.expect.max_cache_age.unwrap_or_default()), &came);
    }
    (expected, got)
}

fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    format!("[{}]", items.join(", "))
}
