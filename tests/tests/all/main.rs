//! Every end-to-end test, in one binary: one module a subject.

mod crash;
mod first_exchange;
mod jaxws;
mod misbehaviour;
mod spyne;
