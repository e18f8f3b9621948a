//! Where the e-service stands and where its upstream does: addresses in answers are those of the gateway, never those behind it.

use std::fmt;

use http::header::{ALT_SVC, CACHE_CONTROL, CONTENT_LOCATION, HeaderMap, HeaderName, HeaderValue, LINK, LOCATION, REFRESH, SET_COOKIE};

/// The two addresses of an e-service.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Published {
    /// The path under which callers find it; empty for the root.
    pub base_path: Box<str>,
    /// Where the upstream is: hosts as [`comparable_host`] writes them, with their ports.
    pub places: Vec<(Box<str>, u16)>,
    /// The host that the upstream is asked for, if it is another than its URL's; likewise.
    pub name: Option<Box<str>>,
    /// The path of its URL; empty or `/` for the root.
    pub path: Box<str>,
    /// Whether the upstream is asked with the base path too.
    pub keeps_base_path: bool,
    /// Whether cookies pass, both ways.
    pub cookies: bool,
    /// Whether the upstream speaks to browsers itself (CORS).
    pub browsers: bool,
}

/// What of it is the adapter's: the addresses are the e-service's and the upstream's, and are told with those.
impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { keeps_base_path, cookies, .. } = self;
        f.debug_struct("Published").field("keeps_base_path", keeps_base_path).field("cookies", cookies).finish_non_exhaustive()
    }
}

/// Names of places that would lead past the gateway, or that nobody between systems needs.
const PAST_US: [HeaderName; 3] = [ALT_SVC, REFRESH, HeaderName::from_static("set-cookie2")];

impl Published {
    /// Rewrites what an answer says of places. `asked` is the host that the caller asked for, where the upstream was told it.
    pub(crate) fn rewrite(&self, headers: &mut HeaderMap, asked: Option<&str>) {
        let concerns = |name: &HeaderName| {
            matches!(*name, LOCATION | CONTENT_LOCATION | LINK | SET_COOKIE) || PAST_US.contains(name) || is_for_browsers(name)
        };
        // Most answers have none of them.
        if !headers.keys().any(concerns) {
            return;
        }
        for name in PAST_US {
            headers.remove(name);
        }
        if !self.browsers {
            let names: Vec<HeaderName> = headers.keys().filter(|name| is_for_browsers(name)).cloned().collect();
            for name in names {
                headers.remove(name);
            }
        }
        for name in [LOCATION, CONTENT_LOCATION] {
            Self::each(headers, &name, |text| match self.place(text, asked) {
                Place::Elsewhere => Some(text.to_owned()),
                Place::Ours(path) => Some(path),
                // Behind the gateway, and not to be had through it.
                Place::Hidden => None,
            });
        }
        Self::each(headers, &LINK, |text| self.links(text, asked));
        self.set_cookies(headers);
    }

    /// Rewrites each value of a header, or drops it.
    fn each(headers: &mut HeaderMap, name: &HeaderName, rewrite: impl Fn(&str) -> Option<String>) {
        let values: Vec<HeaderValue> = headers.get_all(name).iter().cloned().collect();
        headers.remove(name);
        for value in values {
            let value = value.to_str().ok().and_then(&rewrite).and_then(|text| HeaderValue::try_from(text).ok());
            headers.extend(value.map(|value| (name.clone(), value)));
        }
    }

    /// The targets of a list of links (RFC 8288 §3). The whole list goes if one of them is not to be had, or if what is said beside them
    /// names the upstream.
    fn links(&self, text: &str, asked: Option<&str>) -> Option<String> {
        let mut links = String::with_capacity(text.len());
        let (mut rest, mut beside) = (text, String::new());
        while let Some(at) = unquoted(rest, '<') {
            let (before, after) = rest.split_at(at);
            let (target, behind) = after[1..].split_once('>')?;
            let target = match self.place(target, asked) {
                Place::Elsewhere => target.to_owned(),
                Place::Ours(path) => path,
                Place::Hidden => return None,
            };
            beside.push_str(before);
            links.push_str(before);
            links.push('<');
            links.push_str(&target);
            links.push('>');
            rest = behind;
        }
        beside.push_str(rest);
        links.push_str(rest);
        let beside = beside.to_ascii_lowercase();
        let mut hosts = self.places.iter().map(|(host, _)| host).chain(&self.name);
        let is_named = hosts.any(|host| beside.contains(&**host));
        (!is_named).then_some(links)
    }

    fn set_cookies(&self, headers: &mut HeaderMap) {
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        if cookies.is_empty() {
            return;
        }
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

    /// Where a reference leads (RFC 3986 §4.1), whatever its scheme and user: it is the host that counts. Browsers take several slashes,
    /// and backslashes, for two.
    fn place(&self, text: &str, asked: Option<&str>) -> Place {
        let scheme = text.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
        let below = scheme.map_or(text, |scheme| &text[scheme.len() + 1..]);
        let slashes = below.bytes().take_while(|byte| matches!(byte, b'/' | b'\\')).count();
        if slashes < 2 {
            return match scheme {
                // A scheme of the web and no host: some would take it for our path, and some for the upstream's.
                Some(scheme) if ["http", "https"].iter().any(|web| scheme.eq_ignore_ascii_case(web)) => Place::Hidden,
                None if text.starts_with('/') => self.ours(text).map_or(Place::Hidden, Place::Ours),
                _ => Place::Elsewhere,
            };
        }
        let rest = &below[slashes..];
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let authority = authority.rsplit('@').next().unwrap_or_default();
        if !self.is_upstream(authority, asked) {
            return Place::Elsewhere;
        }
        self.ours(path).map_or(Place::Hidden, Place::Ours)
    }

    /// Whether this is the upstream, at one of its places or by a name that it was asked for.
    fn is_upstream(&self, authority: &str, asked: Option<&str>) -> bool {
        let (host, port) = split(authority);
        // Without a port it is either scheme's.
        let is_at = |at: &u16| port.is_none_or(|port| port == u32::from(*at));
        let is_place = self.places.iter().any(|(known, at)| known.eq_ignore_ascii_case(host) && is_at(at));
        let is_name = |name: &str| name.eq_ignore_ascii_case(host);
        is_place || self.name.as_deref().is_some_and(is_name) || asked.is_some_and(|asked| is_name(split(asked).0))
    }

    /// The path at which callers find what stands at this one of the upstream.
    fn ours(&self, path: &str) -> Option<String> {
        // What goes up again could lead anywhere.
        if path.split(['?', '#']).next().unwrap_or_default().split(['/', '\\']).any(is_upwards) {
            return None;
        }
        let below = under(path, self.path.trim_end_matches('/'))?;
        let below = if self.keeps_base_path { under(below, &self.base_path)? } else { below };
        let ours = [&self.base_path, below].concat();
        Some(if ours.starts_with('/') { ours } else { format!("/{ours}") })
    }

    /// A cookie as callers get it: for the gateway's host, and for the paths of this e-service.
    fn cookie(&self, text: &str) -> Option<HeaderValue> {
        let mut parts = text.split(';');
        let mut cookie = parts.next()?.trim().to_owned();
        // Browsers take such a one for the whole host only.
        let is_host = cookie.starts_with("__Host-");
        let mut path = if self.base_path.is_empty() || is_host { "/".to_owned() } else { self.base_path.to_string() };
        for part in parts.map(str::trim) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match name.to_ascii_lowercase().as_str() {
                "domain" => {}
                "path" if is_host || value.contains("..") => {}
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

/// What an upstream says to browsers of other pages (CORS).
fn is_for_browsers(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

/// The host of an authority as it is compared here: in small letters, IPv6 in its brackets, a name without the dot at its end.
pub fn comparable_host(authority: &str) -> Box<str> {
    split(authority).0.to_ascii_lowercase().into()
}

/// Host and port of an authority; IPv6 in its brackets, a name without the dot at its end.
fn split(authority: &str) -> (&str, Option<u32>) {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port.parse().ok()),
        _ => (authority, None),
    };
    (host.trim_end_matches('.'), port)
}

/// `..`, in whichever spelling.
fn is_upwards(segment: &str) -> bool {
    segment.to_ascii_lowercase().replace("%2e", ".") == ".."
}

/// RFC 3986 §3.1.
fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

/// Where a symbol stands that is in no quoted string.
fn unquoted(text: &str, wanted: char) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(at, symbol)| {
        if escaped {
            escaped = false;
        } else if quoted && symbol == '\\' {
            escaped = true;
        } else if symbol == '"' {
            quoted = !quoted;
        } else if symbol == wanted && !quoted {
            return Some(at);
        }
        None
    })
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
        Published {
            base_path: base_path.into(),
            places: vec![("10.0.0.6".into(), 8080), ("anagrafe.interna.example".into(), 80)],
            name: Some(comparable_host("API.interna.example.:8443")),
            path: path.into(),
            keeps_base_path,
            cookies: true,
            browsers: false,
        }
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
            (&stripped, "//10.0.0.6:8080/api", Some("/cose/v1")),
            (&stripped, "https://u:p@10.0.0.6:8080/api/7", Some("/cose/v1/7")),
            (&stripped, "http://10.0.0.6/api/7", Some("/cose/v1/7")),
            (&stripped, "http://10.0.0.6:9090/api/7", Some("http://10.0.0.6:9090/api/7")),
            (&stripped, "http://anagrafe.interna.example:80/api/7", Some("/cose/v1/7")),
            (&stripped, "https://API.interna.example/api/7", Some("/cose/v1/7")),
            (&stripped, "https://io.ente.example/api/7", Some("/cose/v1/7")),
            (&stripped, "http:/api/7", None),
            (&stripped, "ws://10.0.0.6:8080/api/7", Some("/cose/v1/7")),
            (&stripped, "ftp://10.0.0.6./altro", None),
            (&stripped, "http://10.0.0.6:08080/api/7", Some("/cose/v1/7")),
            (&stripped, "///10.0.0.6:8080/api/7", Some("/cose/v1/7")),
            (&stripped, "\\\\10.0.0.6:8080\\api", None),
            (&stripped, "/api/../amministrazione", None),
            (&stripped, "/api/%2E%2e/x", None),
            (&stripped, "/api/a..b?da=../x", Some("/cose/v1/a..b?da=../x")),
            (&stripped, "mailto:a@ente.example", Some("mailto:a@ente.example")),
            (&stripped, "http://10.0.0.6:8080\\@altri.example/x", None),
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
            published.rewrite(&mut headers, Some("io.ente.example"));
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
        headers.append(SET_COOKIE, HeaderValue::from_static("__Host-d=4; Path=/; Secure"));
        headers.append(SET_COOKIE, HeaderValue::from_static("e=5; Path=/api/../.."));
        published.rewrite(&mut headers, None);
        let passed: Vec<&str> = headers.get_all(SET_COOKIE).iter().filter_map(|value| value.to_str().ok()).collect();
        assert_eq!(
            passed,
            [
                "a=1; Secure; HttpOnly; Path=/cose/v1/sala",
                "b=2; Path=/cose/v1",
                "c=3; SameSite=Lax; Path=/cose/v1",
                "__Host-d=4; Secure; Path=/",
                "e=5; Path=/cose/v1"
            ]
        );
        Published { cookies: false, ..published }.rewrite(&mut dropped, None);
        assert_eq!((dropped.len(), &dropped[CACHE_CONTROL]), (1, &HeaderValue::from_static("private")));
    }

    #[test]
    fn what_leads_past_the_gateway_does_not_leave() {
        let published = published("/cose/v1", "/api", false);
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("link", "<http://10.0.0.6:8080/api/2>; rel=\"next\", <https://ente.example/x>; rel=\"help\""),
            ("link", "</altro>; rel=\"up\""),
            ("link", "</api/3>; anchor=\"http://10.0.0.6:8080/segreto\""),
            ("link", "</api/4>; title=\"a < b\""),
            ("alt-svc", "h2=\"10.0.0.6:8443\""),
            ("refresh", "5; url=http://10.0.0.6/"),
            ("access-control-allow-origin", "*"),
            ("location", "/api/7"),
            ("location", "/altro/7"),
            ("etag", "\"7\""),
        ] {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        published.rewrite(&mut headers, None);
        let mut left: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("text"))).collect();
        left.sort();
        assert_eq!(
            left,
            [
                "etag: \"7\"",
                "link: </cose/v1/2>; rel=\"next\", <https://ente.example/x>; rel=\"help\"",
                "link: </cose/v1/4>; title=\"a < b\"",
                "location: /cose/v1/7"
            ]
        );
    }
}
