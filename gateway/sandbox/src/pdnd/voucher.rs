use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exchange::Timestamp;
use serde_json::{Map, Value};
use trust::{AuditDigest, Grant, SignError, SigningKey, VoucherRequest, issue_voucher};
use uuid::Uuid;

use super::platform::Platform;
use super::registry::{self, Client, ClientKind};

/// How long a voucher for PDND's own API lives.
pub(crate) const API_LIFETIME: Duration = Duration::from_mins(10);

/// What a voucher is for.
pub(crate) enum For<'a> {
    EService { grant: registry::Grant<'a>, digest: Option<AuditDigest> },
    Api { organisation: Uuid },
}

/// Writes and signs a voucher.
pub(crate) fn issue(
    platform: &Platform,
    client: &Client,
    asked: &For<'_>,
    jti: Uuid,
    issued_at: Timestamp,
    lifetime: Duration,
) -> Result<String, SignError> {
    let signer = platform.signer();
    let audiences: Vec<&str> = match asked {
        For::EService { grant, .. } => grant.descriptor.audience.iter().map(String::as_str).collect(),
        For::Api { .. } => vec![&platform.environment.api_audience],
    };
    let grant = match asked {
        For::EService { grant, digest } => Grant::EService {
            purpose: grant.purpose.id,
            producer: grant.producer.id,
            consumer: grant.consumer.id,
            eservice: grant.eservice.id,
            descriptor: grant.descriptor.id,
            digest: digest.as_ref(),
        },
        For::Api { organisation } => Grant::Api { organization: *organisation, role: "m2m" },
    };
    let issuer = &platform.environment.issuer;
    let request = VoucherRequest { issuer, kid: &signer.kid, jti, audiences: &audiences, client: client.id, grant, issued_at, lifetime };
    issue_voucher(&signer.key, &request)
}

/// A voucher to be made directly, without a token request: right in everything, or wrong in what is said here.
///
/// ```
/// # use sandbox::VoucherSpec;
/// let expired = VoucherSpec::new("valdombra-sociale", "assistenza").issued_ago(3600);
/// let stolen = VoucherSpec::new("valdombra-sociale", "assistenza").with_claim("aud", "https://altro.example");
/// ```
#[derive(Clone, Debug, Default)]
pub struct VoucherSpec {
    client: String,
    purpose: Option<String>,
    issued_ago: i64,
    lifetime: Option<Duration>,
    header: Vec<(String, Option<Value>)>,
    claims: Vec<(String, Option<Value>)>,
    by_stranger: bool,
}

impl VoucherSpec {
    /// A right voucher of this client for this purpose, both by name, whether or not PDND would issue it: states are not asked.
    pub fn new(client: &str, purpose: &str) -> Self {
        Self { client: client.into(), purpose: Some(purpose.into()), ..Self::default() }
    }

    /// A right voucher of this client for PDND's own API.
    pub fn api(client: &str) -> Self {
        Self { client: client.into(), ..Self::default() }
    }

    /// Issued so many seconds ago, or in the future where negative. A voucher lives ten minutes unless its descriptor says otherwise.
    #[must_use]
    pub fn issued_ago(self, seconds: i64) -> Self {
        Self { issued_ago: seconds, ..self }
    }

    /// With another life than its descriptor's.
    #[must_use]
    pub fn living(self, lifetime: Duration) -> Self {
        Self { lifetime: Some(lifetime), ..self }
    }

    /// With another value of a claim.
    #[must_use]
    pub fn with_claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.push((name.into(), Some(value.into())));
        self
    }

    /// Without a claim.
    #[must_use]
    pub fn without_claim(mut self, name: &str) -> Self {
        self.claims.push((name.into(), None));
        self
    }

    /// With another value of a header member; the signature stays RS256 whatever `alg` says.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header.push((name.into(), Some(value.into())));
        self
    }

    /// Without a header member.
    #[must_use]
    pub fn without_header(mut self, name: &str) -> Self {
        self.header.push((name.into(), None));
        self
    }

    /// Signed by a key that is not the platform's, under the `kid` of one that is.
    #[must_use]
    pub fn by_stranger(self) -> Self {
        Self { by_stranger: true, ..self }
    }
}

/// Why a voucher could not be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoucherError {
    /// The registry has no client of this name.
    #[error("the registry has no client `{0}`")]
    Client(String),
    /// The registry has no purpose of this name, or nothing it hangs on.
    #[error("the registry has no purpose `{0}`")]
    Purpose(String),
    /// The client is not of the kind for what is asked.
    #[error("the client `{0}` is not of the kind that such vouchers are for")]
    Kind(String),
    /// The key did not sign.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// No key for the stranger.
    #[error("a key could not be made")]
    KeyNotMade,
}

/// Makes the voucher that is described.
pub(crate) fn make(platform: &Platform, spec: &VoucherSpec) -> Result<String, VoucherError> {
    let registry = platform.registry.read();
    let client = registry.client(&spec.client).ok_or_else(|| VoucherError::Client(spec.client.clone()))?;
    if spec.purpose.is_none() != (client.kind == ClientKind::Api) {
        return Err(VoucherError::Kind(spec.client.clone()));
    }
    let (asked, lifetime) = if let Some(name) = &spec.purpose {
        let purpose = registry.purpose(name).and_then(|purpose| registry.grant(purpose.id));
        let grant = purpose.ok_or_else(|| VoucherError::Purpose(name.clone()))?;
        (For::EService { grant, digest: None }, grant.descriptor.voucher_lifespan)
    } else {
        let organisation = registry.tenant(&client.tenant).map_or(Uuid::nil(), |tenant| tenant.id);
        (For::Api { organisation }, API_LIFETIME)
    };
    let issued_at = platform.now().plus_nanos(spec.issued_ago.saturating_mul(-1_000_000_000));
    let token = issue(platform, client, &asked, Uuid::new_v4(), issued_at, spec.lifetime.unwrap_or(lifetime))?;
    if spec.header.is_empty() && spec.claims.is_empty() && !spec.by_stranger {
        return Ok(token);
    }
    let mut parts = token.split('.').map(members);
    let (mut header, mut claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    change(&mut header, &spec.header);
    change(&mut claims, &spec.claims);
    if spec.by_stranger {
        return Ok(SigningKey::generate().map_err(|_| VoucherError::KeyNotMade)?.sign(&header, &claims)?);
    }
    Ok(platform.signer().key.sign(&header, &claims)?)
}

fn change(members: &mut Map<String, Value>, changes: &[(String, Option<Value>)]) {
    for (name, value) in changes {
        match value {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
}

/// The members of one part of a token of our own.
pub(crate) fn members(part: &str) -> Map<String, Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
