//! Vouchers for whom our departments call: asked for at PDND's token server, kept, renewed ahead of their end.
//!
//! When somebody should ask is `trust`'s to say; this is the edge that asks. An exchange takes the current voucher with one atomic
//! load. The asking is the control thread's, so that a caller who goes away takes nobody else's voucher with it.

mod answer;

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use exchange::Caller;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::watch;
use trust::{
    AssertionRequest, AuditDigest, Held, TokenFault, TokenForm, TokenServerHealth, Uuid, VoucherHolder, VoucherLook, client_assertion,
};

use crate::body::StreamError;
use crate::budget::ByteBudget;
use crate::clock;
use crate::config::{ClientRules, IssuerConfig, TokenServer};
use crate::metrics::TokenMetrics;
use crate::pool::{Job, Pool};
use crate::upstream::{Arriving, Outgoing, OutgoingBody, Pools, Upstream};

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
    /// Where it is asked, and where what is sent to it is signed.
    control: Handle,
    pool: Pool,
}

impl TokenSource {
    /// The token server of an environment, if it has one.
    pub fn new(issuer: &IssuerConfig, metrics: TokenMetrics, control: Handle, pool: Pool) -> Option<Self> {
        let rules = issuer.token.clone()?;
        let upstream = Upstream::own(&rules.upstream);
        let (environment, health, pools) = (issuer.name.clone(), Mutex::default(), Pools::default());
        Some(Self { environment, rules, upstream, pools, health, metrics, control, pool })
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
        let outgoing = Outgoing {
            method: Method::POST,
            path_and_query: String::new(),
            headers,
            body: OutgoingBody::Held(form),
            repeatable: true,
            renewal: None,
        };
        let answer = server.upstream.send(&server.pools, Instant::now(), outgoing).await;
        let Arriving { head, body, .. } = answer.map_err(|error| {
            note(&error.to_string());
            TokenFault::Unreachable
        })?;
        let collected = body.collect(&ByteBudget::new(MOST_BYTES)).await;
        let (bytes, _lease) = collected.map_err(|error| {
            note(&if error == StreamError::NoRoom { format!("an answer of more than {MOST_BYTES} bytes") } else { error.to_string() });
            TokenFault::Unreachable
        })?;
        answer::read(&head, &bytes, &self.rules).map_err(|(fault, cause)| {
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
        let signed = self.server.pool.run(Job::Token, move || {
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

/// The header that shows a voucher.
pub const SHOWN_IN: HeaderName = AUTHORIZATION;
