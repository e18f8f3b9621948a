use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use exchange::Timestamp;
use http::{Request, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use trust::{AssertionRequest, AuditDigest, SigningKey, TokenForm, client_assertion};
use uuid::Uuid;

use super::{ClientError, send};
use crate::pdnd::Pdnd;

/// How long a token request may take.
const WITHIN: Duration = Duration::from_secs(10);

/// A client of a consumer, which asks for vouchers as one of production does.
#[derive(Clone, Debug)]
pub struct Consumer {
    client: Uuid,
    purpose: Option<Uuid>,
    key: Arc<SigningKey>,
    token_url: String,
    audience: String,
    digest: Option<AuditDigest>,
}

/// What a token endpoint gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Granted {
    /// The voucher.
    pub token: String,
    /// How long it lives.
    pub expires_in: Duration,
}

impl Consumer {
    /// A client that asks this token endpoint; without a purpose it asks for vouchers for PDND's own API.
    pub fn new(client: Uuid, purpose: Option<Uuid>, key: Arc<SigningKey>, token_url: &str, audience: &str) -> Self {
        Self { client, purpose, key, token_url: token_url.into(), audience: audience.into(), digest: None }
    }

    /// A client of the sandbox's registry, by name, for a purpose, by name. `None` where there is no such client or purpose,
    /// or the sandbox does not have the client's private key.
    pub fn of(pdnd: &Pdnd, client: &str, purpose: Option<&str>) -> Option<Self> {
        let registry = pdnd.registry();
        let purpose = match purpose {
            Some(name) => Some(registry.purpose(name)?.id),
            None => None,
        };
        let audience = &pdnd.environment().assertion_audience;
        Some(Self::new(registry.client(client)?.id, purpose, pdnd.key(client)?, &pdnd.token_url(), audience))
    }

    /// The same client, binding its vouchers to tracking evidence (AUDIT_REST_02).
    #[must_use]
    pub fn with_digest(self, digest: AuditDigest) -> Self {
        Self { digest: Some(digest), ..self }
    }

    /// The client assertion that it would send now.
    pub fn assertion(&self) -> Result<String, ClientError> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let request = AssertionRequest {
            client: self.client,
            audience: &self.audience,
            purpose: self.purpose,
            digest: self.digest.as_ref(),
            jti: Uuid::new_v4(),
            issued_at: Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
            lifetime: Duration::from_mins(2),
        };
        client_assertion(&self.key, &request).map_err(|error| ClientError::Unusable(error.to_string()))
    }

    /// Asks for a voucher.
    pub async fn voucher(&self) -> Result<Granted, ClientError> {
        let client = self.client.to_string();
        let form = form(&[
            ("client_id", &client),
            ("client_assertion", &self.assertion()?),
            ("client_assertion_type", TokenForm::ASSERTION_TYPE),
            ("grant_type", TokenForm::GRANT_TYPE),
        ]);
        let request = Request::post(&self.token_url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let answer = send(request.map_err(|_| ClientError::Url(self.token_url.clone()))?, WITHIN).await?;
        if answer.status() != StatusCode::OK {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            return Err(ClientError::Refused { status: answer.status(), body });
        }
        let given: Value = serde_json::from_slice(answer.body()).map_err(|error| ClientError::Unusable(error.to_string()))?;
        match (given["access_token"].as_str(), given["expires_in"].as_u64()) {
            (Some(token), Some(seconds)) => Ok(Granted { token: token.into(), expires_in: Duration::from_secs(seconds) }),
            _ => Err(ClientError::Unusable("the token endpoint answered without access_token or expires_in".into())),
        }
    }
}

/// A form (`application/x-www-form-urlencoded`) of these parameters.
pub(crate) fn form(parameters: &[(&str, &str)]) -> Bytes {
    let mut text = String::new();
    for (name, value) in parameters {
        let separator = if text.is_empty() { "" } else { "&" };
        let _ = write!(text, "{separator}{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
    }
    text.into()
}
