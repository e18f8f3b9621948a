//! Vouchers for whom our departments call: asked for at PDND's token server, kept, renewed ahead of their end.
//!
//! When somebody should ask is `trust`'s to say; this is the edge that asks. An exchange takes the current voucher with one atomic
//! load. The asking is the control thread's, so that a caller who goes away takes nobody else's voucher with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use exchange::Caller;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::runtime::Handle;
use tokio::sync::watch;
use trust::{
    AssertionRequest, AuditDigest, Held, SHORTEST_LIFE, TokenFault, TokenForm, TokenServerHealth, Uuid, VoucherHolder, VoucherLook,
    client_assertion, own_voucher,
};

use crate::body::StreamError;
use crate::budget::ByteBudget;
use crate::clock;
use crate::config::{ClientRules, IssuerConfig, TokenServer};
use crate::metrics::TokenMetrics;
use crate::upstream::{Arriving, Outgoing, OutgoingBody, PoolPlace, Pools, Upstream};

/// How long an assertion lives: PDND gives no tolerance, so long enough for clocks that differ a little.
const ASSERTION_LIFETIME: Duration = Duration::from_mins(2);
/// How long an exchange waits for a voucher.
const WAIT: Duration = Duration::from_secs(10);
/// The most bytes of a token server's answer.
const MOST_BYTES: u64 = 64 << 10;
/// The longest wait after a 429 that is waited out rather than reported.
const SHORT_WAIT: Duration = Duration::from_secs(2);

/// A token server with what is known of it.
pub struct TokenSource {
    /// The environment's configured name.
    pub environment: Arc<str>,
    rules: Arc<TokenServer>,
    upstream: Upstream,
    pools: Pools,
    health: Mutex<TokenServerHealth>,
    metrics: TokenMetrics,
    control: Handle,
}

impl TokenSource {
    /// The token server of an environment, if it has one.
    pub fn new(issuer: &IssuerConfig, metrics: TokenMetrics, control: Handle) -> Option<Self> {
        let rules = issuer.token.clone()?;
        let upstream = Upstream { rules: rules.upstream.clone(), state: Arc::default(), pool: PoolPlace::default() };
        let (environment, health, pools) = (issuer.name.clone(), Mutex::default(), Pools::default());
        Some(Self { environment, rules, upstream, pools, health, metrics, control })
    }

    /// Whether it is configured like this.
    pub fn is_of(&self, issuer: &IssuerConfig) -> bool {
        issuer.name == self.environment && issuer.token.as_ref() == Some(&self.rules)
    }
}

/// A voucher as it is shown.
#[derive(Debug)]
pub struct Shown {
    /// The `Authorization` header.
    pub header: HeaderValue,
    /// What it says, for the record.
    pub claims: Arc<Caller>,
}

/// Which voucher.
pub struct VoucherRules {
    /// The client that asks for it.
    pub client: Arc<ClientRules>,
    /// What it is for.
    pub purpose: Uuid,
    /// The tenant's id on PDND: by it quotas are consumed, and recalled from the records, whatever the platform writes.
    pub consumer: Uuid,
}

/// The voucher of one client for one purpose.
pub struct VoucherSource {
    server: Arc<TokenSource>,
    rules: VoucherRules,
    current: ArcSwapOption<Held<Shown>>,
    holder: Mutex<VoucherHolder<Shown>>,
    /// Counts answers; whoever waits for one watches it.
    answered: watch::Sender<u64>,
}

/// Why there is no voucher to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct NoVoucher {
    /// What PDND did.
    pub fault: TokenFault,
    /// Seconds until another try is worth while.
    pub retry_after: u32,
}

impl VoucherSource {
    /// A source that has none yet.
    pub fn new(server: Arc<TokenSource>, rules: VoucherRules) -> Self {
        Self { server, rules, current: ArcSwapOption::empty(), holder: Mutex::default(), answered: watch::Sender::new(0) }
    }

    /// The voucher at hand, unless it should be renewed.
    pub fn at_hand(&self) -> Option<Arc<Held<Shown>>> {
        let now = clock::monotonic();
        self.current.load_full().filter(|held| held.is_good(now) && !held.is_due(now))
    }

    /// The voucher, asked for if it must be.
    pub async fn get(self: &Arc<Self>) -> Result<Arc<Held<Shown>>, NoVoucher> {
        let began = Instant::now();
        loop {
            let mut answered = self.answered.subscribe();
            let look = self.holder.lock().look(&mut self.server.health.lock(), clock::monotonic());
            match look {
                VoucherLook::Good(held) => return Ok(held),
                VoucherLook::Renew(held) => {
                    self.ask();
                    return Ok(held);
                }
                VoucherLook::Probe { retry_after } => {
                    self.ask();
                    return Err(NoVoucher { fault: TokenFault::Unreachable, retry_after });
                }
                VoucherLook::Unavailable { fault, retry_after } => return Err(NoVoucher { fault, retry_after }),
                VoucherLook::Ask => self.ask(),
                VoucherLook::Wait => {}
            }
            let left = WAIT.saturating_sub(began.elapsed());
            if tokio::time::timeout(left, answered.changed()).await.is_err() {
                return Err(NoVoucher { fault: TokenFault::Unreachable, retry_after: 1 });
            }
        }
    }

    /// A voucher that serves one exchange only: bound to its tracking evidence (AUDIT_REST_02).
    pub async fn bound(self: &Arc<Self>, digest: AuditDigest) -> Result<Shown, NoVoucher> {
        let asked_at = clock::monotonic();
        let may = self.holder.lock().may_ask(&mut self.server.health.lock(), asked_at);
        if let Some(retry_after) = may.map_err(|(fault, retry_after)| NoVoucher { fault, retry_after })? {
            // A voucher that nobody waits for tells whether PDND is back.
            self.ask();
            return Err(NoVoucher { fault: TokenFault::Unreachable, retry_after });
        }
        let this = self.clone();
        let asking = self.server.control.spawn(async move {
            let tell = |fault| {
                let (mut holder, mut health) = (this.holder.lock(), this.server.health.lock());
                holder.refused(fault, Some(asked_at), &mut health, clock::monotonic(), random_byte());
            };
            // The others are told of a full bucket before this one waits for it.
            let result = this.obtain(Some(digest), tell).await;
            match &result {
                Ok(_) => this.holder.lock().answered(&mut this.server.health.lock()),
                Err(fault) => tell(*fault),
            }
            result
        });
        let lost = NoVoucher { fault: TokenFault::Unreachable, retry_after: 1 };
        let result = tokio::time::timeout(WAIT, asking).await.map_err(|_| lost)?.map_err(|_| lost)?;
        result.map(|(shown, _)| shown).map_err(|fault| NoVoucher { fault, retry_after: fault.retry_after() })
    }

    /// Whose key signs.
    pub fn client(&self) -> &Arc<ClientRules> {
        &self.rules.client
    }

    /// What it is for.
    pub fn purpose(&self) -> Uuid {
        self.rules.purpose
    }

    /// The provider did not take the voucher that says this: the next is asked for as soon as somebody needs it.
    pub fn refused(&self, claims: &Caller) {
        let is_current = self.current.load().as_ref().is_some_and(|held| held.voucher.claims.jti == claims.jti);
        if is_current && self.holder.lock().doubt(clock::monotonic()) {
            self.current.store(None);
        }
    }

    fn ask(self: &Arc<Self>) {
        let this = self.clone();
        self.server.control.spawn(async move {
            let result = this.obtain(None, |_| {}).await;
            let now = clock::monotonic();
            {
                let (mut holder, mut health) = (this.holder.lock(), this.server.health.lock());
                match result {
                    Ok((shown, lifetime)) => {
                        let held = Arc::new(Held::new(shown, lifetime, now));
                        this.current.store(Some(held.clone()));
                        holder.obtained(held, &mut health);
                    }
                    Err(fault) => holder.failed(fault, &mut health, now, random_byte()),
                }
            }
            this.answered.send_modify(|count| *count += 1);
        });
    }

    /// Asks, and once more after a wait that PDND asks for if it is short: that is cheaper than a refusal. `limited` is told of it.
    async fn obtain(&self, digest: Option<AuditDigest>, limited: impl Fn(TokenFault)) -> Result<(Shown, Duration), TokenFault> {
        let counted = async |digest| {
            let result = self.request(digest).await;
            self.server.metrics.count(&result);
            result
        };
        match counted(digest.clone()).await {
            Err(fault @ TokenFault::Limited { wait }) if wait <= SHORT_WAIT => {
                limited(fault);
                tokio::time::sleep(wait + Duration::from_millis(u64::from(random_byte()))).await;
                counted(digest).await
            }
            result => result,
        }
    }

    async fn request(&self, digest: Option<AuditDigest>) -> Result<(Shown, Duration), TokenFault> {
        let (server, VoucherRules { client, purpose, .. }) = (&self.server, &self.rules);
        let note = |cause: &str| tracing::warn!(environment = %server.environment, client = %client.id, %purpose, cause, "no voucher");
        let form = self.form(digest).await.inspect_err(|_| note("the assertion could not be signed"))?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        // Asking twice gives two vouchers, which does no harm.
        let outgoing =
            Outgoing { method: Method::POST, path_and_query: String::new(), headers, body: OutgoingBody::Held(form), repeatable: true };
        let (answer, _) = server.upstream.send(&server.pools, Instant::now(), outgoing).await;
        let Arriving { head, body, .. } = answer.map_err(|error| {
            note(&error.to_string());
            TokenFault::Unreachable
        })?;
        let collected = body.collect(&ByteBudget::new(MOST_BYTES)).await;
        let (bytes, _lease) = collected.map_err(|error| {
            note(&if error == StreamError::NoRoom { format!("an answer of more than {MOST_BYTES} bytes") } else { error.to_string() });
            TokenFault::Unreachable
        })?;
        read(&head, &bytes, &self.rules).map_err(|(fault, cause)| {
            if fault == TokenFault::Refused {
                // Nobody but an operator can mend this: PDND's portal tells why, for this correlation id.
                tracing::error!(
                    environment = %server.environment, client = %client.id, %purpose, kid = %client.fingerprint(), cause,
                    "PDND refuses a voucher: client, key, agreement or purpose are not in order there",
                );
            } else {
                note(&cause);
            }
            fault
        })
    }

    /// The body of a token request. Signing takes the better part of a millisecond, on the pool.
    async fn form(&self, digest: Option<AuditDigest>) -> Result<Bytes, TokenFault> {
        let (server, client, purpose) = (self.server.rules.clone(), self.rules.client.clone(), self.rules.purpose);
        let signed = tokio::task::spawn_blocking(move || {
            let request = AssertionRequest {
                client: client.id,
                audience: &server.audience,
                purpose: Some(purpose),
                digest: digest.as_ref(),
                jti: Uuid::new_v4(),
                issued_at: clock::now(),
                lifetime: ASSERTION_LIFETIME,
            };
            client_assertion(&client.key, &request).map(|assertion| {
                TokenForm {
                    client_id: &client.id.to_string(),
                    client_assertion: &assertion,
                    client_assertion_type: TokenForm::ASSERTION_TYPE,
                    grant_type: TokenForm::GRANT_TYPE,
                }
                .encode()
            })
        });
        signed.await.ok().and_then(Result::ok).map(Bytes::from).ok_or(TokenFault::Unreachable)
    }
}

fn random_byte() -> u8 {
    Uuid::new_v4().as_bytes()[0]
}

/// A token answer (RFC 6749 §5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    token_type: String,
    expires_in: u64,
}

/// Members that PDND's refusals have; others' have others.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    #[serde(rename = "correlationId")]
    correlation: String,
    error: String,
    errors: Vec<RefusedError>,
}

#[derive(Deserialize)]
struct RefusedError {
    code: String,
}

fn read(head: &http::response::Parts, body: &[u8], rules: &VoucherRules) -> Result<(Shown, Duration), (TokenFault, String)> {
    let status = head.status;
    if status == StatusCode::OK {
        let granted: Granted =
            serde_json::from_slice(body).map_err(|_| (TokenFault::Unusable, "the answer is no token answer".to_owned()))?;
        let unusable = |cause: &str| Err((TokenFault::Unusable, cause.to_owned()));
        if !granted.token_type.eq_ignore_ascii_case("bearer") {
            return unusable("the voucher is no bearer voucher");
        }
        let mut claims =
            own_voucher(&granted.access_token).map_err(|error| (TokenFault::Unusable, format!("the voucher is none: {error}")))?;
        let header = HeaderValue::try_from(format!("Bearer {}", granted.access_token));
        let mut header = header.map_err(|_| (TokenFault::Unusable, "the voucher is no header value".to_owned()))?;
        header.set_sensitive(true);
        // In whose name others are called is never left to what came back.
        let is = |claimed: &Option<Arc<str>>, ours: Uuid| claimed.as_deref().and_then(trust::uuid) == Some(ours);
        if !is(&claims.client, rules.client.id) || !is(&claims.purpose, rules.purpose) {
            return unusable("the voucher is another client's, or for another purpose");
        }
        let written = claims.expires_at.zip(claims.issued_at).and_then(|(end, begin)| u64::try_from(end.checked_sub(begin)?).ok());
        claims.consumer = Some(rules.consumer.to_string().into());
        let lifetime = Duration::from_secs(granted.expires_in.min(written.unwrap_or(0)).min(86_400));
        if lifetime < SHORTEST_LIFE {
            return unusable("the voucher ends as soon as it begins");
        }
        return Ok((Shown { header, claims: Arc::new(claims) }, lifetime));
    }
    let said = || {
        let refused: Refused = serde_json::from_slice(body).unwrap_or_default();
        // Codes and ids that PDND made, and nothing else of what it says.
        let codes: Vec<&str> = refused.errors.iter().map(|error| error.code.as_str()).chain([refused.error.as_str()]).collect();
        let is_word = |text: &&str| (1..=40).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_".contains(&c));
        let words = |texts: &[&str]| texts.iter().copied().filter(is_word).collect::<Vec<_>>().join(" ");
        format!("it answered {}, code {}, correlation id {}", status.as_u16(), words(&codes), words(&[&refused.correlation]))
    };
    let fault = match status.as_u16() {
        429 => TokenFault::Limited { wait: wait(&head.headers) },
        408 => TokenFault::Unreachable,
        400..500 => TokenFault::Refused,
        _ => TokenFault::Unreachable,
    };
    Err((fault, said()))
}

/// How long a 429 asks to wait: `Retry-After` in seconds, else PDND's own interval in milliseconds, else a second; a minute at most.
fn wait(headers: &HeaderMap) -> Duration {
    const INTERVAL: HeaderName = HeaderName::from_static("x-rate-limit-interval");
    let number =
        |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).and_then(|text| text.trim().parse::<u64>().ok());
    let told = number(RETRY_AFTER).map(Duration::from_secs).or_else(|| number(INTERVAL).map(Duration::from_millis));
    told.unwrap_or(Duration::from_secs(1)).clamp(Duration::from_millis(100), Duration::from_mins(1))
}

/// The header that shows a voucher.
pub const SHOWN_IN: HeaderName = AUTHORIZATION;

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use serde_json::json;

    use super::*;

    const JTI: &str = "c0290103-855d-4f55-99ec-8712e8e3574f";

    fn read(status: u16, headers: &[(&'static str, &str)], body: &str) -> Result<(String, u64), (TokenFault, String)> {
        let mut response = http::Response::new(());
        *response.status_mut() = StatusCode::from_u16(status).expect("a status");
        for (name, value) in headers {
            response.headers_mut().insert(*name, HeaderValue::from_str(value).expect("a value"));
        }
        let id = |text| trust::uuid(text).expect("a UUID");
        let rules = VoucherRules {
            client: Arc::new(ClientRules {
                name: "pdnd".into(),
                id: id("9a1e40b4-5815-4a99-99e2-d15364c7a500"),
                key: trust::SigningKey::generate().expect("a key"),
                environment: 0,
                environment_name: "prova".into(),
            }),
            purpose: id("9ed89edd-d684-4325-b600-e6129ec04ece"),
            consumer: id("f5ec52ed-0108-4475-92e1-bc7656670b14"),
        };
        let read = super::read(&response.into_parts().0, body.as_bytes(), &rules);
        read.map(|(shown, lifetime)| {
            assert!(shown.header.is_sensitive() && shown.header.to_str().expect("text").starts_with("Bearer ey"));
            (shown.claims.jti.as_deref().unwrap_or_default().to_owned(), lifetime.as_secs())
        })
    }

    #[test]
    fn reads_what_token_servers_say() {
        let opaque =
            r#"{"type":"about:blank","status":400,"correlationId":"6d1c-2","errors":[{"code":"015-0008","detail":"Mario Rossi"}]}"#;
        let encode = |json: &serde_json::Value| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json.to_string());
        let written = |client: &str, life: u64| {
            let claims = json!({
                "jti": JTI, "client_id": client, "purposeId": "9ed89edd-d684-4325-b600-e6129ec04ece", "iat": 1_795_282_000, "exp": 1_795_282_000 + life,
            });
            format!("{}.{}.c2ln", encode(&json!({ "alg": "RS256", "kid": "k", "typ": "at+jwt" })), encode(&claims))
        };
        let token = &written("9a1e40b4-5815-4a99-99e2-d15364c7a500", 600);
        let granted =
            |kind: &str, token: &str, life: u64| json!({ "access_token": token, "token_type": kind, "expires_in": life }).to_string();
        let limited = |wait| TokenFault::Limited { wait: Duration::from_millis(wait) };
        for (status, headers, body, expected) in [
            (200, &[][..], granted("Bearer", token, 600).as_str(), Ok((JTI, 600))),
            (200, &[], &granted("bearer", token, 9_999_999), Ok((JTI, 600))),
            (200, &[], &granted("Bearer", token, 300), Ok((JTI, 300))),
            // In whose name it is, and how long it lives, is looked at.
            (200, &[], &granted("Bearer", &written("00000000-5815-4a99-99e2-d15364c7a500", 600), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", token, 9), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &written("9a1e40b4-5815-4a99-99e2-d15364c7a500", 0), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &format!("{token}\u{e9}"), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", &format!("{token} x"), 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("DPoP", token, 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", "a b", 600), Err(TokenFault::Unusable)),
            (200, &[], &granted("Bearer", "", 600), Err(TokenFault::Unusable)),
            (200, &[], "<html>", Err(TokenFault::Unusable)),
            (400, &[], opaque, Err(TokenFault::Refused)),
            (401, &[], r#"{"error":"invalid_client","error_description":"x"}"#, Err(TokenFault::Refused)),
            (408, &[], "", Err(TokenFault::Unreachable)),
            (429, &[("x-rate-limit-interval", "1000")], "", Err(limited(1000))),
            (429, &[("x-rate-limit-interval", "1000"), ("retry-after", "7")], "", Err(limited(7000))),
            (429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], "", Err(limited(1000))),
            (429, &[("retry-after", "86400")], "", Err(limited(60_000))),
            (302, &[("location", "http://x")], "", Err(TokenFault::Unreachable)),
            (503, &[], "", Err(TokenFault::Unreachable)),
        ] {
            let found = read(status, headers, body);
            let fault = found.as_ref().map(|(header, seconds)| (header.as_str(), *seconds)).map_err(|(fault, _)| *fault);
            assert_eq!(fault, expected, "{status} {headers:?} {body}");
        }
        let (_, cause) = read(400, &[], opaque).expect_err("refused");
        assert_eq!(cause, "it answered 400, code 015-0008, correlation id 6d1c-2");
    }
}
