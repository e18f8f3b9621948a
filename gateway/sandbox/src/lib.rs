//! A local PDND and a legacy SOAP department, for trials and tests.
//!
//! [`Sandbox::start`] opens both on the caller's runtime: the platform issues vouchers to the clients of its registry after
//! all the checks of the real one, the department answers SOAP about invented citizens. Both keep a log of what they were
//! asked, which tests hold the gateway's account against, and both can be told to misbehave.
//!
//! Nothing here is for production: private keys of clients lie in the same process as the platform that trusts them, and
//! the debugging page tells everybody what PDND tells nobody.

mod access;
pub mod client;
pub mod codice_fiscale;
pub mod department;
mod keys;
mod misbehaviour;
pub mod pdnd;
mod served;
mod server;
mod start;

pub use access::{Access, AccessLog};
pub use department::Department;
pub use misbehaviour::{Misbehaviour, Switch};
pub use pdnd::{Environment, Pdnd, Registry, VoucherSpec};
pub use start::{Addresses, Options, Sandbox, SandboxError};
