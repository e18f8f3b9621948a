use std::sync::Arc;

use exchange::Json;
use exchange::json::{Kind, Node};

use crate::numeric_date::NumericDate;
use crate::{TrustError, Uuid, uuid};

/// The digest that binds a voucher to its tracking evidence (AUDIT_REST_02), as the issuer copied it from the assertion.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct AuditDigest {
    /// The hash, `SHA256` on PDND.
    pub alg: Box<str>,
    /// Its value, in hexadecimal on PDND; not compared with anything here.
    pub value: Box<str>,
}

/// An identifier: as it was written, in lower case so that one identifier has one spelling, and as a number.
#[derive(Clone, Debug)]
pub(crate) struct Identifier {
    pub(crate) text: Arc<str>,
    pub(crate) uuid: Uuid,
}

/// The claims of a voucher, each of its type; nothing is said about whether they are the right ones.
#[derive(Debug)]
pub(crate) struct Claims {
    pub(crate) issuer: Option<Box<str>>,
    pub(crate) subject: Option<Box<str>>,
    pub(crate) audiences: Option<Box<[Box<str>]>>,
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
    pub(crate) jti: Option<Identifier>,
    pub(crate) client: Option<Identifier>,
    pub(crate) purpose: Option<Identifier>,
    pub(crate) producer: Option<Identifier>,
    pub(crate) consumer: Option<Identifier>,
    pub(crate) eservice: Option<Identifier>,
    pub(crate) descriptor: Option<Identifier>,
    /// Whether `cnf` is there. What it binds to does not matter while no proof can be verified.
    pub(crate) bound: bool,
    pub(crate) digest: Option<Arc<AuditDigest>>,
}

impl Claims {
    pub(crate) fn read(payload: &Json) -> Result<Self, TrustError> {
        let of = Reader(payload.root());
        Ok(Self {
            issuer: of.text("iss")?.map(Into::into),
            subject: of.text("sub")?.map(Into::into),
            audiences: of.audiences()?,
            expires_at: of.date("exp")?,
            not_before: of.date("nbf")?,
            issued_at: of.date("iat")?,
            jti: of.identifier("jti")?,
            client: of.identifier("client_id")?,
            purpose: of.identifier("purposeId")?,
            producer: of.identifier("producerId")?,
            consumer: of.identifier("consumerId")?,
            eservice: of.identifier("eserviceId")?,
            descriptor: of.identifier("descriptorId")?,
            bound: of.0.get("cnf").is_some(),
            digest: of.digest()?,
        })
    }
}

/// When a token ends, begins, and was issued: `exp`, `nbf`, `iat`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dates {
    pub(crate) expires_at: Option<NumericDate>,
    pub(crate) not_before: Option<NumericDate>,
    pub(crate) issued_at: Option<NumericDate>,
}

impl Dates {
    pub(crate) fn read(payload: &Json) -> Result<Self, TrustError> {
        let of = Reader(payload.root());
        Ok(Self { expires_at: of.date("exp")?, not_before: of.date("nbf")?, issued_at: of.date("iat")? })
    }
}

struct Reader<'a>(Node<'a>);

impl<'a> Reader<'a> {
    /// A claim of this type, if there is one: a claim that is `null` is there, and of the wrong type.
    fn read<T>(&self, claim: &'static str, want: &'static str, read: impl FnOnce(Node<'a>) -> Option<T>) -> Result<Option<T>, TrustError> {
        let Some(value) = self.0.get(claim) else { return Ok(None) };
        read(value).map(Some).ok_or(TrustError::MalformedClaim { claim, want })
    }

    fn text(&self, claim: &'static str) -> Result<Option<&'a str>, TrustError> {
        self.read(claim, "a string", Node::as_str)
    }

    fn date(&self, claim: &'static str) -> Result<Option<NumericDate>, TrustError> {
        self.read(claim, "a number of seconds since 1970", |value| NumericDate::read(value.number()?))
    }

    fn identifier(&self, claim: &'static str) -> Result<Option<Identifier>, TrustError> {
        self.read(claim, "a UUID", |value| {
            let text = value.as_str()?;
            Some(Identifier { uuid: uuid(text)?, text: text.to_ascii_lowercase().into() })
        })
    }

    /// One audience, several in an array, or several joined with commas: PDND does the last.
    fn audiences(&self) -> Result<Option<Box<[Box<str>]>>, TrustError> {
        self.read("aud", "a string or an array of strings", |value| match value.kind() {
            Kind::String => {
                let parts = value.as_str()?.split(',').map(str::trim).filter(|part| !part.is_empty());
                Some(parts.map(Into::into).collect())
            }
            Kind::Array => value.items().map(|item| item.as_str().map(Into::into)).collect(),
            _ => None,
        })
    }

    fn digest(&self) -> Result<Option<Arc<AuditDigest>>, TrustError> {
        self.read("digest", "an object of the texts alg and value", |value| {
            let text = |name| value.get(name).and_then(Node::as_str);
            Some(Arc::new(AuditDigest { alg: text("alg")?.into(), value: text("value")?.into() }))
        })
    }
}
