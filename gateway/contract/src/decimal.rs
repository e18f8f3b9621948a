//! Numbers of JSON by their digits: compared and divided without ever being a float.

use std::cmp::Ordering;

/// With so many digits the square of a number has no more than 128 bits.
pub(crate) const MOST_DIVISOR_DIGITS: usize = 19;

/// A number (RFC 8259 §6): its digits without zeros around them, and how many of them stand before the point.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decimal<'t> {
    is_negative: bool,
    /// The digits: those of the one, then those of the other.
    whole: &'t [u8],
    fraction: &'t [u8],
    /// 1 for 5, 3 for 500, 0 for 0.5, -1 for 0.05.
    point: i64,
}

impl<'t> Decimal<'t> {
    /// Reads what a reader of JSON has taken for a number.
    pub(crate) fn read(text: &'t str) -> Self {
        let unsigned = text.strip_prefix('-').unwrap_or(text);
        let (mantissa, exponent) = unsigned.split_once(['e', 'E']).unwrap_or((unsigned, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        let significant = if whole.is_empty() { fraction.trim_start_matches('0') } else { fraction };
        let point = length(whole) - if whole.is_empty() { length(fraction) - length(significant) } else { 0 };
        // Zeros at the end of the whole are none where nothing is behind the point.
        let whole = if significant.is_empty() { whole.trim_end_matches('0') } else { whole };
        let is_zero = whole.is_empty() && significant.is_empty();
        Self {
            is_negative: text.starts_with('-') && !is_zero,
            whole: whole.as_bytes(),
            fraction: significant.as_bytes(),
            point: if is_zero { 0 } else { point.saturating_add(whole_number(exponent)) },
        }
    }

    fn count(&self) -> usize {
        self.whole.len() + self.fraction.len()
    }

    fn is_zero(&self) -> bool {
        self.count() == 0
    }

    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.iter().chain(self.fraction).map(|digit| digit - b'0')
    }

    /// The power of ten of the last digit.
    fn exponent(&self) -> i64 {
        self.point.saturating_sub(i64::try_from(self.count()).unwrap_or(i64::MAX))
    }

    /// Whether it is a whole number, however it is written.
    pub(crate) fn is_integer(&self) -> bool {
        self.is_zero() || self.exponent() >= 0
    }

    /// Which of two numbers is the larger.
    pub(crate) fn compare(&self, other: &Decimal<'_>) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => self.compare_size(other),
            (true, true) => other.compare_size(self),
        }
    }

    fn compare_size(&self, other: &Decimal<'_>) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Without zeros at the end the shorter of two that begin alike is the smaller.
            (false, false) => self.point.cmp(&other.point).then_with(|| self.digits().cmp(other.digits())),
        }
    }

    /// Whether others may be held against it as multiples.
    pub(crate) fn may_divide(&self) -> bool {
        self.count() <= MOST_DIVISOR_DIGITS
    }

    /// Whether it is a multiple of another, which [may divide](Self::may_divide).
    pub(crate) fn is_multiple_of(&self, divisor: &Decimal<'_>) -> bool {
        let modulus = divisor.digits().fold(0_u128, |number, digit| number * 10 + u128::from(digit));
        if self.is_zero() || modulus == 0 {
            return self.is_zero();
        }
        // The last digit is no zero: what ends in more places than the divisor is no multiple of it.
        let Ok(zeros) = u64::try_from(self.exponent().saturating_sub(divisor.exponent())) else { return false };
        let rest = self.digits().fold(0_u128, |rest, digit| (rest * 10 + u128::from(digit)) % modulus);
        (rest * power_of_ten(zeros, modulus)).is_multiple_of(modulus)
    }

    /// The same text for the same number.
    pub(crate) fn canonical(&self) -> String {
        let digits: String = self.digits().map(|digit| char::from(digit + b'0')).collect();
        format!("{}{digits}e{}", if self.is_negative { "-" } else { "" }, self.point)
    }
}

/// Whether a text is a number as JSON writes it (RFC 8259 §6).
pub(crate) fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = unsigned.split_once(['e', 'E']).map_or((unsigned, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent)))
}

/// 10ⁿ modulo something of at most 64 bits.
fn power_of_ten(mut n: u64, modulus: u128) -> u128 {
    let (mut power, mut square) = (1 % modulus, 10 % modulus);
    while n > 0 {
        if n & 1 == 1 {
            power = power * square % modulus;
        }
        square = square * square % modulus;
        n >>= 1;
    }
    power
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// An exponent; one that is too long for a number is beyond any that is not.
fn whole_number(text: &str) -> i64 {
    let text = text.strip_prefix('+').unwrap_or(text);
    text.parse().unwrap_or(if text.starts_with('-') { i64::MIN / 2 } else { i64::MAX / 2 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_by_their_digits() {
        // Each is smaller than the one after it.
        let ordered = [
            "-1e400",
            "-1e300",
            "-100.0000000000000000001",
            "-100",
            "-1.5",
            "-0.05",
            "-1e-400",
            "0",
            "1e-400",
            "0.05",
            "0.5",
            "0.99999999999999999999",
            "1",
            "1.00000000000000000001",
            "1.5",
            "1.50000000000000000000001",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740993.5",
            "1e16",
            "1e300",
            "1e400",
            "1e99999999999999999999",
        ];
        for (at, one) in ordered.iter().enumerate() {
            for (other_at, other) in ordered.iter().enumerate() {
                assert_eq!(Decimal::read(one).compare(&Decimal::read(other)), at.cmp(&other_at), "{one} {other}");
            }
        }
        for (one, same) in
            [("1", "1.0"), ("100", "1e2"), ("0.05", "5e-2"), ("-0", "0.000"), ("1200", "0.012E+5"), ("10.50", "10.5"), ("0e9", "0")]
        {
            assert_eq!(Decimal::read(one).compare(&Decimal::read(same)), Ordering::Equal, "{one} {same}");
            assert_eq!(Decimal::read(one).canonical(), Decimal::read(same).canonical(), "{one} {same}");
        }
    }

    #[test]
    fn multiples_are_exact() {
        for (number, divisor, expected) in [
            ("0", "3", true),
            ("9", "3", true),
            ("10", "3", false),
            ("-9", "3", true),
            ("0.3", "0.1", true),
            ("0.35", "0.1", false),
            ("0.0075", "0.0001", true),
            ("0.00751", "0.0001", false),
            ("4.5", "1.5", true),
            ("1e308", "0.123456789", false),
            ("1e308", "0.5", true),
            ("1e-9", "1e-10", true),
            ("1e400", "7", false),
            ("12391239123", "1e-8", true),
            ("18446744073709551615", "18446744073709551615", true),
            ("18446744073709551614", "18446744073709551615", false),
            ("100", "1e2", true),
            ("50", "1e2", false),
            ("9007199254740993", "2", false),
        ] {
            assert_eq!(Decimal::read(number).is_multiple_of(&Decimal::read(divisor)), expected, "{number} {divisor}");
        }
    }
}
