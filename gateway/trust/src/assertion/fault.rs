/// The code that the token endpoint gives for every fault of the client's, whatever it was.
pub const OPAQUE_CODE: &str = "015-0008";

/// Why the token endpoint refuses a request. PDND shows the cause only on its debugging page; the answer is the same for
/// all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    /// `client_assertion_type` is not the one of RFC 7523.
    #[error("client_assertion_type is not urn:ietf:params:oauth:client-assertion-type:jwt-bearer")]
    AssertionType,
    /// `grant_type` is not `client_credentials`.
    #[error("grant_type is not client_credentials")]
    GrantType,
    /// `aud` is not the token server's.
    #[error("aud does not have the token server's audience of this environment, which is written without https://")]
    Audience,
    /// `aud` is absent.
    #[error("the claim aud is missing")]
    AudienceMissing,
    /// No JWS, or one whose header or payload is no JSON object.
    #[error("the assertion is not a compact JWS with a JSON header and payload")]
    Format,
    /// `jti` is absent or empty.
    #[error("the claim jti is missing or empty")]
    JtiMissing,
    /// `iat` is absent or no number.
    #[error("the claim iat is missing or not a number of seconds")]
    IssuedAtMissing,
    /// `exp` is absent or no number.
    #[error("the claim exp is missing or not a number of seconds")]
    ExpiryMissing,
    /// `iss` is absent or empty.
    #[error("the claim iss is missing or empty")]
    IssuerMissing,
    /// `sub` is absent.
    #[error("the claim sub is missing")]
    SubjectMissing,
    /// `sub` is not the form's `client_id`.
    #[error("sub is not the client_id of the form")]
    SubjectMismatch,
    /// `purposeId` is no UUID.
    #[error("purposeId is not a UUID")]
    PurposeFormat,
    /// `kid` is absent.
    #[error("the header has no kid")]
    KidMissing,
    /// The signature is not of the client's key, or the client has no such key for this purpose.
    #[error("the signature is not of a key of this client for this purpose")]
    Signature,
    /// `exp` has passed.
    #[error("the assertion has expired: check the clock, no tolerance is given")]
    Expired,
    /// The purpose is not active.
    #[error("the purpose is not active")]
    PurposeState,
    /// The agreement is not active.
    #[error("the agreement is not active")]
    AgreementState,
    /// The e-service's descriptor is not active.
    #[error("the e-service is not active")]
    EServiceState,
    /// The form's `client_id` is no UUID.
    #[error("the client_id of the form is not a UUID")]
    ClientFormat,
    /// `sub` is no UUID.
    #[error("sub is not a UUID")]
    SubjectFormat,
    /// `digest` is not exactly `alg` and `value`.
    #[error("digest is not an object of exactly alg and value")]
    Digest,
    /// `digest.value` has another length than the hash.
    #[error("digest.value is not 64 characters long")]
    DigestLength,
    /// `digest.alg` is another hash.
    #[error("digest.alg is not SHA256")]
    DigestAlgorithm,
    /// `alg` is absent.
    #[error("the header has no alg")]
    AlgorithmMissing,
    /// `alg` is not RS256.
    #[error("alg is not RS256")]
    Algorithm,
    /// `purposeId` is absent, and the client is one for e-services.
    #[error("the claim purposeId is missing")]
    PurposeMissing,
    /// `kid` is not the form of a thumbprint.
    #[error("kid is not 43 characters of base64url")]
    KidFormat,
    /// A header member or claim beyond the list.
    #[error("the assertion has a header member or a claim that is not allowed")]
    Unexpected,
}

impl AssertionFault {
    /// The code that PDND's debugging page shows.
    pub fn code(self) -> &'static str {
        match self {
            Self::AssertionType => "015-0002",
            Self::GrantType => "015-0003",
            Self::Audience => "015-0004",
            Self::AudienceMissing => "015-0005",
            Self::Format => "015-0006",
            Self::JtiMissing => "015-0008",
            Self::IssuedAtMissing => "015-0009",
            Self::ExpiryMissing => "015-0010",
            Self::IssuerMissing => "015-0011",
            Self::SubjectMissing => "015-0012",
            Self::SubjectMismatch => "015-0013",
            Self::PurposeFormat => "015-0014",
            Self::KidMissing => "015-0015",
            Self::Signature => "015-0016",
            Self::Expired => "015-0017",
            Self::PurposeState => "015-0020",
            Self::AgreementState => "015-0021",
            Self::EServiceState => "015-0022",
            Self::ClientFormat => "015-0023",
            Self::SubjectFormat => "015-0024",
            Self::Digest => "015-0025",
            Self::DigestLength => "015-0026",
            Self::DigestAlgorithm => "015-0027",
            Self::AlgorithmMissing => "015-0028",
            Self::Algorithm => "015-0029",
            Self::PurposeMissing => "015-0030",
            Self::KidFormat => "015-0031",
            Self::Unexpected => "015-0032",
        }
    }
}
