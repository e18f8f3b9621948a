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

    /// The `traceparent` header of version 00, all of it ASCII.
    pub fn to_text(self) -> [u8; 55] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &self.trace);
        write_hex(&mut text[36..52], &self.span);
        write_hex(&mut text[53..55], &[self.flags]);
        text
    }

    /// The same trace continued in a span of our own. Flags that nobody knows yet are not passed on (§4.3; level 2 knows two).
    #[must_use]
    pub fn with_span(self, span: [u8; 8]) -> Self {
        Self { span, flags: self.flags & 3, ..self }
    }
}

/// The `traceparent` header of version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

/// Writes bytes as lower-case hex, two characters each; what there is no room for is left out.
pub fn write_hex(text: &mut [u8], bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in text.as_chunks_mut::<2>().0.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
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
        let unknown = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff";
        let continued = TraceContext::parse(unknown).map(|context| context.with_span([1; 8]).to_string());
        assert_eq!(continued.as_deref(), Some("00-4bf92f3577b34da6a3ce929d0e0e4736-0101010101010101-03"));
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
