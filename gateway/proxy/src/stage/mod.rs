//! The stages, in the order of the way: one file each.

pub mod adapt;
pub mod admit;
mod aside;
pub mod authenticate;
pub mod begin;
pub mod contract;
pub mod decode;
mod department;
pub mod dialect;
pub mod integrity;
pub mod layer;
pub mod lookup;
pub mod own;
pub mod policy;
pub mod read;
pub mod record;
pub mod representation;
pub mod route;
pub mod sign;
pub mod upstream;
pub mod voucher;
