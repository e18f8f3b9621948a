//! The segments of path templates.

use crate::path;

/// A segment of a path template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text alone, as it stands in a normal path.
    Literal(Box<str>),
    /// Parameters, with text before, between and behind them: one piece more than there are parameters.
    Template(Vec<Box<str>>),
}

/// Why a segment cannot be one.
pub(crate) enum SegmentError {
    /// Its braces do not match, or hold no name.
    Braces,
    /// Two parameters stand side by side.
    Adjacent,
    /// No path of a request has this character.
    Unreachable(char),
}

impl Segment {
    pub(crate) fn parse(text: &str) -> Result<Self, SegmentError> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or(SegmentError::Braces)?;
            if name.is_empty() || name.contains('{') {
                return Err(SegmentError::Braces);
            }
            if before.is_empty() && !pieces.is_empty() {
                return Err(SegmentError::Adjacent);
            }
            pieces.push(literal(before)?);
            rest = after;
        }
        let last = literal(rest)?;
        if pieces.is_empty() {
            // A whole segment of dots is resolved before it is sent (RFC 3986 §5.2.4).
            return if matches!(&*last, "." | "..") { Err(SegmentError::Unreachable('.')) } else { Ok(Self::Literal(last)) };
        }
        pieces.push(last);
        Ok(Self::Template(pieces))
    }

    /// How much text it has of its own.
    pub(crate) fn text(&self) -> usize {
        match self {
            Self::Literal(text) => text.len(),
            Self::Template(pieces) => pieces.iter().map(|piece| piece.len()).sum(),
        }
    }

    /// Adds the values of its parameters in a segment of a path, if it matches: none of them is empty, and each but the last is as short as
    /// can be.
    pub(crate) fn split<'p>(&self, segment: &'p str, values: &mut Vec<&'p str>) -> bool {
        let Self::Template(pieces) = self else { return false };
        let [first, between @ .., last] = pieces.as_slice() else { return false };
        let Some(mut rest) = segment.strip_prefix(&**first).and_then(|rest| rest.strip_suffix(&**last)) else { return false };
        for piece in between {
            // The parameter has a character at least, and so does the piece.
            let after = rest.char_indices().nth(1).map_or(rest.len(), |(at, _)| at);
            // A percent sequence is one character, in which no piece begins.
            let at = rest[after..].match_indices(&**piece).map(|(at, _)| at + after).find(|&at| !is_in_escape(rest, at));
            let Some(at) = at else { return false };
            values.push(&rest[..at]);
            rest = &rest[at + piece.len()..];
        }
        values.push(rest);
        // What was taken from its end may have been cut out of a percent sequence.
        let is_cut = rest.ends_with('%') || rest.as_bytes().iter().rev().nth(1) == Some(&b'%');
        !rest.is_empty() && !is_cut
    }
}

fn is_in_escape(text: &str, at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|at| text.as_bytes().get(at)) == Some(&b'%');
    before(1) || before(2)
}

/// The text of a template as it stands in a normal path.
fn literal(text: &str) -> Result<Box<str>, SegmentError> {
    if text.contains('}') {
        return Err(SegmentError::Braces);
    }
    if let Some(symbol) = text.chars().find(|symbol| matches!(symbol, '?' | '#')) {
        return Err(SegmentError::Unreachable(symbol));
    }
    path::spelt(text).map(Box::from).ok_or(SegmentError::Unreachable('%'))
}
