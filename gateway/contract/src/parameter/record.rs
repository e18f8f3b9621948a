//! Objects that are written as pairs.

use std::borrow::Cow;
use std::collections::HashMap;

use super::decoded::Decoded;
use super::kinds::Reading;
use super::plan::Plan;
use crate::broken::Broken;

/// Between the names of members within members, as `deepObject` writes them: `outer][inner`.
const BETWEEN: &str = "][";

/// How deep members may stand in members.
const DEEPEST: usize = 8;

/// An object of these pairs. Of `is_deep` ones the names lead into members of members.
pub(crate) fn record<'p>(pairs: &[(&'p str, &'p str)], plan: &Plan, reading: Reading, is_deep: bool) -> Result<Decoded<'p>, Broken> {
    if is_deep {
        if pairs.iter().any(|(name, _)| name.matches(BETWEEN).count() > DEEPEST) {
            return Err(Broken::TOO_DEEP);
        }
        // Another reader would find the end of the name, or its beginning, elsewhere.
        let is_odd = |name: &str| name.contains(['[', ']']) || name.trim() != name || name.chars().any(char::is_control);
        if pairs.iter().any(|(name, _)| name.split(BETWEEN).any(is_odd)) {
            return Err(Broken::STYLE);
        }
    }
    within(pairs, plan, reading, is_deep)
}

fn within<'p>(pairs: &[(&'p str, &'p str)], plan: &Plan, reading: Reading, is_deep: bool) -> Result<Decoded<'p>, Broken> {
    let head = |name: &'p str| if is_deep { name.split_once(BETWEEN).map_or(name, |(head, _)| head) } else { name };
    let groups = grouped(pairs.iter().map(|&(name, value)| (head(name), (name, value))));
    let member = |(own, pairs): (&'p str, Vec<(&'p str, &'p str)>)| {
        Ok((Cow::Borrowed(own), member(own, &pairs, plan.member(own).unwrap_or(Plan::ANYTHING), reading)?))
    };
    Ok(Decoded::Record(groups.into_iter().map(member).collect::<Result<_, Broken>>()?))
}

/// Values by their names, in the order in which the names come first.
pub(crate) fn grouped<'p, T>(pairs: impl Iterator<Item = (&'p str, T)>) -> Vec<(&'p str, Vec<T>)> {
    let mut places = HashMap::new();
    let mut groups: Vec<(&str, Vec<T>)> = Vec::new();
    for (name, value) in pairs {
        let place = *places.entry(name).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => groups.push((name, vec![value])),
        }
    }
    groups
}

/// The pairs of one member: a value, a list of them, or an object of its own.
fn member<'p>(name: &str, pairs: &[(&'p str, &'p str)], plan: &Plan, reading: Reading) -> Result<Decoded<'p>, Broken> {
    let below = |full: &'p str| full.get(name.len() + BETWEEN.len()..).filter(|_| full.len() > name.len());
    let inner: Vec<(&str, &str)> = pairs.iter().filter_map(|&(full, value)| Some((below(full)?, value))).collect();
    if inner.is_empty() {
        return match pairs {
            pairs if plan.may_be_list() && (pairs.len() > 1 || !plan.kinds.has_scalars()) && !plan.kinds.is_open() => {
                Ok(list(pairs.iter().map(|(_, value)| *value), plan, reading))
            }
            [(_, value)] => Ok(plan.read((*value).into(), reading)),
            _ => Err(Broken::REPEATED),
        };
    }
    // A value and members of it: two readers would pick different ones.
    if inner.len() < pairs.len() {
        return Err(Broken::STYLE);
    }
    // `name[member][]=a` is a habit of many clients' for lists.
    if inner.iter().all(|(name, _)| name.is_empty()) {
        return Ok(list(inner.iter().map(|(_, value)| *value), plan, reading));
    }
    within(&inner, plan, reading, true)
}

fn list<'p>(items: impl Iterator<Item = &'p str>, plan: &Plan, reading: Reading) -> Decoded<'p> {
    Decoded::List(items.enumerate().map(|(at, item)| plan.item(at).read(item.into(), reading)).collect())
}
