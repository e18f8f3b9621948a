//! Why patterns cannot be used, and what to write in their place.

use std::fmt;

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PatternFault {
    /// It asks what stands before or after.
    LooksAround,
    /// It asks for what a group matched.
    RefersBack,
    /// An escape that ECMA-262 does not have.
    Escape(String),
    /// A property of characters that is none.
    Property(String),
    /// A group that begins as none does.
    Group(String),
    /// A class in a class.
    ClassInClass,
    /// A range of characters that ends before it begins.
    Range(String),
    /// Something that says how often, and nothing before it that could stand so often.
    Repeats(String),
    /// Bounds of a repetition that are none.
    Bounds(String),
    /// A group or a class without an end, or an end without a beginning.
    Unclosed(&'static str),
    /// The engine would need too much memory for it.
    TooLarge,
}

impl fmt::Display for PatternFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LooksAround => f.write_str("it looks ahead or behind"),
            Self::RefersBack => f.write_str("it refers back to what a group matched"),
            Self::Escape(part) => write!(f, "`{part}` is no escape"),
            Self::Property(part) => write!(f, "`{part}` is no property of characters"),
            Self::Group(part) => write!(f, "`{part}` begins no group"),
            Self::ClassInClass => f.write_str("a class stands in a class"),
            Self::Range(part) => write!(f, "the range `{part}` ends before it begins"),
            Self::Repeats(part) => write!(f, "`{part}` has nothing to repeat"),
            Self::Bounds(part) => write!(f, "`{part}` is no repetition"),
            Self::Unclosed(what) => write!(f, "{what} is not closed, or never opened"),
            Self::TooLarge => f.write_str("it would take too much memory"),
        }
    }
}

impl PatternFault {
    /// What to write in its place.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::LooksAround => {
                "patterns take linear time, which look-around does not: write several under `allOf`, one of them under `not`"
            }
            Self::RefersBack => "patterns take linear time, which back-references do not",
            Self::Escape(part) => match part.as_str() {
                "\\A" => "patterns are regular expressions of ECMA-262: write `^`",
                "\\z" | "\\Z" => "patterns are regular expressions of ECMA-262: write `$`",
                "\\h" => "patterns are regular expressions of ECMA-262: write `[ \\t]`, or `[0-9A-Fa-f]` for digits",
                "\\x" | "\\u" | "\\U" => "patterns are regular expressions of ECMA-262: write `\\x41`, `\\u0041` or `\\u{1F600}`",
                _ => "patterns are regular expressions of ECMA-262: letters and digits are escaped only where that means something",
            },
            Self::Property(_) => "write the name as Unicode does: `\\p{L}`, `\\p{Lowercase}`, `\\p{Script=Greek}`",
            Self::Group(part) => match part.as_str() {
                "(?P" | "(?'" => "patterns are regular expressions of ECMA-262: write `(?<name>…)`",
                _ => "patterns are regular expressions of ECMA-262, without flags: write `[Aa]` for both cases",
            },
            Self::ClassInClass => "patterns are regular expressions of ECMA-262: write one class, and `\\[` where the bracket is meant",
            Self::Bounds(_) => "write `{2}`, `{2,}` or `{0,2}`, and `\\{` where the brace is meant",
            Self::Range(_) | Self::Repeats(_) | Self::Unclosed(_) => "put a backslash before what is meant as it is",
            Self::TooLarge => "write smaller bounds",
        }
    }
}
