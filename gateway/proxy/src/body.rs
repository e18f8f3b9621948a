//! Bodies that pass through, each with its limits.
//!
//! A caller's body is bounded in bytes and must come at a minimum rate; an upstream's is bounded in bytes and in total time.
//! Both apply backpressure by being polled only when the other side can take more.

mod answer;
mod caller;
mod intake;
mod stream;

pub use answer::{AnswerBody, Closing};
pub use caller::{BodyError, CallerBody, Pace, UpstreamRequestBody};
pub use stream::{StreamError, UpstreamStream};

/// An error of a body, for hyper.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
