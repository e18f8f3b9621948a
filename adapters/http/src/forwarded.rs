//! From where a request came, in the words of proxies.

use adapter_api::Forwarded;
use http::header::{FORWARDED, HeaderMap, HeaderName, HeaderValue};

/// The headers in which a proxy says for whom it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedStyle {
    /// `X-Forwarded-For`, `-Proto`, `-Host`.
    #[default]
    XForwarded,
    /// `Forwarded` (RFC 7239).
    Rfc7239,
}

impl ForwardedStyle {
    /// The words of the configuration.
    pub const CHOICES: [(&'static str, Self); 2] = [("x-forwarded", Self::XForwarded), ("rfc7239", Self::Rfc7239)];
}

/// Whether a header says from where a request came: nobody's word for it passes, but for our own.
pub fn is_said_by_proxies(name: &str) -> bool {
    // Most names begin with another letter, and to see that is cheaper than to look for each.
    if !name.starts_with(['f', 'x', 't']) {
        return false;
    }
    name.starts_with("x-forwarded") || matches!(name, "forwarded" | "x-real-ip" | "x-client-ip" | "true-client-ip")
}

/// Tells the upstream.
pub(crate) fn tell(headers: &mut HeaderMap, style: ForwardedStyle, forwarded: &Forwarded) {
    let Forwarded { client, is_secure, host } = forwarded;
    let scheme = if *is_secure { "https" } else { "http" };
    let mut insert = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    match style {
        ForwardedStyle::XForwarded => {
            insert(HeaderName::from_static("x-forwarded-for"), &client.to_string());
            insert(HeaderName::from_static("x-forwarded-proto"), scheme);
            if let Some(host) = host {
                insert(HeaderName::from_static("x-forwarded-host"), host);
            }
        }
        ForwardedStyle::Rfc7239 => {
            let client = if client.is_ipv6() { format!("\"[{client}]\"") } else { client.to_string() };
            let host = host.as_ref().map(|host| format!(";host=\"{host}\"")).unwrap_or_default();
            insert(FORWARDED, &format!("for={client};proto={scheme}{host}"));
        }
    }
}
