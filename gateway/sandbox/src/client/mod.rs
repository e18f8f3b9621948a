//! A consumer that goes the real way: it signs a client assertion, asks the token endpoint and presents the voucher.

mod consumer;
mod http;

#[cfg(test)]
pub(crate) use self::consumer::form;
pub use self::consumer::{Consumer, Granted};
pub use self::http::{ClientError, send};
