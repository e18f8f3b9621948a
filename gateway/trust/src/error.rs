use std::fmt;

use exchange::JsonErrorKind;

/// Why a caller was not believed: one named cause for each check, in the order of the checks.
///
/// The messages say what was wrong and what would mend it. They hold names of claims, ids of keys and counts of seconds, and
/// nothing else of the voucher.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustError {
    /// No `Authorization` header.
    #[error("the authorization header is missing: send the voucher as `Authorization: Bearer <voucher>`")]
    Missing,
    /// More than one `Authorization` header: two readers could believe two different ones.
    #[error("the authorization header is given more than once: send exactly one")]
    Duplicate,
    /// An authorization scheme that is neither Bearer nor DPoP.
    #[error("the authorization scheme is not Bearer: send the voucher as `Authorization: Bearer <voucher>`")]
    WrongScheme,
    /// Something that is not what its standard says it looks like.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The header has `crit` (RFC 7515 §4.1.11), and no extension is understood here.
    #[error("the voucher's header has crit, and none of the extensions it may name is understood here")]
    CriticalHeader,
    /// The header's `typ` is not the one of an access token (RFC 9068 §2.1).
    #[error("the voucher's typ is not at+jwt: send the access token that PDND issued, not another token")]
    WrongType,
    /// The header's `alg` is not allowed.
    #[error("the voucher is signed with an algorithm that is not allowed: PDND signs with RS256")]
    AlgorithmNotAllowed,
    /// The issuer publishes no key of this id.
    #[error("the key {kid:?} that the voucher names is not among the issuer's: check that it was issued by the right environment")]
    UnknownKey {
        /// The header's `kid`.
        kid: Box<str>,
    },
    /// The signature is not the key's.
    #[error("the voucher's signature does not match: it was altered, or not signed by the key it names")]
    BadSignature,
    /// A claim has a type or form that it may not have.
    #[error("the voucher's claim {claim} is not {want}")]
    MalformedClaim {
        /// The claim's name.
        claim: &'static str,
        /// What it must be.
        want: &'static str,
    },
    /// A claim that must be there is not.
    #[error("the voucher lacks the claim {claim}")]
    MissingClaim {
        /// The claim's name.
        claim: &'static str,
    },
    /// `iss` is not the issuer that this e-service trusts.
    #[error("the voucher's iss is not the issuer trusted here: check the environment it was asked from")]
    WrongIssuer,
    /// `aud` has none of the e-service's audiences.
    #[error("the voucher's aud is not of this e-service: ask for a voucher for a purpose of this e-service, in its current version")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the voucher expired {ago} seconds ago: ask for a new one")]
    Expired {
        /// Whole seconds since.
        ago: i64,
    },
    /// `nbf` is yet to come.
    #[error("the voucher is valid only in {ahead} seconds: check the clocks")]
    NotYetValid {
        /// Seconds until then, rounded up.
        ahead: i64,
    },
    /// `iat` is yet to come.
    #[error("the voucher is issued {ahead} seconds in the future: check the clocks")]
    IssuedInFuture {
        /// Seconds until then, rounded up.
        ahead: i64,
    },
    /// `iat` is longer ago than this e-service accepts.
    #[error("the voucher was issued {age} seconds ago and at most {longest} are accepted: ask for a new one")]
    TooOld {
        /// Whole seconds since it was issued.
        age: i64,
        /// How many are accepted.
        longest: u64,
    },
    /// `sub` is not `client_id`.
    #[error("the voucher's sub and client_id differ")]
    SubjectMismatch,
    /// `producerId` is not the tenant's.
    #[error("the voucher's producerId is not of this provider: the voucher was issued for another one")]
    WrongProducer,
    /// `eserviceId` is not the e-service's.
    #[error("the voucher's eserviceId is not of this e-service: ask for a voucher for a purpose of this e-service")]
    WrongEService,
    /// `descriptorId` is none of those served.
    #[error("the voucher's descriptorId is not of a version served here: upgrade the agreement to a version that is")]
    WrongDescriptor,
    /// The claims that are there fit several instances of the e-service.
    #[error("the voucher does not tell which provider it is for: it must have producerId, eserviceId and descriptorId")]
    AmbiguousInstance,
    /// `cnf` binds the voucher to a key, and it was presented as a bearer token.
    #[error("the voucher is bound to a key by cnf and was sent as Bearer: ask for one without DPoP")]
    BoundVoucher,
    /// The scheme is DPoP, which this gateway does not verify yet.
    #[error("DPoP is not accepted here: ask for a voucher without a DPoP proof and send it as Bearer")]
    DpopNotAccepted,
    /// The issuer's keys could not be had, so nobody can be believed: not the caller's fault.
    #[error("the issuer's keys are not available: try again in {retry_after} seconds")]
    KeysUnavailable {
        /// Seconds until another attempt is worth while.
        retry_after: u32,
    },
}

/// What was malformed, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{part} {flaw}")]
pub struct Malformed {
    /// What was malformed.
    pub part: Part,
    /// How.
    pub flaw: Flaw,
}

/// What can be malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The `Authorization` header.
    Authorization,
    /// The token as a whole.
    Token,
    /// The first part of the token.
    Header,
    /// The second part.
    Payload,
    /// The third part.
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Authorization => "the authorization header",
            Self::Token => "the token",
            Self::Header => "the token's header",
            Self::Payload => "the token's payload",
            Self::Signature => "the token's signature",
        })
    }
}

/// How it was malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Longer than this many bytes.
    TooLong(usize),
    /// Not the characters of RFC 9110's token68.
    NotToken68,
    /// Not three parts with dots between them (RFC 7515 §3.1).
    NotThreeParts,
    /// Not base64url without padding (RFC 7515 §2).
    NotBase64,
    /// Not JSON that every reader reads alike.
    NotJson(JsonErrorKind),
    /// JSON, and not an object.
    NotAnObject,
    /// A member of the header that is missing or is no text of a sensible length.
    Member(&'static str),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(longest) => write!(f, "is longer than {longest} bytes"),
            Self::NotToken68 => f.write_str("does not hold a token after its scheme"),
            Self::NotThreeParts => f.write_str("is not three parts with dots between them"),
            Self::NotBase64 => f.write_str("is not base64url without padding"),
            Self::NotJson(kind) => write!(f, "is not JSON: {kind}"),
            Self::NotAnObject => f.write_str("is not a JSON object"),
            Self::Member(name) => write!(f, "has no usable {name}"),
        }
    }
}

impl Malformed {
    pub(crate) fn new(part: Part, flaw: Flaw) -> Self {
        Self { part, flaw }
    }
}
