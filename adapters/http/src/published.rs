//! Where the e-service stands and where its upstream does: addresses in answers are those of the gateway, never those behind it.

use std::fmt;

use http::header::{CACHE_CONTROL, CONTENT_LOCATION, HeaderMap, HeaderValue, LOCATION, SET_COOKIE};

/// The two addresses of an e-service.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The path under which callers find it; empty for the root.
    pub base_path: Box<str>,
    /// Scheme and authority of the upstream: `http://10.0.0.6:8080`.
    pub origin: Box<str>,
    /// The path of its URL; empty or `/` for the root.
    pub path: Box<str>,
    /// Whether the upstream is asked with the base path too.
    pub keeps_base_path: bool,
    /// Whether cookies pass, both ways.
    pub cookies: bool,
}

/// What of it is the adapter's: the addresses are the e-service's and the upstream's, and are told with those.
impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keeps_base_path, cookies, .. } = self;
        f.debug_struct("Published").field("keeps_base_path", keeps_base_path).field("cookies", cookies).finish_non_exhaustive()
    }
}

impl Published {
    /// Rewrites what an answer says of places.
    pub(crate) fn rewrite(&self, headers: &mut HeaderMap) {
        for name in [LOCATION, CONTENT_LOCATION] {
            let Some(value) = headers.get(&name) else { continue };
            match value.to_str().ok().map(|text| self.place(text)) {
                Some(Place::Elsewhere) => {}
                Some(Place::Ours(path)) => match HeaderValue::try_from(path) {
                    Ok(value) => drop(headers.insert(name, value)),
                    Err(_) => drop(headers.remove(name)),
                },
                // Behind the gateway, and not to be had through it.
                Some(Place::Hidden) | None => drop(headers.remove(name)),
            }
        }
        if !headers.contains_key(SET_COOKIE) {
            return;
        }
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        if !self.cookies {
            // It was meant for somebody, with a cookie or without.
            headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
            return;
        }
        for cookie in cookies.iter().filter_map(|cookie| self.cookie(cookie.to_str().ok()?)) {
            headers.append(SET_COOKIE, cookie);
        }
    }

    fn place(&self, text: &str) -> Place {
        let below = match text.get(..self.origin.len()) {
            Some(origin) if origin.eq_ignore_ascii_case(&self.origin) => {
                let below = &text[self.origin.len()..];
                // `http://10.0.0.6` is not `http://10.0.0.61`.
                match below.as_bytes().first() {
                    None | Some(b'/' | b'?' | b'#') => below,
                    _ => return Place::Elsewhere,
                }
            }
            _ if text.starts_with('/') && !text.starts_with("//") => text,
            _ => return Place::Elsewhere,
        };
        self.ours(below).map_or(Place::Hidden, Place::Ours)
    }

    /// The path at which callers find what stands at this one of the upstream.
    fn ours(&self, path: &str) -> Option<String> {
        let below = under(path, self.path.trim_end_matches('/'))?;
        let below = if self.keeps_base_path { under(below, &self.base_path)? } else { below };
        let ours = [&self.base_path, below].concat();
        Some(if ours.starts_with('/') { ours } else { format!("/{ours}") })
    }

    /// A cookie as callers get it: for the gateway's host, and for the paths of this e-service.
    fn cookie(&self, text: &str) -> Option<HeaderValue> {
        let mut parts = text.split(';');
        let mut cookie = parts.next()?.trim().to_owned();
        let mut path = if self.base_path.is_empty() { "/".to_owned() } else { self.base_path.to_string() };
        for part in parts.map(str::trim) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.to_ascii_lowercase().as_str() {
                "domain" => {}
                "path" => path = self.ours(value).unwrap_or(path),
                _ => {
                    cookie.push_str("; ");
                    cookie.push_str(part);
                }
            }
        }
        HeaderValue::try_from(format!("{cookie}; Path={path}")).ok()
    }
}

/// What an address in an answer leads to.
enum Place {
    /// Something of others.
    Elsewhere,
    /// The e-service: at this path.
    Ours(String),
    /// Something of the upstream that is not published.
    Hidden,
}

/// What of a path follows another, if it is that path or below it.
fn under<'a>(path: &'a str, above: &str) -> Option<&'a str> {
    let below = path.strip_prefix(above)?;
    (below.is_empty() || below.starts_with(['/', '?', '#'])).then_some(below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published(base_path: &str, path: &str, keeps_base_path: bool) -> Published {
        Published { base_path: base_path.into(), origin: "http://10.0.0.6:8080".into(), path: path.into(), keeps_base_path, cookies: true }
    }

    #[test]
    fn addresses_are_the_gateways() {
        let stripped = published("/cose/v1", "/api", false);
        let kept = published("/cose/v1", "/api", true);
        let bare = published("", "/", false);
        let cases = [
            (&stripped, "http://10.0.0.6:8080/api/cose/7", Some("/cose/v1/cose/7")),
            (&stripped, "HTTP://10.0.0.6:8080/api/cose/7?a=1", Some("/cose/v1/cose/7?a=1")),
            (&stripped, "/api/cose/7", Some("/cose/v1/cose/7")),
            (&stripped, "/api", Some("/cose/v1")),
            (&stripped, "/apis/7", None),
            (&stripped, "http://10.0.0.6:8080/admin", None),
            (&stripped, "http://10.0.0.6:80801/api", Some("http://10.0.0.6:80801/api")),
            (&stripped, "//10.0.0.6:8080/api", Some("//10.0.0.6:8080/api")),
            (&stripped, "7", Some("7")),
            (&stripped, "../8", Some("../8")),
            (&stripped, "https://ente.example/x", Some("https://ente.example/x")),
            (&kept, "http://10.0.0.6:8080/api/cose/v1/7", Some("/cose/v1/7")),
            (&kept, "/api/altro/7", None),
            (&bare, "http://10.0.0.6:8080/x", Some("/x")),
            (&bare, "http://10.0.0.6:8080", Some("/")),
            (&bare, "/x", Some("/x")),
        ];
        for (published, sent, expected) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_str(sent).expect("a value"));
            published.rewrite(&mut headers);
            assert_eq!(headers.get(LOCATION).map(|value| value.to_str().expect("text")), expected, "{sent}");
        }
    }

    #[test]
    fn a_cookie_is_for_the_gateway_or_nobody() {
        let mut headers = HeaderMap::new();
        for cookie in ["a=1; Domain=interno.example; Path=/api/sala; Secure; HttpOnly", "b=2", "c=3; path=/altro; SameSite=Lax"] {
            headers.append(SET_COOKIE, HeaderValue::from_static(cookie));
        }
        let mut dropped = headers.clone();
        let published = published("/cose/v1", "/api", false);
        published.rewrite(&mut headers);
        let passed: Vec<&str> = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!(passed, ["a=1; Secure; HttpOnly; Path=/cose/v1/sala", "b=2; Path=/cose/v1", "c=3; SameSite=Lax; Path=/cose/v1"]);
        Published { cookies: false, ..published }.rewrite(&mut dropped);
        assert_eq!((dropped.len(), &dropped[CACHE_CONTROL]), (1, &HeaderValue::from_static("private")));
    }
}
