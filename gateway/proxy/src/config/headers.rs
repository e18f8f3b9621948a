//! Headers that have a meaning of their own: nobody tells anything else in them.

use http::header::{self, HeaderName};

/// Those that say how a message is to be read, where it goes, or who sends it.
const RESERVED: [HeaderName; 23] = [
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
    header::RANGE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::FORWARDED,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("varco-purpose"),
    HeaderName::from_static("dpop"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("traceparent"),
    HeaderName::from_static("tracestate"),
];

/// Whether this is one of them, or a token of ModI.
pub(super) fn is_reserved(name: &HeaderName) -> bool {
    let text = name.as_str();
    RESERVED.contains(name) || text.starts_with("agid-jwt-") || adapter_http::is_said_by_proxies(text)
}
