//! The clocks: wall time for records and rules, one monotonic clock for everything that is shared between workers.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use exchange::Timestamp;

/// Wall time. Read once an exchange.
pub fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_nanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}

fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// Nanoseconds of the monotonic clock since the process first asked, plus a day, so that no reading is zero.
pub fn nanos() -> u64 {
    origin().elapsed().as_nanos() as u64 + 86_400_000_000_000
}

/// The same as an instant, for rules that count durations: it never goes back.
pub fn monotonic() -> Timestamp {
    Timestamp::from_nanos(i64::try_from(nanos()).unwrap_or(i64::MAX))
}

/// The same in milliseconds.
pub fn millis() -> u64 {
    nanos() / 1_000_000
}
