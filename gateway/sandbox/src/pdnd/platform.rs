use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use exchange::Timestamp;
use parking_lot::RwLock;
use serde_json::{Value, json};
use trust::SigningKey;
use uuid::Uuid;

use super::diagnosis::Diagnoses;
use super::rate::Buckets;
use super::{Environment, Registry, TokenRate};
use crate::keys::Keys;

/// Everything that the platform knows and keeps, shared by its endpoints and its handle.
#[derive(Debug)]
pub(crate) struct Platform {
    pub(crate) environment: Environment,
    pub(crate) registry: RwLock<Registry>,
    pub(crate) diagnoses: Diagnoses,
    pub(crate) buckets: Buckets,
    /// The private keys that were made for clients and keychains, by name.
    pub(crate) keys: Keys,
    /// The platform's own keys; the last one signs and all are published.
    published: RwLock<Vec<PlatformKey>>,
    /// Seconds by which its clock is ahead of the machine's.
    ahead: AtomicI64,
}

/// A key of the platform, whose id is a UUID.
#[derive(Clone, Debug)]
pub(crate) struct PlatformKey {
    pub(crate) kid: String,
    pub(crate) key: Arc<SigningKey>,
}

impl PlatformKey {
    /// The id is taken from the key, so that a key that is kept in a folder keeps its id.
    fn new(key: Arc<SigningKey>) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&key.fingerprint().as_bytes()[..16]);
        Self { kid: uuid::Builder::from_random_bytes(bytes).into_uuid().to_string(), key }
    }
}

impl Platform {
    pub(crate) fn new(environment: Environment, registry: Registry, rate: TokenRate, own: Arc<SigningKey>, keys: Keys) -> Self {
        Self {
            environment,
            registry: RwLock::new(registry),
            diagnoses: Diagnoses::default(),
            buckets: Buckets::new(rate),
            keys,
            published: RwLock::new(vec![PlatformKey::new(own)]),
            ahead: AtomicI64::new(0),
        }
    }

    /// The time by the platform's clock.
    pub(crate) fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let machine = Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX));
        machine.plus_nanos(self.ahead.load(Ordering::Relaxed).saturating_mul(1_000_000_000))
    }

    pub(crate) fn set_ahead(&self, seconds: i64) {
        self.ahead.store(seconds, Ordering::Relaxed);
    }

    /// The key that signs.
    pub(crate) fn signer(&self) -> PlatformKey {
        self.published.read().last().cloned().expect("a platform starts with a key and never gives its last one up")
    }

    /// Signs with a new key from now on, publishing the old ones still or no longer.
    pub(crate) fn rotate(&self, key: SigningKey, keep: bool) {
        let mut published = self.published.write();
        if !keep {
            published.clear();
        }
        published.push(PlatformKey::new(Arc::new(key)));
    }

    pub(crate) fn jwks(&self) -> Value {
        let published = self.published.read();
        json!({ "keys": published.iter().map(|own| json!(own.key.jwk(&own.kid))).collect::<Vec<_>>() })
    }

    pub(crate) fn correlation() -> Uuid {
        Uuid::new_v4()
    }
}
