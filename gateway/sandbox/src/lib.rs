//! A local PDND and a legacy SOAP department, for trials and tests.
//!
//! [`Sandbox::start`] opens both on the caller's runtime: the platform issues vouchers to the clients of its registry after
//! all the checks of the real one, the department answers SOAP about invented citizens. Both keep a log of what they were
//! asked, which tests hold the gateway's account against, and both can be told to misbehave.
//!
//! ```no_run
//! # use sandbox::{Misbehaviour, Options, Sandbox, VoucherSpec, client::Consumer};
//! # async fn trial() -> Result<(), Box<dyn std::error::Error>> {
//! let sandbox = Sandbox::start(Options::default()).await?;
//! // The real way, through the token endpoint …
//! let consumer = Consumer::of(&sandbox.pdnd, "valdombra-sociale", Some("assistenza")).ok_or("not in the registry")?;
//! let voucher = consumer.voucher().await?.token;
//! // … and one that was never issued: it expired fifty minutes ago.
//! let expired = sandbox.voucher(&VoucherSpec::new("valdombra-sociale", "assistenza").issued_ago(3600))?;
//! // The department fails once, and says what it was asked.
//! sandbox.department.switch().misbehave_times(1, Misbehaviour::Reset);
//! assert_eq!(sandbox.department.accesses().count("CercaResidenza"), 0);
//! # Ok(()) }
//! ```
//!
//! Nothing here is for production: private keys of clients lie in the same process as the platform that trusts them, and
//! the debugging page tells everybody what PDND tells nobody.

mod access;
pub mod client;
pub mod codice_fiscale;
pub mod department;
mod keys;
mod misbehaviour;
pub mod national;
pub mod pdnd;
mod served;
mod server;
mod start;

pub use access::{Access, AccessLog};
pub use department::Department;
pub use misbehaviour::{Misbehaviour, Switch};
pub use national::National;
pub use pdnd::{Environment, Pdnd, Registry, VoucherSpec};
pub use start::{Addresses, Options, Sandbox, SandboxError};
