//! The names that a contract speaks of: what may be told of a message, and what is somebody's data.

use std::collections::{HashMap, HashSet};

use document::{escaped, unescaped};
use jsonschema::json::Node as _;

use crate::discriminator::Discriminators;
use crate::instance::Instance;

/// What a contract speaks of, and may therefore be written into an error: the names of members, and the kinds that
/// discriminators tell apart.
#[derive(Debug, Default)]
pub(crate) struct Names {
    members: HashSet<Box<str>>,
    /// Patterns as the document writes them, by how the engine reads them, where that is not the same.
    patterns: HashMap<Box<str>, Box<str>>,
    pub(crate) discriminators: Discriminators,
}

impl Names {
    pub(crate) fn insert(&mut self, name: &str) {
        if !self.members.contains(name) {
            self.members.insert(name.into());
        }
    }

    pub(crate) fn write_pattern(&mut self, translated: &str, written: &str) {
        if translated != written && !self.patterns.contains_key(translated) {
            self.patterns.insert(translated.into(), written.into());
        }
    }

    /// A pattern as the document writes it.
    pub(crate) fn pattern<'n>(&'n self, translated: &'n str) -> &'n str {
        self.patterns.get(translated).map_or(translated, |written| written)
    }

    /// The pointer of a field of a form; the name of one that the contract does not know is not written.
    pub(crate) fn field(&self, name: &str) -> String {
        format!("/{}", if self.members.contains(name) { escaped(name) } else { "*".into() })
    }

    /// A pointer found while reading a text that is no JSON; of each token, whether it is a name.
    pub(crate) fn mask(&self, pointer: &str, names: &[bool]) -> String {
        let mut masked = String::new();
        for (token, &is_name) in pointer.split('/').skip(1).zip(names) {
            push(&mut masked, if !is_name || self.members.contains(&*unescaped(token)) { token } else { "*" });
        }
        masked
    }

    /// The pointer of a value within one that was read, and which of its tokens are names that read like positions.
    pub(crate) fn pointer(&self, root: Instance<'_>, location: &str) -> (String, Vec<usize>) {
        let (mut pointer, mut numerals) = (String::new(), Vec::new());
        let mut value = Some(root);
        for (at, token) in location.split('/').enumerate().skip(1) {
            let name = unescaped(token);
            let is_index = value.is_some_and(|value| value.as_array().is_some());
            let told = if is_index || self.members.contains(&*name) { token } else { "*" };
            push(&mut pointer, told);
            if !is_index && is_numeral(told) {
                numerals.push(at);
            }
            value = value.and_then(|value| value.step(&name));
        }
        (pointer, numerals)
    }
}

/// Whether a token of a pointer may be a position.
pub(crate) fn is_numeral(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit())
}

pub(crate) fn push(pointer: &mut String, token: &str) {
    pointer.push('/');
    pointer.push_str(token);
}
