use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use exchange::json::{Kind, Node};
use exchange::{Json, JsonErrorKind, JsonLimits};

use crate::compact::LONGEST_KID;
use crate::{Fingerprint, Key, KeyFlaw};

/// The keys an issuer publishes (RFC 7517 §5), parsed once and found by `kid`.
#[derive(Debug)]
pub struct Jwks {
    keys: HashMap<Box<str>, Arc<Key>>,
}

/// Why a key set was refused. It is refused whole, so that the last good one stays.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwksFault {
    /// More bytes than a key set has.
    #[error("the key set is longer than {LONGEST} bytes")]
    TooLong,
    /// Not JSON.
    #[error("the key set is not JSON: {0}")]
    NotJson(JsonErrorKind),
    /// JSON without an array `keys`.
    #[error("the key set is not an object with an array `keys`")]
    NoKeys,
    /// More keys than an issuer has.
    #[error("the key set has more than {MOST} keys")]
    TooMany,
    /// No key in it can be used, so taking it would turn every caller away.
    #[error("the key set has no RSA key for signatures")]
    Empty,
    /// A key that is none.
    #[error("key {index} of the set cannot be used: {flaw}")]
    Key {
        /// Counted from 0.
        index: usize,
        /// What is wrong with it.
        flaw: KeyFlaw,
    },
    /// Two keys of one id: which one verifies would be chance.
    #[error("the key set has two keys of the id {kid:?}")]
    DuplicateKid {
        /// The id.
        kid: Box<str>,
    },
}

const LONGEST: usize = 512 * 1024;
const MOST: usize = 512;
const LIMITS: JsonLimits = JsonLimits { depth: 16, number_length: 64, values: 65_536 };

impl Jwks {
    /// Reads a key set. Keys of other kinds than RSA and keys for encryption are passed over, and so is every member but
    /// `kty`, `kid`, `n`, `e` and `use`.
    pub fn parse(text: &[u8]) -> Result<Self, JwksFault> {
        if text.len() > LONGEST {
            return Err(JwksFault::TooLong);
        }
        let json = Json::read(Bytes::copy_from_slice(text), &LIMITS).map_err(|error| JwksFault::NotJson(error.kind))?;
        let list = json.root().get("keys").filter(|list| list.kind() == Kind::Array).ok_or(JwksFault::NoKeys)?;
        if list.len() > MOST {
            return Err(JwksFault::TooMany);
        }
        let mut keys = HashMap::with_capacity(list.len());
        for (index, jwk) in list.items().enumerate() {
            let Some((kid, key)) = read_key(jwk).map_err(|flaw| JwksFault::Key { index, flaw })? else { continue };
            if keys.insert(kid.into(), Arc::new(key)).is_some() {
                return Err(JwksFault::DuplicateKid { kid: kid.into() });
            }
        }
        if keys.is_empty() { Err(JwksFault::Empty) } else { Ok(Self { keys }) }
    }

    /// The set of these keys, each under the id it is given; a later one replaces an earlier one of its id.
    pub fn of(keys: impl IntoIterator<Item = (Box<str>, Arc<Key>)>) -> Self {
        Self { keys: keys.into_iter().collect() }
    }

    /// The key of this id.
    pub fn key(&self, kid: &str) -> Option<&Arc<Key>> {
        self.keys.get(kid)
    }

    /// Whether this id still stands for this very key.
    pub fn holds(&self, kid: &str, fingerprint: &Fingerprint) -> bool {
        self.key(kid).is_some_and(|key| key.fingerprint() == *fingerprint)
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is none, which [`Jwks::parse`] refuses.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The ids and their keys, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Key)> {
        self.keys.iter().map(|(kid, key)| (kid.as_ref(), key.as_ref()))
    }
}

fn read_key(jwk: Node<'_>) -> Result<Option<(&str, Key)>, KeyFlaw> {
    let text = |name| jwk.get(name).and_then(Node::as_str).ok_or(KeyFlaw::Member(name));
    let for_encryption = jwk.get("use").and_then(Node::as_str) == Some("enc");
    if text("kty")? != "RSA" || for_encryption {
        return Ok(None);
    }
    let kid = text("kid")?;
    if kid.is_empty() || kid.len() > LONGEST_KID {
        return Err(KeyFlaw::Member("kid"));
    }
    Ok(Some((kid, Key::from_members(text("n")?, text("e")?)?)))
}
