use std::cmp::Ordering;

/// An `xs:decimal` as its digits: compared and counted without ever being a float.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'t> {
    negative: bool,
    whole: &'t str,
    fraction: &'t str,
}

impl<'t> Decimal<'t> {
    /// Reads the lexical form of XML Schema (Datatypes §3.2.3.1): `[+-]?(\d+(\.\d*)?|\.\d+)`.
    pub(crate) fn read(text: &'t str) -> Option<Self> {
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() && fraction.is_empty() || !digits(whole) || !digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let zero = whole.is_empty() && fraction.is_empty();
        Some(Self { negative: text.starts_with('-') && !zero, whole, fraction })
    }

    /// Significant digits before the point.
    pub(crate) fn whole_digits(&self) -> usize {
        self.whole.len()
    }

    /// Significant digits after the point.
    pub(crate) fn fraction_digits(&self) -> usize {
        self.fraction.len()
    }

    /// Significant digits (Datatypes §4.3.11): leading and trailing zeros do not count.
    pub(crate) fn total_digits(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    pub(crate) fn compare(&self, other: &Decimal<'_>) -> Ordering {
        let magnitude = || {
            let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole));
            whole.then_with(|| self.fraction.cmp(other.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => magnitude(),
            (true, true) => magnitude().reverse(),
        }
    }
}

/// Writes an XML number as JSON (RFC 8259 §6) wants it: no plus, no needless zeros before, a digit on both sides of a point.
/// Every other digit stays, trailing zeros of amounts among them.
pub(crate) fn json_number(out: &mut Vec<u8>, text: &str) {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if text.starts_with('-') {
        out.push(b'-');
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = whole.trim_start_matches('0');
    out.extend_from_slice(if whole.is_empty() { b"0" } else { whole.as_bytes() });
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction.as_bytes());
    }
    if let Some(exponent) = exponent {
        out.push(b'e');
        out.extend_from_slice(exponent.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_by_value_and_counts_digits() {
        let order = |one, other| Some(Decimal::read(one)?.compare(&Decimal::read(other)?));
        for (one, other, expected) in [
            ("1", "1.0", Ordering::Equal),
            ("-0", "+0.00", Ordering::Equal),
            ("12345678901234567890.1", "12345678901234567890.09", Ordering::Greater),
            ("-2", "-10", Ordering::Greater),
            ("9", "10", Ordering::Less),
            (".5", "0.49", Ordering::Greater),
            ("-1", "0", Ordering::Less),
        ] {
            assert_eq!(order(one, other), Some(expected), "{one} {other}");
        }
        let digits = Decimal::read("-00120.3400").map(|number| (number.total_digits(), number.whole_digits(), number.fraction_digits()));
        assert_eq!(digits, Some((5, 3, 2)));
        for bad in ["", ".", "+", "1e3", "1,5", "--1", "0x1", "١"] {
            assert!(Decimal::read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn writes_json_numbers() {
        for (text, expected) in
            [("+007.50", "7.50"), ("-.5", "-0.5"), ("1.", "1"), ("000", "0"), ("1.E+3", "1e+3"), ("9007199254740993", "9007199254740993")]
        {
            let mut out = Vec::new();
            json_number(&mut out, text);
            assert_eq!(String::from_utf8(out).as_deref(), Ok(expected));
        }
    }
}
