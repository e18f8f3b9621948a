//! Every end-to-end test, in one binary: one module a subject.

mod crash;
mod first_exchange;
mod full_disk;
mod jaxws;
mod misbehaviour;
mod spyne;
