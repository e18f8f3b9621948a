//! Where in a call something stands: the subject of the data, the members a cache ignores.

use document::{Fault, Section};
use exchange::{Call, Pointer};

use super::headers::is_reserved;

/// A place in a call: `path.name`, `query.name` or `body:/pointer`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A path parameter.
    Path(Box<str>),
    /// A query parameter.
    Query(Box<str>),
    /// Values in a JSON body.
    Body(Pointer),
}

impl Selector {
    /// Reads a selector.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(pointer) = text.strip_prefix("body:") {
            return Pointer::parse(pointer).map(Self::Body).map_err(|error| error.to_string());
        }
        match text.split_once('.') {
            Some(("path", name)) if !name.is_empty() => Ok(Self::Path(name.into())),
            Some(("query", name)) if !name.is_empty() => Ok(Self::Query(name.into())),
            _ => Err("a place in a call is `path.name`, `query.name` or `body:/pointer`".into()),
        }
    }

    /// The texts that it selects in a call.
    pub fn select<'a>(&'a self, call: &'a Call) -> Vec<&'a str> {
        match self {
            Self::Path(name) => call.parameters.path(name).into_iter().collect(),
            Self::Query(name) => call.parameters.query(name).collect(),
            Self::Body(pointer) => call
                .body
                .json()
                .map(|json| json.root().select(pointer))
                .unwrap_or_default()
                .into_iter()
                .filter_map(exchange::json::Node::as_str)
                .collect(),
        }
    }
}

/// Reads a list of selectors of a section.
pub(super) fn list(section: &Section<'_>, key: &'static str) -> Vec<Selector> {
    let read = |(text, place): (&str, _)| Selector::parse(text).map_err(|error| section.report(Fault::error(place, error))).ok();
    section.texts(key).into_iter().filter_map(read).collect()
}

/// Where a department tells something of its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// In a header: `header:X-Canale`.
    Header(http::HeaderName),
    /// In the token of the portal at which somebody signed in: `claim:canale`.
    Claim(Box<str>),
}

impl TextSource {
    /// Reads `header:…` or `claim:…`; `None` where it is neither, or a fault that has been told.
    fn read(section: &Section<'_>, key: &'static str, text: &str, has_portal: bool) -> Option<Self> {
        if let Some(claim) = text.strip_prefix("claim:") {
            if !has_portal {
                let fault = Fault::error(section.place(key), format!("`{claim}` is told by a portal, and the e-service has none"));
                section.report(fault.hint("name it with `portal`"));
            }
            return Some(Self::Claim(claim.into()));
        }
        let name = text.strip_prefix("header:")?;
        let header = http::HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !is_reserved(name));
        if header.is_none() {
            let fault = Fault::error(section.place(key), format!("`{name}` is no header for this"));
            section.report(fault.hint("such as `header:X-Canale`, in letters, digits and hyphens"));
        }
        header.map(Self::Header)
    }

    /// The header, if it is one.
    pub fn header(&self) -> Option<&http::HeaderName> {
        match self {
            Self::Header(name) => Some(name),
            Self::Claim(_) => None,
        }
    }

    /// Where the number of the department's case is told.
    pub(super) fn case(section: &Section<'_>, has_portal: bool) -> Option<Self> {
        let text = section.text("case")?;
        if !text.starts_with("header:") && !text.starts_with("claim:") {
            let fault = Fault::error(section.place("case"), format!("`{text}` would be the case of every request"));
            section.report(fault.hint("`header:X-Pratica`, or a claim of a portal's token: `claim:pratica`"));
            return None;
        }
        Self::read(section, "case", text, has_portal)
    }
}

/// Where the channel of a request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChannelSource {
    /// Always this one: `batch`.
    Constant(Box<str>),
    /// By whoever asks.
    Told(TextSource),
}

/// The longest channel that is taken from a caller: it stands in the clear in records.
pub const LONGEST_CHANNEL: usize = 32;
/// The longest number of a case.
pub const LONGEST_CASE: usize = 128;

impl ChannelSource {
    /// Where it is told, if it is.
    pub fn told(&self) -> Option<&TextSource> {
        match self {
            Self::Constant(_) => None,
            Self::Told(source) => Some(source),
        }
    }

    pub(super) fn read(section: &Section<'_>, has_portal: bool) -> Option<Self> {
        let text = section.text("channel")?;
        if text.starts_with("header:") || text.starts_with("claim:") {
            return TextSource::read(section, "channel", text, has_portal).map(Self::Told);
        }
        Some(Self::Constant(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_places() {
        assert_eq!(Selector::parse("path.cf"), Ok(Selector::Path("cf".into())));
        assert!(matches!(Selector::parse("body:/a/*/cf"), Ok(Selector::Body(_))));
        for bad in ["cf", "path.", "body:a", "header.x"] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
