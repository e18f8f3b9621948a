//! The gateway's edge: listeners, the pipeline, the upstream client, admission, the cache, the keys, the admin listener.
//!
//! This is where sockets, clocks and threads are; the rules are in the crates below and know of none of them. Start reading
//! at [`gateway`], which shows the whole way of a request.

mod admin;
mod admission;
mod body;
mod budget;
mod cache;
mod clock;
mod coding;
pub mod config;
mod exchange;
pub mod gateway;
mod keys;
mod listener;
mod message;
mod metrics;
mod origin;
#[cfg(feature = "otlp")]
mod otlp;
mod plan;
mod pool;
mod present;
mod recall;
mod rejection;
mod reload;
mod respond;
mod server;
mod service;
mod siem;
mod snapshot;
mod stage;
mod state;
mod upstream;
mod vouchers;
mod watch;
mod worker;

pub use admin::fault_json;
pub use admin::{EServiceStatus, ExpiryStatus, IssuerStatus, ListenerStatus, Status};
pub use clock::now;
pub use exchange::Stage;
pub use metrics::{MetricFamily, Sample, families};
pub use plan::{Action, Change, Part, Plan};
pub use reload::{ReloadError, Reloader};
pub use server::{Ended, Running, StartError, start};
pub use snapshot::{Listener, Snapshot};
pub use state::{State, Way};
