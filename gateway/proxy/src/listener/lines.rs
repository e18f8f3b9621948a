//! How often the log tells of connections that failed: whoever can connect can fail as often as he likes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::admission::{Cell, Rate};

/// So many lines a second, and at once.
const MOST: u64 = 20;

/// The lines of one listener, whichever worker writes them.
#[derive(Debug)]
pub struct Lines {
    rate: Rate,
    written: Cell,
    /// Failures that no line told of, since the last line.
    untold: AtomicU64,
}

impl Default for Lines {
    fn default() -> Self {
        Self { rate: Rate::new(MOST, Duration::from_secs(1), MOST), written: Cell::default(), untold: AtomicU64::default() }
    }
}

impl Lines {
    /// A line, if one is left now (in nanoseconds of the monotonic clock): then how many failures before it went untold.
    pub fn take(&self, now: u64) -> Option<u64> {
        if self.written.take(&self.rate, now).conforms {
            return Some(self.untold.swap(0, Ordering::Relaxed));
        }
        self.untold.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_many_are_missing_before_it() {
        let (lines, second) = (Lines::default(), 1_000_000_000);
        (0..MOST).for_each(|_| assert_eq!(lines.take(second), Some(0)));
        (0..7).for_each(|_| assert_eq!(lines.take(second), None));
        assert_eq!((lines.take(2 * second), lines.take(2 * second)), (Some(7), Some(0)));
    }
}
