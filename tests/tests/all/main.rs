//! Every end-to-end test, in one binary: one module a subject.

mod crash;
mod failing_disk;
mod first_exchange;
mod full_disk;
mod jaxws;
mod misbehaviour;
mod spyne;
mod strict_order;
