//! The client assertion (RFC 7523) with which a client asks PDND for a voucher: written for outbound calls, verified by the
//! sandbox's token server.

mod fault;
mod form;
mod verify;
mod write;

#[cfg(test)]
mod tests;

pub use fault::{AssertionFault, OPAQUE_CODE};
pub use form::TokenForm;
pub use verify::{AssertionRules, ClientAssertion, verify_client_assertion};
pub use write::{AssertionRequest, client_assertion};
