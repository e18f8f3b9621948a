use std::fmt;

/// A JSON pointer (RFC 6901) in which a reference token `*` stands for every item of an array.
///
/// Read once at load. The plain form without `*` names one place; the other names what an obligation withholds or a
/// subject expression selects.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pointer {
    steps: Box<[Step]>,
}

/// One reference token of a pointer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// The member of this name; in an array, the item of this index if the token is a number.
    Member(Box<str>),
    /// Every item of an array.
    Every,
}

/// Why a text is no pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointerError {
    /// It is not empty and does not begin with `/`.
    NoSlash,
    /// A `~` is not followed by `0` or `1`.
    BadEscape,
}

impl fmt::Display for PointerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSlash => "a JSON pointer begins with `/`",
            Self::BadEscape => "in a JSON pointer `~` is written `~0` and `/` in a name `~1`",
        })
    }
}

impl std::error::Error for PointerError {}

impl Pointer {
    /// Reads a pointer; the empty text names the whole document.
    pub fn parse(text: &str) -> Result<Self, PointerError> {
        let Some(rest) = text.strip_prefix('/') else {
            return if text.is_empty() { Ok(Self { steps: Box::new([]) }) } else { Err(PointerError::NoSlash) };
        };
        let steps = rest.split('/').map(|token| match token {
            "*" => Ok(Step::Every),
            token => unescape(token).map(Step::Member),
        });
        Ok(Self { steps: steps.collect::<Result<_, _>>()? })
    }

    /// The reference tokens, outermost first.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

fn unescape(token: &str) -> Result<Box<str>, PointerError> {
    let bad = token.match_indices('~').any(|(at, _)| !matches!(token.as_bytes().get(at + 1), Some(b'0' | b'1')));
    if bad { Err(PointerError::BadEscape) } else { Ok(token.replace("~1", "/").replace("~0", "~").into()) }
}

/// Writes one name as a reference token, `~` and `/` escaped.
pub(crate) fn push_token(out: &mut String, name: &str) {
    out.push('/');
    for letter in name.chars() {
        match letter {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            other => out.push(other),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for step in &self.steps {
            match step {
                Step::Every => text.push_str("/*"),
                Step::Member(name) => push_token(&mut text, name),
            }
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_writes() {
        for text in ["", "/", "/a/b", "/lista/*/cf", "/a~1b/~0"] {
            assert_eq!(Pointer::parse(text).map(|pointer| pointer.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(Pointer::parse("a"), Err(PointerError::NoSlash));
        assert_eq!(Pointer::parse("/~2"), Err(PointerError::BadEscape));
    }
}
