//! Every end-to-end test, in one binary: one module a subject.

mod authority;
mod body_limits;
mod connection_limits;
mod corpora;
mod crash;
mod departures;
mod failing_disk;
mod first_exchange;
mod full_disk;
mod head_limits;
mod jaxws;
mod listeners;
mod misbehaviour;
mod refusals;
mod rest_upstream;
mod routing;
mod spyne;
mod streaming;
mod strict_order;
mod upstream_connections;
mod upstream_rules;
mod upstream_tls;
