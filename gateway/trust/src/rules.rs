use std::str::FromStr as _;
use std::sync::Arc;

use jsonwebtoken::{Algorithm, AlgorithmFamily};

/// What the vouchers of one issuer look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRules {
    pub(crate) issuer: Arc<str>,
    pub(crate) algorithms: Box<[Algorithm]>,
    pub(crate) longest: usize,
}

/// An algorithm that may not be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm {0:?} cannot be allowed: RS256, RS384, RS512, PS256, PS384 and PS512 can")]
pub struct AlgorithmRefused(pub Box<str>);

impl IssuerRules {
    /// The rules of the issuer that writes this `iss`: RS256, at most 8 KiB.
    pub fn new(issuer: impl Into<Arc<str>>) -> Self {
        Self { issuer: issuer.into(), algorithms: [Algorithm::RS256].into(), longest: 8 * 1024 }
    }

    /// The same rules with these algorithms allowed, by their names in RFC 7518 §3.1. Only signatures of RSA keys can be:
    /// with an HMAC among them, whoever has the public key could sign.
    pub fn allow<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Result<Self, AlgorithmRefused> {
        let algorithms = names.into_iter().map(read_algorithm).collect::<Result<_, _>>()?;
        Ok(Self { algorithms, ..self })
    }

    /// The same rules with another longest voucher, in bytes.
    #[must_use]
    pub fn longest(self, longest: usize) -> Self {
        Self { longest, ..self }
    }

    /// The issuer.
    pub fn issuer(&self) -> &Arc<str> {
        &self.issuer
    }

    /// The longest voucher, in bytes.
    pub fn longest_voucher(&self) -> usize {
        self.longest
    }

    pub(crate) fn algorithm(&self, name: &str) -> Option<Algorithm> {
        Algorithm::from_str(name).ok().filter(|algorithm| self.algorithms.contains(algorithm))
    }
}

fn read_algorithm(name: &str) -> Result<Algorithm, AlgorithmRefused> {
    let algorithm = Algorithm::from_str(name).ok().filter(|algorithm| algorithm.family() == AlgorithmFamily::Rsa);
    algorithm.ok_or_else(|| AlgorithmRefused(name.into()))
}
