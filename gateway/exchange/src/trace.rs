use std::fmt;

/// The W3C trace context of an exchange (Trace Context level 1, §3.2): what `traceparent` carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The id of the whole trace; never all zeros.
    pub trace: [u8; 16],
    /// The id of the span that this gateway's answer belongs to; never all zeros.
    pub span: [u8; 8],
    /// The trace flags; bit 0 says that the caller records.
    pub flags: u8,
}

impl TraceContext {
    /// Reads a `traceparent` header. Anything the standard calls invalid gives `None`, and a new trace is begun instead.
    pub fn parse(header: &str) -> Option<Self> {
        let bytes = header.as_bytes();
        // A later version may append fields after another hyphen (§4.3); version ff is forbidden.
        let version = hex::<1>(bytes.get(..2)?)?[0];
        let well_formed = bytes.len() == 55 || (version > 0 && bytes.len() > 55 && bytes[55] == b'-');
        if version == 0xff || !well_formed || [2, 35, 52].iter().any(|&at| bytes[at] != b'-') {
            return None;
        }
        let context = Self { trace: hex(&bytes[3..35])?, span: hex(&bytes[36..52])?, flags: hex::<1>(&bytes[53..55])?[0] };
        (context.trace != [0; 16] && context.span != [0; 8]).then_some(context)
    }

    /// The same trace continued in a span of our own.
    #[must_use]
    pub fn with_span(self, span: [u8; 8]) -> Self {
        Self { span, ..self }
    }
}

/// The `traceparent` header of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", Hex(&self.trace), Hex(&self.span), self.flags)
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        // Pair by pair into a buffer and out at once: this is written for every exchange.
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text[..2 * self.0.len().min(16)]).unwrap_or_default())
    }
}

/// Lower-case hex only: the standard refuses capitals.
fn hex<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut out = [0; N];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    (text.len() == 2 * N).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_standard_allows() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(TraceContext::parse(good).map(|context| context.to_string()).as_deref(), Some(good));
        let later = "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more";
        assert!(TraceContext::parse(later).is_some());
        for bad in [
            "",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-é",
        ] {
            assert_eq!(TraceContext::parse(bad), None, "{bad}");
        }
    }
}
