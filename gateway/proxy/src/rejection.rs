//! The closed sum of everything for which an exchange is refused.

use std::sync::Arc;

use adapter_api::AdapterError;
use trust::TrustError;

use crate::admission::Measure;
use crate::body::{BodyError, StreamError};
use crate::config::{EvidenceSource, LimitRules, PartyLimit};
use crate::upstream::UpstreamError;
use crate::vouchers::NoVoucher;

/// Why an exchange is refused: one variant a stage, each with its own causes. `respond` turns it into an answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Rejection {
    /// The head is beyond a limit, or leads nowhere.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The caller was not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The upstream is to believe the caller, who shows nothing that it could believe.
    #[error(transparent)]
    Credentials(#[from] contract::MissingCredentials),
    /// The department was not believed.
    #[error(transparent)]
    Department(#[from] DepartmentError),
    /// The portal's token was not believed.
    #[error("the portal's token is not accepted: {0}")]
    Portal(TrustError),
    /// The department did not tell what the provider wants to know.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// There is no voucher to show to the provider.
    #[error(transparent)]
    Voucher(#[from] NoVoucher),
    /// A limit was reached.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// The body could not be had.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The bytes of all bodies held together are at their limit.
    #[error("the bodies held now are at the process's limit")]
    BufferedBytes,
    /// What was signed or digested is not what came.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// The answer cannot be had in the form that was asked for.
    #[error(transparent)]
    Representation(#[from] RepresentationError),
    /// The caller speaks SOAP where REST is expected, or the other way round.
    #[error("the e-service does not speak the caller's dialect")]
    Dialect,
    /// The request breaks the contract.
    #[error("{0}")]
    Contract(Arc<contract::ContractError>),
    /// No policy permits it, or one forbids it.
    #[error("denied by policy")]
    Policy {
        /// The policies that decided; empty where none permits.
        reasons: Vec<Arc<str>>,
        /// Whether an evaluation failed.
        error: bool,
    },
    /// The adapter could not map.
    #[error(transparent)]
    Adapter(#[from] AdapterError),
    /// The upstream's answer breaks the contract.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The upstream gave no answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream's answer could not be had whole.
    #[error(transparent)]
    UpstreamBody(#[from] StreamError),
    /// The record could not be made durable.
    #[error("the audit log does not take records now")]
    Audit,
    /// The caller went away before the upstream was called.
    #[error("the caller went away")]
    Abandoned,
    /// A stage panicked: a defect of the gateway.
    #[error("a stage of the gateway failed")]
    Internal,
}

/// Why a request leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// More header fields than the limit.
    #[error("more than {most} header fields")]
    TooManyHeaders {
        /// The limit.
        most: usize,
    },
    /// More bytes of header fields than the limit.
    #[error("header fields of more than {most} bytes")]
    HeadersTooLarge {
        /// The limit.
        most: usize,
    },
    /// A longer target than the limit.
    #[error("a target of more than {most} bytes")]
    TargetTooLong {
        /// The limit.
        most: usize,
    },
    /// No e-service has this path.
    #[error("no e-service at this path")]
    NoService,
    /// The e-service has no such path.
    #[error("no operation at this path")]
    NoOperation,
    /// The e-service has this path with other methods.
    #[error("the method is not among {allow}")]
    MethodNotAllowed {
        /// The methods, as the `Allow` header lists them.
        allow: String,
    },
    /// The connection should have ended: it was let in under other rules, or was told to leave.
    #[error("the connection is to end: ask again on another")]
    Retired,
    /// A transfer coding beside `chunked`.
    #[error("no transfer coding but chunked is undone here")]
    TransferCoding,
    /// More than one host, or over HTTP/1.1 none.
    #[error("a request has one `Host`")]
    Hosts,
    /// The caller wants another protocol.
    #[error("the connection stays with HTTP: no other protocol can be checked and recorded")]
    Upgrade,
    /// The path cannot be decoded, or holds dot segments.
    #[error("the path is none, or could be taken for another")]
    BadPath,
}

/// Why a form of the answer, or of the message, cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RepresentationError {
    /// A part of an answer that is read whole.
    #[error("the answer is checked, minimised, kept or signed as a whole: no part of it can be had")]
    Range,
    /// A condition that the upstream is not told.
    #[error("the department is not told of conditions: `If-Match` and `If-Unmodified-Since` cannot be kept")]
    Condition,
    /// A content coding that is not read here.
    #[error("the message is read here, and not in this content coding: send it as it is, or as gzip or deflate")]
    Coding,
    /// A coded message that cannot be decoded.
    #[error("the message is not what its `Content-Encoding` says")]
    NotDecoded,
    /// A coded message that is many times larger than it came.
    #[error("the message is more than {most} times larger than it came, or beyond the limit")]
    Inflated {
        /// The limit.
        most: u64,
    },
}

/// Why a department was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DepartmentError {
    /// It showed no key.
    #[error("no key was shown: send it in `X-Api-Key`")]
    KeyMissing,
    /// It showed more than one.
    #[error("more than one key was shown")]
    KeyDuplicate,
    /// The key is nobody's.
    #[error("the key is not one of this e-service's consumers")]
    KeyUnknown,
    /// It showed no certificate.
    #[error("no client certificate was shown")]
    CertificateMissing,
    /// The certificate is nobody's, or not this department's.
    #[error("the client certificate is not one of this e-service's consumers, or not of the one whose key it came with")]
    CertificateUnknown,
    /// What a proxy passed on as a certificate is none.
    #[error("what the proxy passed on is no certificate: DER in base64 (RFC 9440) or PEM, once")]
    CertificateUnreadable,
    /// It showed no token of its portal.
    #[error("no token of the portal was shown")]
    TokenMissing,
    /// The token says another department, or none.
    #[error("the portal's token is not one of this e-service's consumers, or not of the one whose key it came with")]
    TokenUnknown,
    /// It may call for several purposes and did not say for which.
    #[error("this key may call for several purposes: say which in `Varco-Purpose`")]
    PurposeMissing,
    /// It said a purpose that is not one of its own, or more than one.
    #[error("the purpose in `Varco-Purpose` is not one that this key may call for")]
    PurposeNotYours,
}

/// What is wrong with what a department tells of who asks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// It is not there.
    #[error("`{claim}` is not told: it belongs in {from}")]
    Missing {
        /// The claim.
        claim: Box<str>,
        /// Where it should stand.
        from: EvidenceSource,
    },
    /// It is there more than once, too long, or no plain text.
    #[error("`{claim}`, told in {from}, is not one plain text of at most {most} characters")]
    Malformed {
        /// The claim.
        claim: Box<str>,
        /// Where it stands.
        from: EvidenceSource,
        /// The longest.
        most: usize,
    },
    /// The provider has no name for it.
    #[error("what is told as `{claim}` is none of the values that the provider knows")]
    Unknown {
        /// The claim.
        claim: Box<str>,
    },
}

/// Why a request was not admitted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdmitError {
    /// The rate of this party is spent.
    #[error("the rate of {scope} is spent")]
    Rate {
        /// `consumer`, `purpose` or `e-service`.
        scope: Scope,
        /// The measure.
        measure: Measure,
    },
    /// The quota of the civil day of this party is spent.
    #[error("the quota of the day of {scope} is spent")]
    Quota {
        /// Whose.
        scope: Scope,
        /// The measure.
        measure: Measure,
    },
    /// As many exchanges of this party as allowed are under way.
    #[error("as many exchanges of {scope} as allowed are under way")]
    Concurrency {
        /// Whose.
        scope: Scope,
    },
    /// The audit log takes no record now.
    #[error("the audit log does not take records now")]
    AuditUnavailable,
}

/// Whose limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All callers of the e-service together.
    EService,
    /// One consumer.
    Consumer,
    /// One purpose.
    Purpose,
    /// All that happens in one tenant's name.
    Tenant,
}

impl Scope {
    /// Those of one e-service.
    pub const ALL: [Self; 3] = [Self::EService, Self::Consumer, Self::Purpose];

    /// Its part of an e-service's limits.
    pub fn of(self, limits: &LimitRules) -> &PartyLimit {
        match self {
            Self::EService | Self::Tenant => &limits.total,
            Self::Consumer => &limits.per_consumer,
            Self::Purpose => &limits.per_purpose,
        }
    }
}

impl std::fmt::Display for Scope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::EService => "the e-service",
            Self::Consumer => "the consumer",
            Self::Purpose => "the purpose",
            Self::Tenant => "the administration",
        })
    }
}

/// Why a digest was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntegrityError {
    /// More than one `Digest` header.
    #[error("the digest header is given more than once")]
    Duplicate,
    /// It has no SHA-256 (or stronger) value, or one that cannot be decoded.
    #[error("the digest header has no readable SHA-256 value")]
    Malformed,
    /// A header that has to be signed for the provider is given more than once, or is no text.
    #[error("the content type or encoding is given more than once, or is no plain text: it cannot be signed")]
    NotSignable,
    /// It is not the digest of the body.
    #[error("the digest is not of this body")]
    Mismatch,
}

/// What is wrong with an upstream's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A success that the contract does not document.
    #[error("the upstream answered {status}, which the contract does not document")]
    UndocumentedSuccess {
        /// The status.
        status: u16,
    },
    /// A success that breaks the contract.
    #[error("the upstream's answer breaks the contract: {cause}")]
    Invalid {
        /// Which rules, where; never a value.
        cause: String,
    },
    /// An error without a documented shape: its status passes, with a problem of ours.
    #[error("the upstream answered {status}")]
    Error {
        /// The status.
        status: u16,
        /// What broke the contract, if anything did.
        drift: Option<String>,
        /// The seconds after which the upstream wants to be asked again, if it said so.
        retry_after: Option<u32>,
    },
}
