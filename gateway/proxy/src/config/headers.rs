//! Headers that have a meaning of their own: nobody tells anything else in them.

use contract::Contract;
use document::{Fault, Section};
use http::header::{self, HeaderName};

/// Where a department shows its key, and we ours to who asks for one.
pub const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Those that say how a message is to be read, where it goes, or who sends it.
const RESERVED: [HeaderName; 24] = [
    header::AUTHORIZATION,
    header::PROXY_AUTHORIZATION,
    header::COOKIE,
    header::CONNECTION,
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::DATE,
    header::EXPECT,
    header::HOST,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::FORWARDED,
    API_KEY,
    HeaderName::from_static("varco-purpose"),
    HeaderName::from_static("dpop"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Whether this is one of them, or a token of ModI; or is not plain, in which spelling no header is told apart from another's.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let text = name.as_str();
    RESERVED.contains(name) || !adapter_http::is_plain_name(name) || text.starts_with("agid-jwt-") || adapter_http::is_said_by_proxies(text)
}

/// The headers that a document lists whose names are not plain: they alone pass. `is_own` says which others mean something here; a server
/// in the manner of CGI could not tell them apart.
pub(super) fn unusual(section: &Section<'_>, contract: &Contract, is_own: impl Fn(&HeaderName) -> bool) -> Box<[HeaderName]> {
    let mut names: Vec<HeaderName> = contract.request_headers().filter(|name| !adapter_http::is_plain_name(name)).cloned().collect();
    names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
    names.dedup();
    for name in &names {
        let read_as = name.as_str().replace(|symbol: char| !symbol.is_ascii_alphanumeric(), "-").parse::<HeaderName>().ok();
        if let Some(read_as) = read_as.filter(|read_as| is_reserved(read_as) || is_own(read_as)) {
            let message = format!("the header `{name}` of the document is read as `{read_as}` by many servers, which says something else");
            section.report(Fault::error(section.place("contract"), message).hint("give it another name in the document"));
        }
    }
    names.into()
}
