use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{Jwk, KeyAlgorithm, PublicKeyUse};
use rustls_pki_types::pem::SectionKind;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::key::{pem_block, pem_kind};
use crate::{Fingerprint, Key, KeyFlaw};

/// A private RSA key, held parsed, that signs RS256: what PDND's clients and keychains sign with.
pub struct SigningKey {
    pair: RsaKeyPair,
    public: Key,
}

/// A token could not be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The header or payload cannot be written as JSON.
    #[error("the token cannot be written as JSON")]
    NotJson,
    /// The library did not sign.
    #[error("the key did not sign")]
    NotSigned,
}

impl SigningKey {
    /// The key of a PKCS#8 (`PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`) PEM block, whose bytes are wiped.
    pub fn from_pem(pem: Zeroizing<Vec<u8>>) -> Result<Self, KeyFlaw> {
        let (kind, der) = pem_block(&pem)?;
        let der = Zeroizing::new(der);
        drop(pem);
        let pair = match kind {
            SectionKind::PrivateKey => RsaKeyPair::from_pkcs8(&der),
            SectionKind::RsaPrivateKey => RsaKeyPair::from_der(&der),
            other => return Err(KeyFlaw::WrongPem { found: pem_kind(other), wanted: "an RSA private key" }),
        };
        Self::of(pair.map_err(|_| KeyFlaw::NotRsa)?)
    }

    /// A new key of 2048 bits, from the system's random source: for the sandbox and for tests.
    pub fn generate() -> Result<Self, KeyFlaw> {
        Self::of(RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| KeyFlaw::NotRsa)?)
    }

    fn of(pair: RsaKeyPair) -> Result<Self, KeyFlaw> {
        let public = Key::from_der(pair.public_key().as_ref())?;
        Ok(Self { pair, public })
    }

    /// The key as a PKCS#8 PEM block, to be written where only its owner reads.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, SignError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| SignError::NotSigned)?;
        let body = Zeroizing::new(STANDARD.encode(der.as_ref()));
        Ok(Zeroizing::new(pem("PRIVATE KEY", &body)))
    }

    /// The public key as the PEM block that is uploaded to PDND.
    pub fn public_pem(&self) -> Result<String, SignError> {
        let der = self.pair.public_key().as_der().map_err(|_| SignError::NotSigned)?;
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = der;
        Ok(pem("PUBLIC KEY", &STANDARD.encode(der.as_ref())))
    }

    /// The public key.
    pub fn public(&self) -> &Key {
        &self.public
    }

    /// The public key's thumbprint, which written out is the `kid` that PDND gives it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.public.fingerprint()
    }

    /// The public JWK under this id: what a key set lists.
    pub fn jwk(&self, kid: &str) -> Jwk {
        let mut jwk = self.public.jwk().clone();
        jwk.common.key_id = Some(kid.into());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_algorithm = Some(KeyAlgorithm::RS256);
        jwk
    }

    /// The compact JWS of this header and payload.
    pub fn sign(&self, header: &impl Serialize, payload: &impl Serialize) -> Result<String, SignError> {
        let header = serde_json::to_vec(header).map_err(|_| SignError::NotJson)?;
        let payload = serde_json::to_vec(payload).map_err(|_| SignError::NotJson)?;
        self.sign_bytes(&header, &payload)
    }

    /// The compact JWS of these bytes, whatever they are. The caller's header must say `RS256`.
    pub fn sign_bytes(&self, header: &[u8], payload: &[u8]) -> Result<String, SignError> {
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // PKCS#1 v1.5 is deterministic; the random source only blinds the computation.
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature);
        signed.map_err(|_| SignError::NotSigned)?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.fingerprint())
    }
}

/// A PEM block of lines of 64 characters (RFC 7468 §2).
fn pem(label: &str, body: &str) -> String {
    let mut text = String::with_capacity(body.len() + body.len() / 64 + 80);
    text.push_str("-----BEGIN ");
    text.push_str(label);
    text.push_str("-----\n");
    let mut rest = body;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(64));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    use serde_json::{Value, json};

    use super::*;
    use crate::sample::KEY;

    fn read(pem: &str) -> Result<Fingerprint, KeyFlaw> {
        SigningKey::from_pem(Zeroizing::new(pem.as_bytes().to_vec())).map(|key| key.fingerprint())
    }

    #[test]
    fn reads_the_keys_that_clients_have() {
        let pkcs8 = KEY.to_pem().expect("a key");
        assert_eq!(read(&pkcs8), Ok(KEY.fingerprint()));
        assert_eq!(read(&format!("Bag Attributes\n  friendlyName: x\n{}", pkcs8.replace('\n', "\r\n"))), Ok(KEY.fingerprint()));

        // What PKCS#8 wraps, after 26 bytes of version, algorithm and lengths, is PKCS#1.
        let der = STANDARD.decode(pkcs8.lines().filter(|line| !line.starts_with('-')).collect::<String>()).expect("base64");
        assert_eq!(read(&pem("RSA PRIVATE KEY", &STANDARD.encode(&der[26..]))), Ok(KEY.fingerprint()));
    }

    #[test]
    fn refuses_what_is_no_private_key_and_says_what_it_is() {
        let wrong = |found| Err(KeyFlaw::WrongPem { found, wanted: "an RSA private key" });
        let block = |label: &str| pem(label, "MAA=");
        let encrypted = KeyFlaw::WrongPem { found: "an encrypted private key", wanted: "a key that is not encrypted" };
        for (text, expected) in [
            (KEY.public_pem().expect("a key"), wrong("a public key")),
            (block("CERTIFICATE"), wrong("a certificate")),
            (block("EC PRIVATE KEY"), wrong("a private key of an elliptic curve")),
            (block("PRIVATE KEY"), Err(KeyFlaw::NotRsa)),
            (block("RSA PRIVATE KEY"), Err(KeyFlaw::NotRsa)),
            (block("ENCRYPTED PRIVATE KEY"), Err(encrypted)),
            (String::new(), Err(KeyFlaw::NotPem)),
            ("-----BEGIN PRIVATE KEY-----\nMAA=\n".into(), Err(KeyFlaw::NotPem)),
        ] {
            assert_eq!(read(&text), expected, "{text}");
        }
    }

    #[test]
    fn takes_public_keys_as_pdnd_does() {
        let public = KEY.public_pem().expect("a key");
        assert_eq!(Key::from_pem(public.as_bytes()).map(|key| key.fingerprint()), Ok(KEY.fingerprint()));
        let private = KEY.to_pem().expect("a key");
        let wrong = KeyFlaw::WrongPem { found: "a private key", wanted: "a public key" };
        assert_eq!(Key::from_pem(private.as_bytes()).map(drop), Err(wrong));
    }

    /// A second implementation of the whole of JWT believes what this one signs.
    #[test]
    fn signs_what_others_verify() {
        let payload = json!({ "aud": "x", "exp": 4_000_000_000_u64, "città": "Forlì" });
        let token = KEY.sign(&json!({ "alg": "RS256" }), &payload).expect("a signature");
        let key = DecodingKey::from_rsa_pem(KEY.public_pem().expect("a key").as_bytes()).expect("a key");
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&["x"]);
        assert_eq!(decode::<Value>(&token, &key, &validation).expect("a good token").claims, payload);
    }

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", *KEY), format!("SigningKey({})", KEY.fingerprint()));
        assert_eq!(KEY.fingerprint().to_string().len(), 43);
        let jwk = json!(KEY.jwk("k"));
        assert_eq!(jwk.as_object().map(serde_json::Map::len), Some(6), "kty, n, e, kid, use, alg: {jwk}");
    }
}
