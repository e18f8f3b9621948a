//! Objects that are written as pairs.

use super::decoded::Decoded;
use super::kinds::{Kinds, Plan, Reading};
use super::{Broken, REPEATED};

/// Between the names of members within members, as `deepObject` writes them: `outer][inner`.
const BETWEEN: &str = "][";

/// An object of these pairs. Of `is_deep` ones the names lead into members of members.
pub(crate) fn record<'p>(pairs: &[(&'p str, &'p str)], plan: &Plan, reading: Reading, is_deep: bool) -> Result<Decoded<'p>, Broken> {
    let mut members: Vec<(std::borrow::Cow<'p, str>, Decoded<'p>)> = Vec::new();
    for (at, &(name, _)) in pairs.iter().enumerate() {
        let head = |name: &'p str| if is_deep { name.split_once(BETWEEN).map_or(name, |(head, _)| head) } else { name };
        let own = head(name);
        if pairs[..at].iter().any(|(before, _)| head(before) == own) {
            continue;
        }
        let same: Vec<(&str, &str)> = pairs.iter().filter(|(name, _)| head(name) == own).copied().collect();
        members.push((own.into(), member(own, &same, plan.member(own).unwrap_or(Plan::ANYTHING), reading)?));
    }
    Ok(Decoded::Record(members))
}

/// The pairs of one member: a value, a list of them, or an object of its own.
fn member<'p>(name: &str, pairs: &[(&'p str, &'p str)], plan: &Plan, reading: Reading) -> Result<Decoded<'p>, Broken> {
    let below = |full: &'p str| full.get(name.len() + BETWEEN.len()..).filter(|_| full.len() > name.len());
    let inner: Option<Vec<(&str, &str)>> = pairs.iter().map(|&(full, value)| Some((below(full)?, value))).collect();
    match inner {
        // `name[member][]=a` is a habit of many clients' for lists.
        Some(inner) if inner.iter().all(|(name, _)| name.is_empty()) => Ok(list(inner.iter().map(|(_, value)| *value), plan, reading)),
        Some(inner) => record(&inner, plan, reading, true),
        None if plan.kinds.has(Kinds::ARRAY) && (pairs.len() > 1 || !plan.kinds.has_scalars()) => {
            Ok(list(pairs.iter().map(|(_, value)| *value), plan, reading))
        }
        None => match pairs {
            [(_, value)] => Ok(plan.read((*value).into(), reading)),
            _ => Err(REPEATED),
        },
    }
}

fn list<'p>(items: impl Iterator<Item = &'p str>, plan: &Plan, reading: Reading) -> Decoded<'p> {
    Decoded::List(items.map(|item| plan.items().read(item.into(), reading)).collect())
}
