//! The lookup cache: full answers, under policy.
//!
//! What is kept is what the upstream said, checked against the contract and before anything was withheld, so that one
//! answer serves callers with different obligations. The key is all that makes two questions the same; see [`Question`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use bytes::Bytes;
use exchange::{Call, ExchangeId, Json, Pointer, json};
use http::{HeaderMap, StatusCode};
use moka::Expiry;
use moka::future::Cache;

use adapter_api::ForwardedHeaders;

use crate::config::{Definition, Direction};
use crate::exchange::Authenticated;

/// The key of a question: SHA-256, because two questions with one key would be given one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Question([u8; 32]);

/// An answer that is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, read as JSON where it is.
    pub body: KeptBody,
    /// What of it broke the contract and was let pass: whoever is served it again is let pass the same.
    pub drift: Option<Arc<[String]>>,
    /// The exchange that asked the upstream.
    pub origin: ExchangeId,
    /// When the answer came.
    pub since: Instant,
    /// How long it may be used.
    pub ttl: Duration,
}

/// The body of a kept answer.
#[derive(Clone, Debug)]
pub enum KeptBody {
    /// JSON.
    Json(Json),
    /// Anything else.
    Bytes(Bytes),
}

impl Kept {
    /// Its age now.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    fn bytes(&self) -> u64 {
        let body = match &self.body {
            KeptBody::Json(json) => json.bytes().len() * 4,
            KeptBody::Bytes(bytes) => bytes.len(),
        };
        let headers: usize = self.headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 64).sum();
        // The index of a JSON text is some three times the text; the entry itself is counted as half a kilobyte.
        (body + headers) as u64 + 512
    }
}

/// What ends a load without an answer that can be kept.
#[derive(Clone, Debug)]
pub enum NotKept {
    /// The answer may not be kept: whoever else waits must ask for itself.
    Uncacheable,
    /// The load was refused; the refusal is that of whoever loaded.
    Rejected(crate::rejection::Rejection),
}

/// The answers kept, bounded in bytes.
#[derive(Clone, Debug)]
pub struct AnswerCache(Cache<Question, Arc<Kept>, ahash::RandomState>);

struct ByTtl;

impl Expiry<Question, Arc<Kept>> for ByTtl {
    fn expire_after_create(&self, _: &Question, kept: &Arc<Kept>, _: Instant) -> Option<Duration> {
        Some(kept.ttl)
    }
}

impl AnswerCache {
    /// A cache of so many bytes.
    pub fn new(bytes: u64) -> Self {
        let weigh = |_: &Question, kept: &Arc<Kept>| u32::try_from(kept.bytes()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(bytes).weigher(weigh).expire_after(ByTtl).build_with_hasher(ahash::RandomState::new()))
    }

    /// An answer to this question, if one is kept that is no older than `max_age`.
    pub async fn find(&self, question: &Question, max_age: Option<Duration>) -> Option<Arc<Kept>> {
        let kept = self.0.get(question).await?;
        if max_age.is_none_or(|most| kept.age() <= most) {
            return Some(kept);
        }
        // Too old for this caller: the one that is fetched for it serves the others too.
        self.0.invalidate(question).await;
        None
    }

    /// Loads an answer once, however many ask for it at the same time.
    pub async fn load<F>(&self, question: Question, load: F) -> Result<Arc<Kept>, Arc<NotKept>>
    where
        F: Future<Output = Result<Arc<Kept>, NotKept>>,
    {
        self.0.try_get_with(question, load).await
    }
}

impl Question {
    /// The key of a call: the e-service with its compiled hash and that of the upstream, the operation, the canonical request without the members that
    /// are ignored, the purpose, the tenant, every caller's header that the adapter forwards, and who calls where the upstream
    /// is told.
    pub fn of(definition: &Definition, asking: &Authenticated, call: &Call, ignore: &[Pointer]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        // Every part is preceded by its length, so that no two lists of parts read alike.
        let mut part = |bytes: &[u8]| {
            context.update(&(bytes.len() as u64).to_be_bytes());
            context.update(bytes);
        };
        part(&definition.hash_for(asking.instance));
        part(definition.name.as_bytes());
        part(definition.instances.get(asking.instance).map_or("", |instance| instance.tenant.name()).as_bytes());
        part(&(call.operation as u64).to_be_bytes());
        part(call.path.as_bytes());
        let query = call.query.as_deref().unwrap_or_default();
        let is_one = definition.contract.has_whole_query(call.operation);
        part(if is_one { Cow::Borrowed(query) } else { in_order(query) }.as_bytes());
        part(call.caller.purpose.as_deref().unwrap_or_default().as_bytes());
        // An upstream that knows who asks may answer each something else.
        if !definition.identity_headers.is_empty() || definition.direction == Direction::Outbound {
            let delegate = call.delegate.as_ref().map(|delegate| &delegate.0);
            for who in [call.caller.consumer.as_ref(), call.caller.client.as_ref(), call.caller.department.as_ref(), delegate] {
                part(who.map_or("", |who| who).as_bytes());
            }
        }
        // One that is told through which address it is reached may write that into its answers.
        if let Some(forwarded) = &call.forwarded {
            part(&[u8::from(forwarded.is_secure)]);
            part(forwarded.host.as_deref().unwrap_or_default().as_bytes());
        }
        for (claim, value) in asking.calling.iter().flat_map(|calling| &calling.told) {
            part(claim.as_bytes());
            part(value.as_bytes());
        }
        match &call.body {
            exchange::Body::Json(json) => part(&json::canonical(json, ignore)),
            other => part(&other.bytes().unwrap_or_default()),
        }
        let mut forwarded: Vec<(&str, &[u8])> = match definition.adapter.forwarded_headers() {
            ForwardedHeaders::All => call.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            ForwardedHeaders::Only(names) => {
                names.iter().flat_map(|name| call.headers.get_all(name).iter().map(|value| (name.as_str(), value.as_bytes()))).collect()
            }
        };
        forwarded.retain(|(name, _)| !BESIDE_THE_QUESTION.contains(name));
        forwarded.sort_unstable();
        for (name, value) in forwarded {
            part(name.as_bytes());
            part(value);
        }
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        Self(key)
    }
}

/// A query with its pairs in the order of their names: in which order parameters are written means nothing, in which order the
/// values of one are does. What is no list of pairs stays as it is, and so does one with a name that could be written otherwise: it
/// might be the name of another pair.
fn in_order(query: &str) -> Cow<'_, str> {
    if !query.contains('&') {
        return Cow::Borrowed(query);
    }
    let mut pairs: Vec<&str> = query.split('&').collect();
    let is_plain = |pair: &&str| pair.contains('=') && !name(pair).contains(['%', '+']);
    if !pairs.iter().all(is_plain) || pairs.is_sorted_by_key(|pair| name(pair)) {
        return Cow::Borrowed(query);
    }
    pairs.sort_by(|one, other| name(one).cmp(name(other)));
    Cow::Owned(pairs.join("&"))
}

fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

/// Headers that no upstream gets as the caller sent them.
const BESIDE_THE_QUESTION: [&str; 3] = ["content-length", "traceparent", "host"];

/// Whether an upstream allows its answer to be kept (RFC 9111 §5.2.2): `no-store` and `private` forbid it, `Vary: *` too. A
/// cookie is somebody's own, so an answer that sets one is nobody else's either.
pub fn may_keep(headers: &HeaderMap) -> bool {
    let lists = |name: http::HeaderName, words: &[&str]| {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|directive| {
            let word = directive.split('=').next().unwrap_or_default().trim();
            words.iter().any(|known| known.eq_ignore_ascii_case(word))
        })
    };
    // A cookie is one caller's.
    !headers.contains_key(http::header::SET_COOKIE)
        && !lists(http::header::CACHE_CONTROL, &["no-store", "private", "no-cache"])
        && !lists(http::header::VARY, &["*"])
}

#[cfg(test)]
mod tests {
    use super::in_order;

    #[test]
    fn one_question_however_its_parameters_are_ordered() {
        for (query, expected) in [
            ("", ""),
            ("a=1", "a=1"),
            ("b=2&a=1", "a=1&b=2"),
            ("a=2&a=1", "a=2&a=1"),
            ("c=1&a=2&b=&a=1", "a=2&a=1&b=&c=1"),
            ("ab=1&a=2", "a=2&ab=1"),
            ("b&a", "b&a"),
            ("b=1&a", "b=1&a"),
            ("b=2&%61=1&a=3", "b=2&%61=1&a=3"),
            ("b=%20&a=+", "a=+&b=%20"),
            ("b+c=2&a=1", "b+c=2&a=1"),
        ] {
            assert_eq!(in_order(query), expected, "{query}");
        }
    }
}
