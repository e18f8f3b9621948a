use std::fmt;

/// An instant of wall time, in nanoseconds since 1970-01-01T00:00:00Z.
///
/// It is read once an exchange and is the `now` of every rule; durations come from a monotonic clock instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant this many nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// The instant this many whole seconds after the epoch, saturating in the year 2262.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// Reads an RFC 3339 instant with its offset. For load time: what a caller sends in a token has rules of its own.
    pub fn parse(text: &str) -> Option<Self> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(instant.as_nanosecond()).ok().map(Self)
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the NumericDate of RFC 7519 §2.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000_000)
    }

    /// This instant plus some nanoseconds, saturating.
    #[must_use]
    pub const fn plus_nanos(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

/// RFC 3339 in UTC with exactly nine decimals and a capital `T` and `Z`, as the audit log and ModI's RAC_GEN_LOG_01 ask.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).map_err(|_| fmt::Error)?;
        write!(f, "{instant:.9}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_nine_decimals_and_z() {
        for (nanos, expected) in [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_795_282_939_103_456_789, "2026-11-21T17:42:19.103456789Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ] {
            assert_eq!(Timestamp::from_nanos(nanos).to_string(), expected);
        }
        assert_eq!(Timestamp::from_nanos(-1).seconds(), -1);
    }

    #[test]
    fn reads_instants_with_an_offset() {
        for (text, nanos) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-21T18:42:19.103456789+01:00", Some(1_795_282_939_103_456_789)),
            ("2026-11-21T17:42:19", None),
            ("2026-11-21", None),
            ("9999-12-31T23:59:59Z", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse(text).map(Timestamp::nanos), nanos, "{text}");
        }
    }
}
