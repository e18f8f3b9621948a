//! Pages of other origins: which may call, and what they may send and read (CORS, in the Fetch standard).

use std::time::Duration;

use document::{Fault, Place, Section};
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HeaderMap, HeaderName, HeaderValue, VARY,
};

/// What is told to browsers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// The origins whose pages may call; `None`: those of all.
    origins: Option<Vec<HeaderValue>>,
    /// The headers that they may send.
    pub headers: HeaderValue,
    /// How long a browser may remember that.
    pub max_age: Duration,
    /// Whether browsers send what they have of the caller: cookies, certificates.
    credentials: bool,
}

/// What callers of ours send.
const HEADERS: &str = "authorization, content-type, accept-language, digest, x-api-key, varco-purpose, agid-jwt-signature, \
                       agid-jwt-trackingevidence, idempotency-key, if-match, if-none-match, traceparent";
/// What a page may read of an answer beside what browsers let it.
const EXPOSED: &str = "varco-exchange, location, etag, retry-after, digest, agid-jwt-signature, age, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset";

impl Cors {
    /// Whether the pages of an origin may call.
    pub fn allows(&self, origin: &HeaderValue) -> bool {
        self.origins.as_ref().is_none_or(|listed| listed.contains(origin))
    }

    /// Tells the browser that this page may read the answer. What an upstream says to browsers was taken out before.
    pub fn tell(&self, headers: &mut HeaderMap, origin: Option<&HeaderValue>) {
        let varies =
            |value: &HeaderValue| value.to_str().is_ok_and(|list| list.split(',').any(|name| name.trim().eq_ignore_ascii_case("origin")));
        if !headers.get_all(VARY).iter().any(varies) {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        let Some(origin) = origin else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
    }
}

/// Reads `cors`.
pub(super) fn compile(section: &Section<'_>) -> Option<Cors> {
    let section = section.section("cors")?;
    let credentials = section.flag("credentials").unwrap_or(false);
    let _ = section.required("origins");
    let listed = section.texts("origins");
    if section.node("origins").is_some() && listed.is_empty() {
        section.report(Fault::error(section.place("origins"), "no origin is listed").hint("leave `cors` out where no page may call"));
    }
    let all = listed.iter().any(|(text, _)| *text == "*");
    if all && (listed.len() > 1 || credentials) {
        let fault = Fault::error(section.place("origins"), "`*` stands alone, and without `credentials`");
        section.report(fault.hint("list the origins"));
    }
    let origins = listed.into_iter().filter(|(text, _)| *text != "*").filter_map(|(text, place)| origin(&section, text, place)).collect();
    let origins = (!all).then_some(origins);
    let names = section.texts("headers");
    let names: Vec<String> = names.into_iter().filter_map(|(text, place)| name(&section, text, place)).collect();
    let headers = if names.is_empty() { HeaderValue::from_static(HEADERS) } else { HeaderValue::try_from(names.join(", ")).ok()? };
    Some(Cors { origins, headers, max_age: section.duration("max_age").unwrap_or(Duration::from_mins(10)), credentials })
}

/// Scheme, host and port as a browser writes them: it compares them letter by letter, so a slash at the end would never match.
fn origin(section: &Section<'_>, text: &str, place: Place) -> Option<HeaderValue> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_one = rest.is_some_and(|host| {
        let usual = if text.starts_with("https:") { ":443" } else { ":80" };
        !host.is_empty()
            && !host.ends_with(usual)
            && host.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte))
    });
    if !is_one {
        let fault = Fault::error(place, format!("`{text}` is no origin"));
        section.report(
            fault.hint("scheme, host and port in small letters, without a path or the usual port: `https://sportello.comune-x.example`"),
        );
        return None;
    }
    HeaderValue::from_str(text).ok()
}

fn name(section: &Section<'_>, text: &str, place: Place) -> Option<String> {
    let name = HeaderName::from_bytes(text.as_bytes());
    if name.is_err() {
        section.report(Fault::error(place, format!("`{text}` is no header name")));
    }
    name.ok().map(|name| name.to_string())
}
