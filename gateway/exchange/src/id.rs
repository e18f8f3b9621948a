use std::fmt;

use uuid::Uuid;

use crate::Timestamp;

/// The id of an exchange: a UUIDv7 (RFC 9562 §5.7), so that ids sort by the time the request was seen.
///
/// It is what a caller finds in a problem's `instance`, what the record carries as `id`, and what one searches the log by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(Uuid);

impl ExchangeId {
    /// A new id for a request seen `at`; `random` fills the 74 bits that are not time.
    pub fn new(at: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(at.nanos() / 1_000_000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Reads the hyphenated form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        // The other forms that UUIDs have (braces, `urn:uuid:`, no hyphens) have other lengths.
        (text.len() == uuid::fmt::Hyphenated::LENGTH).then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
    }

    /// The id of these sixteen bytes, as a frame of the log carries it.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// The hyphenated form, lower case.
    pub fn to_text(self) -> [u8; uuid::fmt::Hyphenated::LENGTH] {
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        self.0.as_hyphenated().encode_lower(&mut text);
        text
    }

    /// The sixteen bytes of the id.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_read_back() {
        let early = ExchangeId::new(Timestamp::from_nanos(1_000_000_000), [0xff; 10]);
        let late = ExchangeId::new(Timestamp::from_nanos(1_001_000_000), [0; 10]);
        assert!(early < late);
        assert_eq!(ExchangeId::parse(&late.to_string()), Some(late));
        for other in [format!("{{{late}}}"), format!("urn:uuid:{late}"), late.to_string().replace('-', "")] {
            assert_eq!(ExchangeId::parse(&other), None, "{other}");
        }
        assert_eq!(&late.to_string()[14..15], "7", "the version of a UUIDv7");
    }
}
