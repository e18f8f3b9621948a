//! Patterns that need no engine: those of codes and numbers, which are most.

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// A pattern of a whole text that is decided byte by byte, with no way back: classes of ASCII one after another, each so many times.
#[derive(Debug)]
pub(crate) struct Simple(Box<[Step]>);

#[derive(Debug)]
struct Step {
    /// A bit for each byte; only those of ASCII are set.
    set: [u64; 4],
    least: u32,
    most: u32,
}

impl Simple {
    /// Reads one that is written as the engine reads it; `None` for one that needs the engine.
    pub(crate) fn read(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let HirKind::Concat(parts) = hir.kind() else { return None };
        let [first, inner @ .., last] = parts.as_slice() else { return None };
        if *first.kind() != HirKind::Look(Look::Start) || *last.kind() != HirKind::Look(Look::End) {
            return None;
        }
        let mut steps = Vec::new();
        inner.iter().try_for_each(|part| step(part, &mut steps))?;
        is_decided(&steps).then(|| Self(steps.into()))
    }

    /// Whether a whole text matches.
    pub(crate) fn is_match(&self, text: &[u8]) -> bool {
        let mut at = 0_usize;
        for step in &self.0 {
            let most = text.len().min(at.saturating_add(step.most as usize));
            let end = at.saturating_add(step.least as usize);
            while at < most && text.get(at).is_some_and(|byte| step.has(*byte)) {
                at += 1;
            }
            if at < end {
                return false;
            }
        }
        at == text.len()
    }
}

impl Step {
    fn new(set: u128, least: u32, most: u32) -> Self {
        Self { set: [set as u64, (set >> 64) as u64, 0, 0], least, most }
    }

    /// Whether two steps have a character in common.
    fn meets(&self, other: &Self) -> bool {
        self.set.iter().zip(&other.set).any(|(own, other)| own & other != 0)
    }

    fn has(&self, byte: u8) -> bool {
        self.set[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// Adds the steps of a part of a pattern; `None` where it needs more.
fn step(part: &Hir, steps: &mut Vec<Step>) -> Option<()> {
    match part.kind() {
        HirKind::Literal(literal) => {
            for &byte in &literal.0 {
                steps.push(Step::new(bit(byte)?, 1, 1));
            }
        }
        HirKind::Class(class) => steps.push(Step::new(set(class)?, 1, 1)),
        HirKind::Repetition(repetition) => {
            let set = match repetition.sub.kind() {
                HirKind::Class(class) => set(class)?,
                HirKind::Literal(literal) if literal.0.len() == 1 => bit(literal.0[0])?,
                _ => return None,
            };
            steps.push(Step::new(set, repetition.min, repetition.max.unwrap_or(u32::MAX)));
        }
        HirKind::Capture(capture) => match capture.sub.kind() {
            HirKind::Concat(parts) => parts.iter().try_for_each(|part| step(part, steps))?,
            _ => step(&capture.sub, steps)?,
        },
        _ => return None,
    }
    Some(())
}

fn bit(byte: u8) -> Option<u128> {
    (byte < 128).then(|| 1 << byte)
}

/// A class that has characters of ASCII only.
fn set(class: &Class) -> Option<u128> {
    let range = |start: u32, end: u32| (end < 128).then(|| (start..=end).fold(0_u128, |set, at| set | 1 << at));
    match class {
        Class::Unicode(class) => class.ranges().iter().try_fold(0, |set, one| Some(set | range(one.start().into(), one.end().into())?)),
        Class::Bytes(class) => class.ranges().iter().try_fold(0, |set, one| Some(set | range(one.start().into(), one.end().into())?)),
    }
}

/// Whether where one step ends is decided by the next character: what may go on has no character in common with what may follow.
fn is_decided(steps: &[Step]) -> bool {
    steps.iter().enumerate().all(|(at, step)| {
        let following = &steps[at + 1..];
        // What has to be there ends what may follow.
        let last = following.iter().position(|next| next.least > 0).map_or(following.len(), |last| last + 1);
        step.least == step.most || following[..last].iter().all(|next| !next.meets(step))
    })
}

#[cfg(test)]
mod tests {
    use jsonschema::PatternOptions;
    use serde_json::{Value, json};

    use super::*;
    use crate::ecma;

    /// Which of the texts match each pattern, told by the shorter list. An engine of ECMA-262 said so: with the flag `u`, and without it of
    /// what is no pattern with it.
    const JUDGED: &str = include_str!("../tests/patterns.json");

    #[test]
    fn patterns_match_what_they_match_in_ecma_262() {
        let judged: Value = serde_json::from_str(JUDGED).expect("JSON");
        let texts: Vec<&str> = judged["texts"].as_array().expect("texts").iter().filter_map(Value::as_str).collect();
        let (mut wrong, mut simple) = (Vec::new(), 0);
        for (pattern, expected) in judged["matches"].as_object().expect("patterns") {
            let translated = ecma::usable(pattern).unwrap_or_else(|fault| panic!("{pattern}: {fault}"));
            let engine = engine(&translated);
            let own = Simple::read(&translated);
            simple += usize::from(own.is_some());
            for text in &texts {
                let listed = |name: &str| expected[name].as_array().map(|list| list.iter().any(|one| one == text));
                let matches = listed("only").unwrap_or_else(|| listed("but") == Some(false));
                let found = own.as_ref().map_or(matches, |own| own.is_match(text.as_bytes()));
                if engine.is_valid(&json!(text)) != matches || found != matches {
                    wrong.push(format!("{pattern} as {translated} and {text:?}: {matches}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        assert!(simple > 60, "only {simple} need no engine");
    }

    #[test]
    fn most_patterns_of_codes_need_no_engine() {
        let read = |pattern: &str| Simple::read(&ecma::usable(pattern).expect(pattern));
        for pattern in [
            "^[0-9]{5}$",
            "^\\d{5}$",
            "^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$",
            "^[0-9A-Za-z._-]{1,30}$",
            "^[\\w.\\-]{1,30}$",
            "^C[0-9]{3}$",
            "^a*[b-c]+$",
            "^(ab)$",
            "^(?<name>ab)$",
            "^a[.]b$",
            "^-?[0-9]+$",
            "^[+0-9 ]{3,20}$",
        ] {
            assert!(read(pattern).is_some(), "{pattern}");
        }
        for pattern in
            ["[0-9]", "^a", "a$", "^a|b$", "^(aa|b)$", "^a*a$", "^[^a]$", "^.$", "^(ab)?c$", "^[à]$", "^a?a$", "^a*b*a$", "^\\ba$"]
        {
            assert!(read(pattern).is_none(), "{pattern}");
        }
    }

    /// The validator's own engine.
    fn engine(pattern: &str) -> jsonschema::Validator {
        jsonschema::options().with_pattern_options(PatternOptions::regex()).build(&json!({ "pattern": pattern })).expect("a schema")
    }
}
