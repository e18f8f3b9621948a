//! What callers have to show, as a document asks for it: whether it is there and has its form. Whether it is true is for whoever issued it
//! to say.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::described::Location;
use crate::parameter::{cookies, pairs, unquoted};

/// A Security Scheme Object (OpenAPI 3.0.4 §4.7.27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityScheme {
    /// Its name in the document.
    pub name: Arc<str>,
    /// What it asks for.
    pub proof: Proof,
}

/// What a security scheme asks a caller to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A token in `Authorization` (RFC 6750 §2.1): `http` with `bearer`, `oauth2` and `openIdConnect`.
    Bearer,
    /// Name and password in `Authorization` (RFC 7617).
    Basic,
    /// Credentials of another scheme in `Authorization` (RFC 9110 §11.4), by its name in small letters.
    Http(Box<str>),
    /// `apiKey` in a header.
    Header(HeaderName),
    /// `apiKey` in the query, or in a cookie.
    Named(Location, Box<str>),
    /// A certificate of the connection.
    Certificate,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("`Authorization: Bearer` and a token"),
            Self::Basic => f.write_str("`Authorization: Basic` with name and password"),
            Self::Http(scheme) => write!(f, "`Authorization` with credentials of the scheme `{scheme}`"),
            Self::Header(name) => write!(f, "a key in the header `{name}`"),
            Self::Named(location, name) => write!(f, "a key in the {location}, `{name}`"),
            Self::Certificate => f.write_str("a client certificate"),
        }
    }
}

/// What a request shows.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'r> {
    /// The query as received, without the question mark.
    pub query: Option<&'r str>,
    /// The headers as received.
    pub headers: &'r HeaderMap,
    /// Whether the connection has a certificate of the caller's that was verified.
    pub has_certificate: bool,
}

/// A caller shows nothing that an operation asks for: 401.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it needs {wanted}")]
pub struct MissingCredentials {
    /// What it asks for, in words.
    pub wanted: Arc<str>,
    /// The values of `WWW-Authenticate` (RFC 9110 §11.6.1), at least one.
    pub challenges: Arc<[HeaderValue]>,
}

/// What an operation asks callers to show: all of one of these alternatives.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    alternatives: Vec<Vec<Proof>>,
    /// The names of keys in the query.
    in_query: Box<[Box<str>]>,
    missing: Option<MissingCredentials>,
}

impl Credentials {
    pub(crate) fn new(alternatives: Vec<Vec<Proof>>) -> Self {
        if alternatives.is_empty() {
            return Self::default();
        }
        let words = |all: &Vec<Proof>| all.iter().map(Proof::to_string).collect::<Vec<_>>().join(" and ");
        let wanted = alternatives.iter().map(words).collect::<Vec<_>>().join(", or ").into();
        let mut challenges: Vec<HeaderValue> = Vec::new();
        for challenge in alternatives.iter().flatten().filter_map(challenge) {
            if !challenges.contains(&challenge) {
                challenges.push(challenge);
            }
        }
        let in_query = |proof: &Proof| match proof {
            Proof::Named(Location::Query, name) => Some(name.clone()),
            _ => None,
        };
        let in_query = alternatives.iter().flatten().filter_map(in_query).collect();
        let missing = Some(MissingCredentials { wanted, challenges: challenges.into() });
        Self { alternatives, in_query, missing }
    }

    /// Whether a key stands under this name in the query.
    pub(crate) fn is_key(&self, name: &str) -> bool {
        self.in_query.iter().any(|known| **known == *name)
    }

    /// The headers that keys stand in.
    pub(crate) fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.alternatives.iter().flatten().filter_map(|proof| if let Proof::Header(name) = proof { Some(name) } else { None })
    }

    pub(crate) fn check(&self, shown: Shown<'_>) -> Result<(), MissingCredentials> {
        let Some(missing) = &self.missing else { return Ok(()) };
        let is_shown = |all: &Vec<Proof>| all.iter().all(|proof| proof.is_in(shown));
        if self.alternatives.iter().any(is_shown) { Ok(()) } else { Err(missing.clone()) }
    }
}

/// How a caller is asked for it. A key has no scheme of its own: this names where it is to stand. For a certificate the connection asks.
fn challenge(proof: &Proof) -> Option<HeaderValue> {
    let text = match proof {
        Proof::Bearer => "Bearer".to_owned(),
        Proof::Basic => "Basic realm=\"api\", charset=\"UTF-8\"".to_owned(),
        Proof::Http(scheme) => format!("{scheme} realm=\"api\""),
        Proof::Header(name) => format!("ApiKey header=\"{name}\""),
        Proof::Named(location, name) => format!("ApiKey {location}=\"{name}\""),
        Proof::Certificate => "Certificate".to_owned(),
    };
    HeaderValue::try_from(text).ok()
}

impl Proof {
    fn is_in(&self, shown: Shown<'_>) -> bool {
        match self {
            Self::Bearer => credentials(shown.headers, "bearer").is_some_and(is_token),
            Self::Basic => credentials(shown.headers, "basic").is_some_and(is_name_and_password),
            Self::Http(scheme) => credentials(shown.headers, scheme).is_some_and(|text| !text.is_empty()),
            Self::Header(name) => only(shown.headers.get_all(name).iter().map(HeaderValue::as_bytes)).is_some_and(is_key),
            Self::Named(Location::Cookie, name) => {
                only(cookies(shown.headers).filter(|(own, _)| *own == name.as_bytes())).is_some_and(|(_, key)| is_key(unquoted(key)))
            }
            Self::Named(_, name) => {
                let pairs = pairs(shown.query.unwrap_or_default()).unwrap_or_default();
                only(pairs.iter().filter(|pair| *pair.name == **name)).is_some_and(|pair| is_key(pair.value.as_bytes()))
            }
            Self::Certificate => shown.has_certificate,
        }
    }
}

/// What holds nothing but white space holds no key: an unset variable and a `+` come out as that.
fn is_key(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).map_or(true, |text| !text.trim().is_empty())
}

/// The one of what should be one: of two, two readers would take different ones.
fn only<T>(mut of: impl Iterator<Item = T>) -> Option<T> {
    let first = of.next()?;
    of.next().is_none().then_some(first)
}

/// What follows the scheme in `Authorization`, of this scheme.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let value = only(headers.get_all(AUTHORIZATION).iter())?.to_str().ok()?;
    let (said, rest) = value.trim().split_once(' ')?;
    said.eq_ignore_ascii_case(scheme).then(|| rest.trim_start_matches(' '))
}

/// RFC 6750 §2.1, `b64token`.
fn is_token(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
}

/// RFC 7617 §2.
fn is_name_and_password(text: &str) -> bool {
    STANDARD.decode(text).is_ok_and(|pair| pair.contains(&b':') && !pair.iter().any(u8::is_ascii_control))
}
