//! A local PDND and a legacy SOAP department, for trials and tests.
mod access;
pub mod client;
pub mod codice_fiscale;
pub mod department;
mod misbehaviour;
mod served;
mod server;

pub use access::{Access, AccessLog};
pub use department::Department;
pub use misbehaviour::{Misbehaviour, Switch};
