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

    /// The text of [`fmt::Display`], all of it ASCII. Two of them stand in every record.
    pub fn to_text(self) -> [u8; 30] {
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        // Nanoseconds in 64 bits end in the year 2262, so every instant has a date of four digits.
        let instant = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        let date = jiff::tz::Offset::UTC.to_datetime(instant);
        write_digits(&mut text[..4], u32::from(date.year().unsigned_abs()));
        write_digits(&mut text[5..7], date.month().unsigned_abs().into());
        write_digits(&mut text[8..10], date.day().unsigned_abs().into());
        write_digits(&mut text[11..13], date.hour().unsigned_abs().into());
        write_digits(&mut text[14..16], date.minute().unsigned_abs().into());
        write_digits(&mut text[17..19], date.second().unsigned_abs().into());
        write_digits(&mut text[20..29], date.subsec_nanosecond().unsigned_abs());
        text
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
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

fn write_digits(text: &mut [u8], mut value: u32) {
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
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
            (951_782_400_000_000_001, "2000-02-29T00:00:00.000000001Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224192Z"),
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
