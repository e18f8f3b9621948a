//! Classes of characters: read as sets of ranges, and written in a way that both syntaxes read alike.

use std::fmt::Write as _;

/// Characters by their numbers, from and to. Halves of surrogate pairs are among those of ECMA-262; no text has one by itself.
pub(super) type Range = (u32, u32);

pub(super) const LAST: u32 = 0x10_ffff;
const SURROGATES: Range = (0xd800, 0xdfff);
pub(super) const DIGITS: [Range; 1] = [(0x30, 0x39)];
/// ECMA-262 §22.2.2.9.3, `WordCharacters`.
pub(super) const WORD: [Range; 4] = [(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
/// ECMA-262 §12.2 and §12.3, `WhiteSpace` and `LineTerminator`.
pub(super) const SPACES: [Range; 10] = [
    (0x9, 0xd),
    (0x20, 0x20),
    (0xa0, 0xa0),
    (0x1680, 0x1680),
    (0x2000, 0x200a),
    (0x2028, 0x2029),
    (0x202f, 0x202f),
    (0x205f, 0x205f),
    (0x3000, 0x3000),
    (0xfeff, 0xfeff),
];
pub(super) const LINE_ENDS: [Range; 3] = [(0xa, 0xa), (0xd, 0xd), (0x2028, 0x2029)];

/// One part of a class.
pub(super) enum Item {
    Character(u32),
    Set(Vec<Range>),
    Property(String),
}

/// A class of characters.
#[derive(Default)]
pub(super) struct Class {
    pub(super) negated: bool,
    pub(super) ranges: Vec<Range>,
    /// Properties, one after another, as they are written.
    pub(super) properties: String,
}

impl Class {
    pub(super) fn add(&mut self, item: Item) {
        match item {
            Item::Character(character) => self.ranges.push((character, character)),
            Item::Set(ranges) => self.ranges.extend(ranges),
            Item::Property(property) => self.properties.push_str(&property),
        }
    }

    pub(super) fn write(&self, written: &mut String) {
        let mut ranges: Vec<(char, char)> = self.ranges.iter().filter_map(|range| whole(*range)).collect();
        let mut negated = self.negated;
        if ranges.is_empty() && self.properties.is_empty() {
            // An empty class has no character, and its opposite has all.
            ranges.push(('\0', char::MAX));
            negated = !negated;
        }
        written.push_str(if negated { "[^" } else { "[" });
        for (first, last) in ranges {
            push_in_class(written, first);
            if first < last {
                written.push('-');
                push_in_class(written, last);
            }
        }
        written.push_str(&self.properties);
        written.push(']');
    }
}

fn push_in_class(written: &mut String, symbol: char) {
    if symbol.is_control() || "\\[]^-&~".contains(symbol) {
        write!(written, "\\x{{{:x}}}", u32::from(symbol)).expect("a text grows");
    } else {
        written.push(symbol);
    }
}

/// A range without the surrogates that it begins or ends with; nothing where it has no others.
fn whole((first, last): Range) -> Option<(char, char)> {
    let within = |number: u32| (SURROGATES.0..=SURROGATES.1).contains(&number);
    let first = char::from_u32(if within(first) { SURROGATES.1 + 1 } else { first })?;
    let last = char::from_u32(if within(last) { SURROGATES.0 - 1 } else { last })?;
    (first <= last).then_some((first, last))
}

/// All characters that are in none of these ranges, which stand in order.
pub(super) fn others(ranges: &[Range]) -> Vec<Range> {
    let begins = std::iter::once(0).chain(ranges.iter().map(|(_, last)| last + 1));
    let ends = ranges.iter().map(|(first, _)| first - 1).chain([LAST]);
    begins.zip(ends).collect()
}
