//! The issuers' keys and the memory of verified vouchers.
//!
//! The rules are `trust`'s; this is the edge that fetches. An exchange takes the current keys with one atomic load. Only one
//! that names an unknown key waits, and one fetch serves all that wait.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use aws_lc_rs::digest;
use bytes::Bytes;
use exchange::Timestamp;
use http::{HeaderMap, Method};
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use trust::{DatedKeys, IssuerRules, Jwks, KeyLook, KeyRing, Presented, TrustError, Voucher};

use crate::budget::ByteBudget;
use crate::clock;
use crate::config::{IssuerConfig, KeySource};
use crate::upstream::{Outgoing, OutgoingBody, Pools, Upstream};

/// An issuer with its keys.
pub struct Issuer {
    /// Its configured name.
    pub name: Arc<str>,
    /// What its vouchers look like.
    pub rules: IssuerRules,
    config: IssuerConfig,
    current: ArcSwapOption<DatedKeys>,
    ring: Mutex<KeyRing>,
    retry: Duration,
    /// Counts fetches that ended; whoever waits for one watches it.
    fetched: watch::Sender<u64>,
    /// Asks the control thread for a fetch.
    wanted: tokio::sync::Notify,
    retired: CancellationToken,
}

impl Issuer {
    /// An issuer. Keys from a file are there at once; those of a URL when the control thread has fetched them.
    pub fn new(config: &IssuerConfig) -> Self {
        let issuer = Self {
            name: config.name.clone(),
            rules: config.rules.clone(),
            config: config.clone(),
            current: ArcSwapOption::empty(),
            ring: Mutex::new(KeyRing::new(config.refresh)),
            retry: config.refresh.retry_after,
            fetched: watch::Sender::new(0),
            wanted: tokio::sync::Notify::new(),
            retired: CancellationToken::new(),
        };
        issuer.read_file();
        issuer.preload();
        issuer
    }

    /// One that stands in for this one, with its keys if they are of the same issuer and place: those may be used on while the first
    /// fetch is under way, or fails.
    #[must_use]
    pub fn succeeded_by(&self, config: &IssuerConfig) -> Self {
        let mut next = Self::new(config);
        let same_place = match (&self.config.keys, &config.keys) {
            (KeySource::Url(old), KeySource::Url(new)) => old.url == new.url,
            _ => false,
        };
        if let Some(keys) = self.keys().filter(|_| same_place && self.config.rules == config.rules) {
            next.ring = Mutex::new(self.ring.lock().succeeded_by(config.refresh));
            next.current = ArcSwapOption::new(Some(keys));
        }
        next
    }

    /// Whether this is what it is configured as.
    pub fn is_of(&self, config: &IssuerConfig) -> bool {
        self.config == *config
    }

    /// Reads its keys again, if they are in a file: nothing else would say that the file has changed.
    pub fn read_file(&self) {
        if let KeySource::File(file) = &self.config.keys {
            let read = std::fs::read(&file.path).map_err(|error| error.kind().to_string());
            self.arrived(read, clock::now());
        }
    }

    /// Begins with the keys of a file, as if they had been fetched now; a fetch is due nevertheless.
    fn preload(&self) {
        let Some(file) = &self.config.preload else { return };
        let read = std::fs::read(&file.path).map_err(|error| error.kind().to_string());
        match read.and_then(|bytes| Jwks::parse(&bytes).map_err(|fault| fault.to_string())) {
            Ok(keys) => {
                let ring = KeyRing::preloaded(self.config.refresh, keys, clock::now());
                self.current.store(ring.keys().cloned());
                *self.ring.lock() = ring;
            }
            Err(error) => tracing::warn!(issuer = %self.name, %error, "the keys to begin with could not be read"),
        }
    }

    /// It is no longer configured: its keys are not kept fresh any more.
    pub fn retire(&self) {
        self.retired.cancel();
    }

    /// The current keys, if they may be used.
    pub fn keys(&self) -> Option<Arc<DatedKeys>> {
        self.current.load_full()
    }

    /// Seconds since the keys were fetched, if they are older than they should be: then the issuer cannot be reached.
    pub fn keys_overdue(&self, now: Timestamp) -> Option<u64> {
        self.current.load().as_ref()?.overdue(now)
    }

    /// Verifies a voucher's signature: at once where the key is known, after a fetch where it may have been added.
    pub async fn verify(&self, token: &Presented<'_>, now: Timestamp) -> Result<Voucher, TrustError> {
        self.with_keys(now, |keys| token.verify(&self.rules, keys)).await
    }

    /// Tries something with the keys, and again with newer ones where it misses one.
    pub async fn with_keys<T>(&self, now: Timestamp, check: impl Fn(&Jwks) -> Result<T, TrustError>) -> Result<T, TrustError> {
        let mut missing = Box::default();
        // Without any keys, with the first ones, and with those fetched again because the voucher's key was not among them.
        for _ in 0..3 {
            let mut fetched = self.fetched.subscribe();
            missing = match self.keys().as_ref().and_then(|dated| dated.at(now)) {
                Some(keys) => match check(keys) {
                    Err(TrustError::UnknownKey { kid }) => kid,
                    result => return result,
                },
                None => Box::default(),
            };
            let looked = self.ring.lock().look(&missing, clock::now());
            match looked {
                KeyLook::Known(dated) => {
                    let keys = dated.at(now).ok_or(TrustError::KeysUnavailable { retry_after: 30 })?;
                    return check(keys);
                }
                KeyLook::Unknown => break,
                KeyLook::Unavailable { retry_after } => return Err(TrustError::KeysUnavailable { retry_after }),
                // Nobody fetches for an environment that is no longer configured like this.
                KeyLook::RefreshThenRetry if self.retired.is_cancelled() => break,
                KeyLook::RefreshThenRetry => {
                    self.wanted.notify_one();
                    let _ = tokio::time::timeout(FETCH_TIME, fetched.changed()).await;
                }
            }
        }
        if missing.is_empty() { Err(TrustError::KeysUnavailable { retry_after: 1 }) } else { Err(TrustError::UnknownKey { kid: missing }) }
    }

    /// Whether keys are there: for readiness.
    pub fn is_ready(&self, now: Timestamp) -> bool {
        self.keys().is_some_and(|dated| dated.at(now).is_some())
    }

    fn arrived(&self, read: Result<Vec<u8>, String>, now: Timestamp) {
        let parsed = read.and_then(|bytes| Jwks::parse(&bytes).map_err(|fault| fault.to_string()));
        let mut ring = self.ring.lock();
        match parsed {
            Ok(keys) => {
                let dated = ring.loaded(keys, now);
                self.current.store(Some(dated));
            }
            Err(error) => {
                tracing::warn!(issuer = %self.name, %error, "the issuer's keys could not be read");
                ring.failed(now);
            }
        }
        drop(ring);
        self.fetched.send_modify(|count| *count += 1);
    }

    /// Fetches whenever it is due or asked for, until it is retired: a task of the control thread.
    pub async fn keep_fresh(self: Arc<Self>) {
        let upstream = match &self.config.keys {
            KeySource::Url(rules) => Some(Upstream::own(rules)),
            KeySource::File(_) => None,
        };
        let pools = Pools::default();
        loop {
            // Whoever waits for a fetch wakes this loop, those too whom the last one has served already: the ring knows.
            let wanted = self.ring.lock().wants(clock::now());
            if wanted {
                self.fetch(upstream.as_ref(), &pools).await;
            }
            tokio::select! {
                () = self.wanted.notified() => {}
                () = self.retired.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY.min(self.retry)) => {}
            }
        }
    }

    async fn fetch(&self, upstream: Option<&Upstream>, pools: &Pools) {
        self.ring.lock().started(clock::now());
        let read = match (&self.config.keys, upstream) {
            (KeySource::File(file), _) => std::fs::read(&file.path).map_err(|error| error.kind().to_string()),
            (KeySource::Url(_), Some(upstream)) => get(upstream, pools).await,
            (KeySource::Url(_), None) => Err("no upstream".into()),
        };
        self.arrived(read, clock::now());
    }
}

/// The most bytes of a key set.
const MOST_KEY_BYTES: u64 = 1 << 20;

/// How often it is looked whether a fetch is due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long an exchange waits for a fetch.
const FETCH_TIME: Duration = Duration::from_secs(10);

async fn get(upstream: &Upstream, pools: &Pools) -> Result<Vec<u8>, String> {
    let outgoing = Outgoing {
        method: Method::GET,
        path_and_query: String::new(),
        headers: HeaderMap::new(),
        body: OutgoingBody::Held(Bytes::new()),
        repeatable: true,
        renewal: None,
    };
    let answer = upstream.send(pools, Instant::now(), outgoing).await;
    let answer = answer.map_err(|error| error.to_string())?;
    if answer.head.status != http::StatusCode::OK {
        return Err(format!("it answered {}", answer.head.status.as_u16()));
    }
    let budget = ByteBudget::new(MOST_KEY_BYTES);
    answer.body.collect(&budget).await.map(|(bytes, _)| bytes.to_vec()).map_err(|error| error.to_string())
}

/// Verified vouchers, found again by what they are: never the verdict, which is taken anew at every exchange.
#[derive(Debug)]
pub struct VoucherMemory(moka::sync::Cache<[u8; 32], Arc<Voucher>, ahash::RandomState>);

impl VoucherMemory {
    /// A memory of so many vouchers.
    pub fn new(most: u64) -> Self {
        Self(
            moka::sync::Cache::builder()
                .max_capacity(most)
                .time_to_live(Duration::from_hours(24))
                .build_with_hasher(ahash::RandomState::new()),
        )
    }

    /// The key of a token: SHA-256, because whoever finds another token with the same key would be believed.
    pub fn key(token: &str) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        key
    }

    /// A voucher remembered, whoever issued it; the caller checks its issuer's keys.
    pub fn recall(&self, key: &[u8; 32]) -> Option<Arc<Voucher>> {
        self.0.get(key)
    }

    /// Forgets all of them.
    pub fn forget(&self) {
        self.0.invalidate_all();
    }

    /// Remembers a voucher.
    pub fn remember(&self, key: [u8; 32], voucher: Arc<Voucher>) {
        self.0.insert(key, voucher);
    }
}
