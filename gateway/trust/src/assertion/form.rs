use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::AssertionFault;
use crate::uuid;

/// The parameters of a token request (RFC 6749 §4.4, RFC 7523 §2.2), decoded; absent ones are empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct TokenForm<'a> {
    /// `client_id`, which may be left out.
    pub client_id: &'a str,
    /// `client_assertion`.
    pub client_assertion: &'a str,
    /// `client_assertion_type`.
    pub client_assertion_type: &'a str,
    /// `grant_type`.
    pub grant_type: &'a str,
}

/// What is escaped in a form: all but letters, digits and the marks that a compact JWS has.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

impl TokenForm<'_> {
    /// `client_assertion_type` as it must be.
    pub const ASSERTION_TYPE: &'static str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    /// `grant_type` as it must be.
    pub const GRANT_TYPE: &'static str = "client_credentials";

    /// The parameters as a request's body: `application/x-www-form-urlencoded`.
    pub fn encode(&self) -> String {
        let mut body = String::with_capacity(self.client_assertion.len() + 256);
        let parameters = [
            ("client_id", self.client_id),
            ("grant_type", self.grant_type),
            ("client_assertion_type", self.client_assertion_type),
            ("client_assertion", self.client_assertion),
        ];
        for (name, value) in parameters {
            let separator = if body.is_empty() { "" } else { "&" };
            body.extend([separator, name, "="]);
            body.extend(utf8_percent_encode(value, ESCAPED));
        }
        body
    }

    pub(super) fn check(&self) -> Result<(), AssertionFault> {
        if self.client_assertion_type != Self::ASSERTION_TYPE {
            return Err(AssertionFault::AssertionType);
        }
        if self.grant_type != Self::GRANT_TYPE {
            return Err(AssertionFault::GrantType);
        }
        if !self.client_id.is_empty() && uuid(self.client_id).is_none() {
            return Err(AssertionFault::ClientFormat);
        }
        Ok(())
    }
}
