use std::fmt;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use jsonwebtoken::{Algorithm, DecodingKey};
use rustls_pki_types::pem::{PemObject as _, SectionKind};

use crate::Fingerprint;
use crate::fingerprint::rsa_jwk;

/// A public RSA key, ready to verify with.
pub struct Key {
    /// Held parsed, because RS256 is what PDND signs with: 19 µs a signature against the 22.5 µs of parsing each time.
    rs256: ParsedPublicKey,
    /// For the other algorithms, which an operator must allow by name.
    others: DecodingKey,
    fingerprint: Fingerprint,
    jwk: Jwk,
}

/// Why something is no key that can be used here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// A member of the JWK is missing or no text.
    #[error("{0} is missing or not a string")]
    Member(&'static str),
    /// A member of the JWK is not base64url without padding.
    #[error("{0} is not base64url without padding")]
    NotBase64(&'static str),
    /// An RSA key that is too short to be trusted, or absurdly long.
    #[error("the RSA key has {bits} bits, and 2048 to 8192 are accepted")]
    Size {
        /// How many it has.
        bits: usize,
    },
    /// A modulus or exponent with which RSA does not work.
    #[error("the RSA modulus or exponent is not one of a key")]
    NotRsa,
    /// No PEM block where one is wanted.
    #[error("no PEM block is there: it begins with -----BEGIN")]
    NotPem,
    /// A PEM block of another kind than the wanted one.
    #[error("the PEM block holds {found}, and {wanted} is wanted")]
    WrongPem {
        /// What it holds.
        found: &'static str,
        /// What should be there.
        wanted: &'static str,
    },
}

impl Key {
    /// The key of this modulus and exponent, big-endian. Leading zeros are dropped (RFC 7518 §6.3.1.1).
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFlaw> {
        let (n, e) = (without_zeros(modulus), without_zeros(exponent));
        let bits = bits(n);
        if !(2048..=8192).contains(&bits) {
            return Err(KeyFlaw::Size { bits });
        }
        // An exponent of 1 would make every message its own signature; beyond 33 bits the library refuses to verify.
        let exponent_works = is_odd(e) && (2..=33).contains(&self::bits(e));
        if !is_odd(n) || !exponent_works {
            return Err(KeyFlaw::NotRsa);
        }
        let components = RsaPublicKeyComponents { n, e };
        let rs256 = components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).map_err(|_| KeyFlaw::NotRsa)?;
        let others = DecodingKey::from_rsa_raw_components(n, e);
        Ok(Self { rs256, others, fingerprint: Fingerprint::rsa(n, e), jwk: rsa_jwk(n, e) })
    }

    /// The key of a JWK's `n` and `e` (RFC 7518 §6.3.1).
    pub fn from_members(n: &str, e: &str) -> Result<Self, KeyFlaw> {
        let decode = |name, text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyFlaw::NotBase64(name));
        Self::rsa(&decode("n", n)?, &decode("e", e)?)
    }

    /// The key of a `PUBLIC KEY` PEM block, the form in which PDND takes a client's key; certificates and private keys are
    /// refused as PDND refuses them.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyFlaw> {
        let (kind, der) = pem_block(pem)?;
        if kind != SectionKind::PublicKey {
            return Err(KeyFlaw::WrongPem { found: pem_kind(kind), wanted: "a public key" });
        }
        Self::from_der(&der)
    }

    /// The key of an `RSAPublicKey` (RFC 8017) or a `SubjectPublicKeyInfo` (RFC 5280).
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, KeyFlaw> {
        let jwk = Jwk::from_decoding_key(&DecodingKey::from_rsa_der(der), None).map_err(|_| KeyFlaw::NotRsa)?;
        match &jwk.algorithm {
            AlgorithmParameters::RSA(members) => Self::from_members(&members.n, &members.e),
            _ => Err(KeyFlaw::NotRsa),
        }
    }

    /// The key's thumbprint.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The public JWK: `kty`, `n`, `e`.
    pub fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    /// Whether this is the key's signature of the message. `algorithm` comes from the configuration's allow-list.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if algorithm == Algorithm::RS256 {
            return self.rs256.verify_sig(message, signature).is_ok();
        }
        let signature = URL_SAFE_NO_PAD.encode(signature);
        jsonwebtoken::crypto::verify(&signature, message, &self.others, algorithm).unwrap_or(false)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.fingerprint)
    }
}

/// The first PEM block and what it holds.
pub(crate) fn pem_block(pem: &[u8]) -> Result<(SectionKind, Vec<u8>), KeyFlaw> {
    // The parser skips blocks it has no name for, which would say that nothing is there.
    if is_encrypted(pem) {
        return Err(KeyFlaw::WrongPem { found: "an encrypted private key", wanted: "a key that is not encrypted" });
    }
    <(SectionKind, Vec<u8>)>::from_pem_slice(pem).map_err(|_| KeyFlaw::NotPem)
}

fn is_encrypted(pem: &[u8]) -> bool {
    const LABEL: &[u8] = b"BEGIN ENCRYPTED PRIVATE KEY";
    pem.windows(LABEL.len()).any(|window| window == LABEL)
}

pub(crate) fn pem_kind(kind: SectionKind) -> &'static str {
    match kind {
        SectionKind::Certificate => "a certificate",
        SectionKind::PublicKey => "a public key",
        SectionKind::RsaPrivateKey | SectionKind::PrivateKey => "a private key",
        SectionKind::EcPrivateKey => "a private key of an elliptic curve",
        _ => "something else",
    }
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
    &bytes[zeros..]
}

/// The length in bits of a number without leading zero bytes.
fn bits(bytes: &[u8]) -> usize {
    bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize)
}

fn is_odd(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(|last| last & 1 == 1)
}
