//! What the end-to-end tests stand on: the real binary, started and stopped by its process id, on ports that it chose, in a
//! folder of its own; the sandbox beside it; and the programs of others that it talks to.
//!
//! Nothing here waits for a length of time: everything waits for a line, an answer or an end, with a deadline that only a
//! broken test meets.

mod ask;
mod case;
mod connection;
mod curl;
mod gateway;
mod load;
mod mount;
mod open;
mod peer;
mod program;
mod rest;
mod scene;
mod site;
mod strace;
mod stub;
mod wire;
mod witness;

pub use ask::{SEARCH, ask, get, hashed, search};
pub use case::{Case, CaseOptions, CaseRequest, cases, items, text};
pub use connection::{Connection, Message};
pub use curl::{Answer, curl};
pub use gateway::{Gateway, binary, varco};
pub use load::{Load, Seen};
pub use mount::{SmallDisk, again_as_root};
pub use open::{assert_problem, assert_says_nothing_internal, open, things, unprotected};
pub use peer::{Peer, repository};
pub use program::{interpreter, json_program, python};
pub use rest::{Asked, Rest};
pub use scene::{LUCIA, Scene, lookup};
pub use site::Site;
pub use strace::{Call, Strace};
pub use stub::{Reply, Stub, Then};
pub use wire::{Wire, post};
pub use witness::Witness;

use std::time::Duration;

/// How long anything may take before a test gives up on it.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Tries something until it holds. The pause between tries is short; the deadline is what a broken test meets.
pub fn eventually<T>(what: &str, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(value) = attempt() {
            return value;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
