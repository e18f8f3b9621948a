//! How answers depart from the contract: for records and for those who mend documents, never for the caller.

use std::fmt;

use exchange::JsonErrorKind;
use http::StatusCode;

use crate::media::MediaType;
use crate::names::is_numeral;
use crate::violation::{Place, Violation};

/// The longest name of a media type that is told.
const LONGEST_MEDIA: usize = 80;

/// How an answer departs from the contract. It holds no value of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// The operation lists neither this status nor its class nor a default.
    UndocumentedStatus {
        /// The media type that came with it.
        media: Option<Box<str>>,
    },
    /// The body's media type is not among those listed for the status.
    UndocumentedMediaType {
        /// What it is, if it is one.
        media: Option<Box<str>>,
    },
    /// A body where none is listed for the status.
    UndocumentedBody {
        /// Its media type.
        media: Option<Box<str>>,
    },
    /// No body where JSON is listed for the status.
    MissingBody,
    /// A body that says that it is JSON and is not readable as such.
    NotJson {
        /// The innermost value that was being read.
        place: Place,
        /// Why.
        cause: JsonErrorKind,
    },
    /// The body breaks its schema. At most ten violations are told.
    Invalid(Vec<Violation>),
}

impl Drift {
    /// What is to be kept of it, of an answer with this status: one finding for each rule that it breaks.
    pub fn findings(&self, status: StatusCode) -> Vec<Finding> {
        let one = |rule: &str, found: Option<&str>, place: Option<String>| Finding {
            status: status.as_u16(),
            rule: rule.into(),
            found: found.map(Box::from),
            place: place.map(Box::from),
        };
        match self {
            Self::UndocumentedStatus { media } => vec![one(UNDOCUMENTED_STATUS, media.as_deref(), None)],
            Self::UndocumentedMediaType { media } => vec![one(UNDOCUMENTED_MEDIA_TYPE, media.as_deref(), None)],
            Self::UndocumentedBody { media } => vec![one(UNDOCUMENTED_BODY, media.as_deref(), None)],
            Self::MissingBody => vec![one(MISSING_BODY, None, None)],
            Self::NotJson { place, .. } => vec![one(NOT_JSON, None, Some(place.to_string()))],
            Self::Invalid(violations) => {
                violations.iter().map(|violation| one(violation.keyword, violation.found, Some(quoted(violation)))).collect()
            }
        }
    }
}

/// The place of a violation with quotation marks around the names that read like positions.
fn quoted(violation: &Violation) -> String {
    let place = violation.place.to_string();
    let quoted = |(at, token): (usize, &str)| if violation.numerals.contains(&at) { format!("'{token}'") } else { token.to_owned() };
    place.split('/').enumerate().map(quoted).collect::<Vec<_>>().join("/")
}

/// A token of a finding's place without them.
pub(crate) fn unquoted(token: &str) -> &str {
    let name = token.strip_prefix('\'').and_then(|token| token.strip_suffix('\''));
    name.filter(|name| is_numeral(name)).unwrap_or(token)
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UndocumentedStatus { .. } => f.write_str("undocumented status"),
            Self::UndocumentedMediaType { .. } => f.write_str("undocumented media type"),
            Self::UndocumentedBody { .. } => f.write_str("undocumented body"),
            Self::MissingBody => f.write_str("missing body"),
            Self::NotJson { place, cause } => write!(f, "{place} is not readable as JSON: {cause}"),
            Self::Invalid(violations) => {
                let listed: Vec<String> = violations.iter().map(Violation::to_string).collect();
                f.write_str(&listed.join("; "))
            }
        }
    }
}

pub(crate) const MISSING_BODY: &str = "missing-body";
pub(crate) const NOT_JSON: &str = "not-json";
pub(crate) const UNDOCUMENTED_STATUS: &str = "undocumented-status";
pub(crate) const UNDOCUMENTED_MEDIA_TYPE: &str = "undocumented-media-type";
pub(crate) const UNDOCUMENTED_BODY: &str = "undocumented-body";

/// One thing of an answer that the document does not describe: `200 type string body:/voci/0/cap`, `418 undocumented-status text/html`.
/// Written and read so, in records.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Finding {
    /// The upstream's status.
    pub status: u16,
    /// The rule that is broken: a keyword of JSON Schema or a word of [`Drift`]'s.
    pub rule: Box<str>,
    /// What came in its place, as far as that is nobody's data: the kind of a value, a media type.
    pub found: Option<Box<str>>,
    /// Where, as violations name their places; a member whose name reads like a position stands in quotation marks: `body:/anni/'2024'`.
    pub place: Option<Box<str>>,
}

impl Finding {
    /// Reads what was written of one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.splitn(4, ' ');
        let status = words.next()?.parse().ok()?;
        let rule = words.next().filter(|rule| !rule.is_empty())?.into();
        let found = words.next().filter(|found| *found != "-").map(Box::from);
        Some(Self { status, rule, found, place: words.next().map(Box::from) })
    }

    /// The finding of any item of the lists that its place goes through: `body:/voci/*/cap`.
    #[must_use]
    pub fn of_any_item(mut self) -> Self {
        let place = self.place.as_deref().map(|place| {
            let tokens: Vec<&str> = place.split('/').map(|token| if is_numeral(token) { "*" } else { token }).collect();
            tokens.join("/").into()
        });
        self.place = place;
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.status, self.rule, self.found.as_deref().unwrap_or("-"))?;
        self.place.iter().try_for_each(|place| write!(f, " {place}"))
    }
}

/// A media type without its parameters, as an answer declares it.
pub(crate) fn told(media: Option<&MediaType<'_>>) -> Option<Box<str>> {
    let name = media.map(|media| media.essence().to_ascii_lowercase())?;
    (name.len() <= LONGEST_MEDIA).then(|| name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_as_they_are_written() {
        for text in [
            "418 undocumented-status text/html",
            "200 missing-body -",
            "200 type string body:/voci/0/Codice fiscale",
            "200 required - body:/cap",
            "200 pattern - header.ETag",
        ] {
            assert_eq!(Finding::parse(text).expect(text).to_string(), text);
        }
        for text in ["", "type string", "x type string", "200", "99999999 type"] {
            assert_eq!(Finding::parse(text), None, "{text}");
        }
        let any = Finding::parse("200 type string body:/voci/0/a1/22/'22'").expect("a finding").of_any_item();
        assert_eq!(any.to_string(), "200 type string body:/voci/*/a1/*/'22'");
    }
}
