use std::time::Duration;

use exchange::Timestamp;

const SECOND: i128 = 1_000_000_000;
/// Beyond this a JavaScript reader and this one would read different numbers.
const LAST_SECOND: i64 = 1 << 53;

/// A NumericDate (RFC 7519 §2): seconds since the epoch, whole or with a fraction, kept in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct NumericDate {
    nanos: i128,
}

impl NumericDate {
    /// Reads the text of a JSON number. Negative ones, `-0` included, and those beyond 2^53 are refused.
    pub(crate) fn read(number: &str) -> Option<Self> {
        if number.starts_with('-') {
            return None;
        }
        if number.contains(['e', 'E']) {
            return Self::read_float(number);
        }
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let seconds: i64 = whole.parse().ok().filter(|seconds| *seconds <= LAST_SECOND)?;
        // Nine digits are a nanosecond; what follows is finer than any clock.
        let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0, |sum, digit| sum * 10 + i128::from(digit - b'0'));
        Some(Self { nanos: i128::from(seconds) * SECOND + nanos })
    }

    fn read_float(number: &str) -> Option<Self> {
        let seconds: f64 = number.parse().ok()?;
        let in_range = (0.0..=LAST_SECOND as f64).contains(&seconds);
        in_range.then_some(Self { nanos: (seconds * SECOND as f64) as i128 })
    }

    /// Whole seconds, rounded down.
    pub(crate) fn seconds(self) -> i64 {
        (self.nanos / SECOND) as i64
    }

    /// Nanoseconds from this date until `now`; negative while it is yet to come.
    fn nanos_until(self, now: Timestamp) -> i128 {
        i128::from(now.nanos()) - self.nanos
    }

    /// Whole seconds since this date, if `tolerance` or more has passed since.
    pub(crate) fn passed(self, now: Timestamp, tolerance: Duration) -> Option<i64> {
        let nanos = self.nanos_until(now);
        (nanos >= signed_nanos(tolerance)).then(|| nanos.div_euclid(SECOND) as i64)
    }

    /// Whole seconds since this date, if more than `longest` has passed since.
    pub(crate) fn older_than(self, now: Timestamp, longest: Duration) -> Option<i64> {
        let nanos = self.nanos_until(now);
        (nanos > signed_nanos(longest)).then(|| nanos.div_euclid(SECOND) as i64)
    }

    /// Seconds until this date, rounded up, if it is more than `tolerance` ahead.
    pub(crate) fn ahead(self, now: Timestamp, tolerance: Duration) -> Option<i64> {
        let nanos = -self.nanos_until(now);
        (nanos > signed_nanos(tolerance)).then(|| (nanos + SECOND - 1).div_euclid(SECOND) as i64)
    }
}

fn signed_nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_seconds_and_fractions_only() {
        for (text, nanos) in [
            ("0", Some(0)),
            ("1795282601", Some(1_795_282_601_000_000_000)),
            ("1795282601.5", Some(1_795_282_601_500_000_000)),
            ("1.0000000019", Some(1_000_000_001)),
            ("1.7952826e9", Some(1_795_282_600_000_000_000)),
            ("9007199254740992", Some(9_007_199_254_740_992_000_000_000)),
            ("9007199254740993", None),
            ("99999999999999999999999999", None),
            ("1e300", None),
            ("1e999", None),
            ("-1", None),
            ("-0", None),
            ("-0.0", None),
        ] {
            assert_eq!(NumericDate::read(text).map(|date| date.nanos), nanos, "{text}");
        }
    }

    #[test]
    fn tells_how_far_it_is() {
        let date = NumericDate::read("100").expect("a date");
        let at = Timestamp::from_nanos;
        assert_eq!(date.passed(at(99_999_999_999), Duration::from_secs(0)), None);
        assert_eq!(date.passed(at(100_000_000_000), Duration::from_secs(0)), Some(0));
        assert_eq!(date.passed(at(104_999_999_999), Duration::from_secs(5)), None);
        assert_eq!(date.passed(at(105_000_000_000), Duration::from_secs(5)), Some(5));
        assert_eq!(date.ahead(at(95_000_000_000), Duration::from_secs(5)), None);
        assert_eq!(date.ahead(at(94_999_999_999), Duration::from_secs(5)), Some(6));
        assert_eq!(date.older_than(at(110_000_000_000), Duration::from_secs(10)), None);
        assert_eq!(date.older_than(at(110_000_000_001), Duration::from_secs(10)), Some(10));
    }
}
