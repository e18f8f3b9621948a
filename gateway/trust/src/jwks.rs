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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sample::{self, KID};

    fn parse(keys: &Value) -> Result<usize, JwksFault> {
        Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).map(|keys| keys.len())
    }

    fn key(patch: &Value) -> Value {
        sample::with(json!(sample::KEY.jwk(KID)), patch)
    }

    #[test]
    fn takes_rsa_keys_for_signatures_and_passes_over_others() {
        let ec = json!({ "kty": "EC", "crv": "P-256", "kid": "e", "x": "AA", "y": "AA" });
        for (keys, count) in [
            (json!([key(&json!({}))]), 1),
            (json!([key(&json!({"use": null, "alg": null}))]), 1),
            (json!([key(&json!({"x5c": ["!"], "key_ops": 1, "exp": "never"}))]), 1),
            (json!([ec, key(&json!({})), {"kty": "AKP"}, key(&json!({"use": "enc", "kid": "other"}))]), 1),
            (json!([key(&json!({})), key(&json!({"kid": "other"}))]), 2),
        ] {
            assert_eq!(parse(&keys), Ok(count), "{keys}");
        }
    }

    #[test]
    fn refuses_a_set_whole() {
        let flaw = |flaw| Err(JwksFault::Key { index: 0, flaw });
        let n = |bytes: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes);
        let many: Vec<Value> = (0..513).map(|_| json!({"kty": "EC"})).collect();
        for (keys, expected) in [
            (json!([]), Err(JwksFault::Empty)),
            (json!([{"kty": "EC"}]), Err(JwksFault::Empty)),
            (json!({}), Err(JwksFault::NoKeys)),
            (json!(many), Err(JwksFault::TooMany)),
            (json!([1]), flaw(KeyFlaw::Member("kty"))),
            (json!([key(&json!({"kty": null}))]), flaw(KeyFlaw::Member("kty"))),
            (json!([key(&json!({"kid": null}))]), flaw(KeyFlaw::Member("kid"))),
            (json!([key(&json!({"kid": ""}))]), flaw(KeyFlaw::Member("kid"))),
            (json!([key(&json!({"n": null}))]), flaw(KeyFlaw::Member("n"))),
            (json!([key(&json!({"e": 65537}))]), flaw(KeyFlaw::Member("e"))),
            (json!([key(&json!({"n": "a+b/"}))]), flaw(KeyFlaw::NotBase64("n"))),
            (json!([key(&json!({"e": "AQAB="}))]), flaw(KeyFlaw::NotBase64("e"))),
            (json!([key(&json!({"n": ""}))]), flaw(KeyFlaw::Size { bits: 0 })),
            (json!([key(&json!({"n": n(&[0xff; 128])}))]), flaw(KeyFlaw::Size { bits: 1024 })),
            (json!([key(&json!({"n": n(&[0x7f; 256])}))]), flaw(KeyFlaw::Size { bits: 2047 })),
            (json!([key(&json!({"n": n(&[0xff; 1025])}))]), flaw(KeyFlaw::Size { bits: 8200 })),
            (json!([key(&json!({"n": n(&[0xfe; 256])}))]), flaw(KeyFlaw::NotRsa)),
            (json!([key(&json!({"e": "AQ"}))]), flaw(KeyFlaw::NotRsa)),
            (json!([key(&json!({"e": "AA"}))]), flaw(KeyFlaw::NotRsa)),
            (json!([key(&json!({"e": "AQAA"}))]), flaw(KeyFlaw::NotRsa)),
            (json!([key(&json!({})), key(&json!({}))]), Err(JwksFault::DuplicateKid { kid: KID.into() })),
        ] {
            assert_eq!(parse(&keys), expected, "{keys}");
        }
        assert_eq!(Jwks::parse(b"[]").map(drop), Err(JwksFault::NoKeys));
        assert_eq!(Jwks::parse(b"{\"keys\":[],\"keys\":[]}").map(drop), Err(JwksFault::NotJson(JsonErrorKind::DuplicateName)));
        assert_eq!(Jwks::parse(b"<html>").map(drop), Err(JwksFault::NotJson(JsonErrorKind::UnexpectedCharacter)));
        assert_eq!(Jwks::parse(&vec![b' '; LONGEST + 1]).map(drop), Err(JwksFault::TooLong));
    }

    /// RFC 7518 §6.3.1.1 forbids the leading zero that some libraries write; the key is the same.
    #[test]
    fn a_leading_zero_makes_no_other_key() {
        let jwk = json!(sample::KEY.jwk(KID));
        let decode = |name: &str| {
            let text = jwk[name].as_str().expect("a member");
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, text).expect("base64url")
        };
        let modulus = [&[0], &decode("n")[..]].concat();
        assert_eq!(Key::rsa(&modulus, &decode("e")).map(|key| key.fingerprint()), Ok(sample::KEY.fingerprint()));
    }
}
