//! How often the log tells of connections that failed: whoever can connect can fail as often as he likes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// So many lines a second.
const MOST: u64 = 20;

/// The lines of one listener, whichever worker writes them.
#[derive(Debug, Default)]
pub struct Lines {
    /// The second in the upper half, and how many lines were written in it in the lower.
    written: AtomicU64,
    /// Failures that no line told of, since the last line.
    untold: AtomicU64,
}

impl Lines {
    /// A line in this second, if one is left: then how many failures before it went untold.
    pub fn take(&self, second: u64) -> Option<u64> {
        let begun = second << 32;
        // A worker that looked at the clock earlier than another writes in the later second.
        let count = |written: u64| match written.checked_sub(begun.max(written >> 32 << 32)) {
            Some(lines) if lines < MOST => Some(written + 1),
            Some(_) => None,
            None => Some(begun + 1),
        };
        if self.written.fetch_update(Relaxed, Relaxed, count).is_ok() {
            return Some(self.untold.swap(0, Relaxed));
        }
        self.untold.fetch_add(1, Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines_and_the_next_one_tells_what_is_missing() {
        let lines = Lines::default();
        for (second, failures, told) in [(7, 3, 3), (8, 20, 20), (9, 50, 20), (9, 1, 0), (8, 1, 0), (10, 1, 1)] {
            assert_eq!((0..failures).filter(|_| lines.take(second).is_some()).count(), told, "{second}");
        }
        let lines = Lines::default();
        (0..MOST).for_each(|_| assert_eq!(lines.take(5), Some(0)));
        (0..7).for_each(|_| assert_eq!(lines.take(5), None));
        assert_eq!((lines.take(6), lines.take(6)), (Some(7), Some(0)));
    }
}
