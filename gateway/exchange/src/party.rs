use std::sync::Arc;

/// The administration in whose name an exchange happens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tenant(pub Arc<str>);

impl Tenant {
    /// The tenant of this configured name.
    pub fn new(name: &str) -> Self {
        Self(name.into())
    }

    /// The configured name.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Who calls, as far as it was proven: the claims of a verified voucher, the department that calls others through us, or nothing for
/// an open e-service.
///
/// Identifiers keep PDND's spelling on the wire (`purposeId` …) and are opaque here; most are UUIDs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// The department of ours, by its configured name.
    pub department: Option<Arc<str>>,
    /// The client that asked for the voucher (`client_id`).
    pub client: Option<Arc<str>>,
    /// The organisation the client belongs to (`consumerId`).
    pub consumer: Option<Arc<str>>,
    /// Why it may call (`purposeId`).
    pub purpose: Option<Arc<str>>,
    /// The provider the voucher was issued for (`producerId`).
    pub producer: Option<Arc<str>>,
    /// The e-service it was issued for (`eserviceId`).
    pub eservice: Option<Arc<str>>,
    /// The descriptor it was issued for (`descriptorId`).
    pub descriptor: Option<Arc<str>>,
    /// The voucher's own id (`jti`), the `token_id` of PDND's tracing.
    pub jti: Option<Arc<str>>,
    /// The platform key that signed it.
    pub kid: Option<Arc<str>>,
    /// Who issued it (`iss`).
    pub issuer: Option<Arc<str>>,
    /// When it was issued, NumericDate.
    pub issued_at: Option<i64>,
    /// When it ends, NumericDate.
    pub expires_at: Option<i64>,
}

/// The channel through which the citizen's request came in: `counter`, `web`, `mail`, `chatbot`, `batch`, …
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Channel(pub Arc<str>);
