use std::borrow::Cow;
use std::fmt;

use adapter_api::json::{Kind, Node, push_string};
use regex::Regex;

use super::lexical::base64_bytes;
use super::{Builtin, Decimal, Plan, SimpleId, White, json_number};

/// A simple type: what texts it admits, and what they look like in JSON.
#[derive(Debug)]
pub(crate) struct Simple {
    pub(crate) variety: Variety,
    pub(crate) white: White,
    pub(crate) facets: Facets,
    pub(crate) shape: Shape,
}

/// How values are made of texts.
#[derive(Clone, Debug)]
pub(crate) enum Variety {
    Atomic(Builtin),
    /// Items between blanks.
    List(SimpleId),
    /// The first of these that admits the text.
    Union(Box<[SimpleId]>),
}

/// What a value looks like in JSON. It follows from the type alone, never from the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Boolean,
    /// A number that every JSON reader holds exactly.
    Number,
    /// A decimal that not every reader would: its text.
    Digits,
    /// A number, or one of `INF`, `-INF` and `NaN` as text.
    Float,
    /// Canonical base64.
    Base64,
}

/// What restricts a type beyond its base.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facets {
    pub(crate) length: Option<usize>,
    pub(crate) min_length: Option<usize>,
    pub(crate) max_length: Option<usize>,
    /// Each must match; alternatives of one derivation are one expression.
    pub(crate) patterns: Vec<Regex>,
    pub(crate) enumeration: Option<Box<[Box<str>]>>,
    pub(crate) least: Option<Bound>,
    pub(crate) most: Option<Bound>,
    pub(crate) total_digits: Option<usize>,
    pub(crate) fraction_digits: Option<usize>,
}

/// An end of a range.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    pub(crate) value: Box<str>,
    pub(crate) inclusive: bool,
}

/// The rule that a value breaks. It says what was wanted, never what came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    Type(&'static str),
    Kind(&'static str),
    Pattern,
    Enumeration,
    Length(usize),
    MinLength(usize),
    MaxLength(usize),
    Least,
    Most,
    TotalDigits(usize),
    FractionDigits(usize),
    Item,
    Union,
    Fixed,
    Character,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(name) => write!(f, "must be a value of xs:{name}"),
            Self::Kind(kind) => write!(f, "must be {kind}"),
            Self::Pattern => f.write_str("must match the pattern of its type"),
            Self::Enumeration => f.write_str("must be one of the values that its type lists"),
            Self::Length(length) => write!(f, "must have a length of {length}"),
            Self::MinLength(length) => write!(f, "must have a length of at least {length}"),
            Self::MaxLength(length) => write!(f, "must have a length of at most {length}"),
            Self::Least => f.write_str("is less than its type allows"),
            Self::Most => f.write_str("is greater than its type allows"),
            Self::TotalDigits(digits) => write!(f, "must have at most {digits} digits"),
            Self::FractionDigits(digits) => write!(f, "must have at most {digits} digits after the point"),
            Self::Item => f.write_str("must hold items without blanks in them"),
            Self::Union => f.write_str("must be a value of one of the types of its union"),
            Self::Fixed => f.write_str("must be the one value that its description fixes"),
            Self::Character => f.write_str("holds a character that XML cannot carry"),
        }
    }
}

impl Simple {
    /// The text with its white space settled.
    pub(crate) fn settle<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let control = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r');
        match self.white {
            White::Preserve => Cow::Borrowed(text),
            White::Replace if !text.bytes().any(control) => Cow::Borrowed(text),
            White::Replace => Cow::Owned(text.replace(['\t', '\n', '\r'], " ")),
            White::Collapse => {
                if is_collapsed(text.as_bytes()) {
                    return Cow::Borrowed(text);
                }
                let words = text.split([' ', '\t', '\n', '\r']).filter(|word| !word.is_empty());
                Cow::Owned(words.collect::<Vec<_>>().join(" "))
            }
        }
    }

    /// Whether an empty text can be no value, as for numbers and dates.
    pub(crate) fn builtin(&self) -> Option<Builtin> {
        match self.variety {
            Variety::Atomic(builtin) => Some(builtin),
            Variety::List(_) | Variety::Union(_) => None,
        }
    }
}

impl Plan {
    /// Whether a settled text is a value of a type.
    pub(crate) fn check(&self, id: SimpleId, text: &str) -> Result<(), Rule> {
        let simple = self.simple(id);
        let facets = &simple.facets;
        let length = match &simple.variety {
            Variety::Atomic(builtin) => {
                if !builtin.admits(text) {
                    return Err(Rule::Type(builtin.name()));
                }
                check_number(*builtin, facets, text)?;
                *builtin
            }
            Variety::List(item) => {
                for part in text.split(' ').filter(|part| !part.is_empty()) {
                    self.check(*item, part)?;
                }
                Builtin::String
            }
            Variety::Union(members) => {
                let fits = |member: &&SimpleId| self.check(**member, &self.simple(**member).settle(text)).is_ok();
                members.iter().find(fits).ok_or(Rule::Union)?;
                Builtin::String
            }
        };
        if facets.length.is_some() || facets.min_length.is_some() || facets.max_length.is_some() {
            check_length(facets, measure(simple, length, text))?;
        }
        if !facets.patterns.iter().all(|pattern| pattern.is_match(text)) {
            return Err(Rule::Pattern);
        }
        match &facets.enumeration {
            Some(values) if !values.iter().any(|value| same(simple, value, text)) => Err(Rule::Enumeration),
            _ => Ok(()),
        }
    }

    /// Writes the text of an element or attribute as JSON.
    pub(crate) fn push_json(&self, id: SimpleId, text: &str, out: &mut Vec<u8>) -> Result<(), Rule> {
        let simple = self.simple(id);
        let text = simple.settle(text);
        self.check(id, &text)?;
        self.push_checked(simple, &text, out);
        Ok(())
    }

    fn push_checked(&self, simple: &Simple, text: &str, out: &mut Vec<u8>) {
        match &simple.variety {
            Variety::List(item) => {
                out.push(b'[');
                for (at, part) in text.split(' ').filter(|part| !part.is_empty()).enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    self.push_checked(self.simple(*item), part, out);
                }
                out.push(b']');
            }
            Variety::Union(members) => {
                let fits = |member: &&SimpleId| self.check(**member, &self.simple(**member).settle(text)).is_ok();
                match members.iter().find(fits) {
                    Some(member) => self.push_checked(self.simple(*member), &self.simple(*member).settle(text), out),
                    None => push_string(out, text),
                }
            }
            Variety::Atomic(_) => match simple.shape {
                Shape::Boolean => out.extend_from_slice(if matches!(text, "true" | "1") { b"true" } else { b"false" }),
                Shape::Float if matches!(text, "INF" | "-INF" | "NaN") => push_string(out, text),
                Shape::Number | Shape::Float => json_number(out, text),
                Shape::Base64 if text.contains(' ') => push_string(out, &text.replace(' ', "")),
                Shape::Text | Shape::Digits | Shape::Base64 => push_string(out, text),
            },
        }
    }

    /// The text that a JSON value becomes in XML, checked.
    pub(crate) fn text<'j>(&self, id: SimpleId, node: Node<'j>) -> Result<Cow<'j, str>, Rule> {
        let simple = self.simple(id);
        let text = match &simple.variety {
            Variety::List(item) => Cow::Owned(self.joined(*item, node)?),
            Variety::Union(_) => scalar(node).ok_or(Rule::Kind("a text, a number or true or false"))?,
            Variety::Atomic(_) => shaped(simple.shape, node)?,
        };
        self.settled(id, text)
    }

    fn joined(&self, item: SimpleId, node: Node<'_>) -> Result<String, Rule> {
        if node.kind() != Kind::Array {
            return Err(Rule::Kind("an array"));
        }
        let mut out = String::new();
        for part in node.items() {
            let text = self.text(item, part)?;
            if text.is_empty() || text.contains([' ', '\t', '\n', '\r']) {
                return Err(Rule::Item);
            }
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&text);
        }
        Ok(out)
    }

    /// A text that is to be sent, its white space settled, checked.
    pub(crate) fn settled<'t>(&self, id: SimpleId, text: Cow<'t, str>) -> Result<Cow<'t, str>, Rule> {
        let simple = self.simple(id);
        let settled = match text {
            Cow::Borrowed(text) => simple.settle(text),
            Cow::Owned(text) => Cow::Owned(simple.settle(&text).into_owned()),
        };
        self.check(id, &settled)?;
        Ok(settled)
    }
}

/// Whether collapsing white space would change nothing.
fn is_collapsed(text: &[u8]) -> bool {
    // A blank is due to be followed by something else; one at the very beginning is one too many.
    let mut blank = true;
    for &byte in text {
        match byte {
            b' ' if blank => return false,
            b'\t' | b'\n' | b'\r' => return false,
            byte => blank = byte == b' ',
        }
    }
    text.is_empty() || !blank
}

fn scalar(node: Node<'_>) -> Option<Cow<'_, str>> {
    match node.kind() {
        Kind::String => node.as_str().map(Cow::Borrowed),
        Kind::Number | Kind::Bool => Some(Cow::Borrowed(node.raw())),
        Kind::Null | Kind::Array | Kind::Object => None,
    }
}

/// Numbers may come as numbers or as texts whatever their type: which of the two the contract asks for, it checks itself.
fn shaped(shape: Shape, node: Node<'_>) -> Result<Cow<'_, str>, Rule> {
    let (fits, wanted) = match (shape, node.kind()) {
        (Shape::Text, kind) => (kind == Kind::String, "a text"),
        (Shape::Base64, kind) => (kind == Kind::String, "a base64 text"),
        (Shape::Boolean, kind) => (kind == Kind::Bool, "true or false"),
        (Shape::Number | Shape::Digits | Shape::Float, kind) => (matches!(kind, Kind::String | Kind::Number), "a number"),
    };
    if !fits {
        return Err(Rule::Kind(wanted));
    }
    scalar(node).ok_or(Rule::Kind(wanted))
}

fn check_number(builtin: Builtin, facets: &Facets, text: &str) -> Result<(), Rule> {
    if facets.least.is_none() && facets.most.is_none() && facets.total_digits.is_none() && facets.fraction_digits.is_none() {
        return Ok(());
    }
    let admits = |bound: &Option<Bound>, side: std::cmp::Ordering| {
        let Some(bound) = bound else { return true };
        match compare(builtin, text, &bound.value) {
            Some(std::cmp::Ordering::Equal) => bound.inclusive,
            Some(order) => order == side,
            None => false,
        }
    };
    if !admits(&facets.least, std::cmp::Ordering::Greater) {
        return Err(Rule::Least);
    }
    if !admits(&facets.most, std::cmp::Ordering::Less) {
        return Err(Rule::Most);
    }
    let Some(decimal) = Decimal::read(text) else { return Ok(()) };
    match (facets.total_digits, facets.fraction_digits) {
        (Some(most), _) if decimal.total_digits() > most => Err(Rule::TotalDigits(most)),
        (_, Some(most)) if decimal.fraction_digits() > most => Err(Rule::FractionDigits(most)),
        _ => Ok(()),
    }
}

/// The order of two values. Floats are compared as floats, which they are; nothing is ever written back from here.
pub(crate) fn compare(builtin: Builtin, one: &str, other: &str) -> Option<std::cmp::Ordering> {
    if builtin.is_float() {
        let float = |text: &str| text.replace("INF", "inf").parse::<f64>().ok();
        return float(one)?.partial_cmp(&float(other)?);
    }
    Some(Decimal::read(one)?.compare(&Decimal::read(other)?))
}

fn measure(simple: &Simple, builtin: Builtin, text: &str) -> usize {
    match (&simple.variety, builtin) {
        (Variety::List(_), _) => text.split(' ').filter(|part| !part.is_empty()).count(),
        (_, Builtin::Base64) => base64_bytes(text).unwrap_or_default(),
        (_, Builtin::Hex) => text.len() / 2,
        _ => text.chars().count(),
    }
}

fn check_length(facets: &Facets, length: usize) -> Result<(), Rule> {
    match (facets.length, facets.min_length, facets.max_length) {
        (Some(wanted), ..) if length != wanted => Err(Rule::Length(wanted)),
        (_, Some(least), _) if length < least => Err(Rule::MinLength(least)),
        (.., Some(most)) if length > most => Err(Rule::MaxLength(most)),
        _ => Ok(()),
    }
}

/// Whether two texts are one value: numbers by value, everything else by text.
fn same(simple: &Simple, one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    match simple.variety {
        Variety::Atomic(builtin) if builtin.is_decimal() => compare(builtin, one, other).is_some_and(std::cmp::Ordering::is_eq),
        _ => false,
    }
}
