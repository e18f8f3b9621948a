use super::Decimal;

/// What XML Schema does with white space before anything else (Datatypes §4.3.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum White {
    Preserve,
    Replace,
    Collapse,
}

macro_rules! builtins {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// The built-in types of XML Schema that are mapped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Builtin { $(#[doc = $name] $variant),* }

        impl Builtin {
            /// The type of this local name.
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }

            /// Its local name.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

builtins! {
    String "string", NormalizedString "normalizedString", Token "token", Language "language", Name "Name", NcName "NCName",
    NmToken "NMTOKEN", Id "ID", IdRef "IDREF", AnyUri "anyURI", Boolean "boolean", Decimal "decimal", Integer "integer",
    NonPositive "nonPositiveInteger", Negative "negativeInteger", NonNegative "nonNegativeInteger", Positive "positiveInteger",
    Long "long", Int "int", Short "short", Byte "byte", UnsignedLong "unsignedLong", UnsignedInt "unsignedInt",
    UnsignedShort "unsignedShort", UnsignedByte "unsignedByte", Float "float", Double "double", Duration "duration",
    DateTime "dateTime", Time "time", Date "date", YearMonth "gYearMonth", Year "gYear", MonthDay "gMonthDay", Day "gDay",
    Month "gMonth", Base64 "base64Binary", Hex "hexBinary",
}

impl Builtin {
    /// What is done with white space in a type derived from this one alone.
    pub(crate) fn white(self) -> White {
        match self {
            Self::String => White::Preserve,
            Self::NormalizedString => White::Replace,
            _ => White::Collapse,
        }
    }

    /// Whether values are numbers written in digits.
    pub(crate) fn is_decimal(self) -> bool {
        matches!(self, Self::Decimal) || self.is_integer()
    }

    fn is_integer(self) -> bool {
        matches!(self, Self::Integer) || self.range() != (None, None)
    }

    /// Whether values are binary floating point numbers.
    pub(crate) fn is_float(self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }

    /// Whether values name a moment, a day or a part of one.
    pub(crate) fn is_date(self) -> bool {
        matches!(
            self,
            Self::Duration
                | Self::DateTime
                | Self::Time
                | Self::Date
                | Self::YearMonth
                | Self::Year
                | Self::MonthDay
                | Self::Day
                | Self::Month
        )
    }

    /// The least and the greatest value of an integer type.
    pub(crate) fn range(self) -> (Option<&'static str>, Option<&'static str>) {
        match self {
            Self::NonPositive => (None, Some("0")),
            Self::Negative => (None, Some("-1")),
            Self::NonNegative => (Some("0"), None),
            Self::Positive => (Some("1"), None),
            Self::Long => (Some("-9223372036854775808"), Some("9223372036854775807")),
            Self::Int => (Some("-2147483648"), Some("2147483647")),
            Self::Short => (Some("-32768"), Some("32767")),
            Self::Byte => (Some("-128"), Some("127")),
            Self::UnsignedLong => (Some("0"), Some("18446744073709551615")),
            Self::UnsignedInt => (Some("0"), Some("4294967295")),
            Self::UnsignedShort => (Some("0"), Some("65535")),
            Self::UnsignedByte => (Some("0"), Some("255")),
            _ => (None, None),
        }
    }

    /// Whether a text, its white space settled, is a value of this type.
    pub(crate) fn admits(self, text: &str) -> bool {
        match self {
            Self::String | Self::NormalizedString | Self::Token | Self::AnyUri => true,
            Self::Boolean => matches!(text, "true" | "false" | "1" | "0"),
            Self::Decimal => Decimal::read(text).is_some(),
            Self::Float | Self::Double => is_float(text),
            Self::Duration => is_duration(text),
            Self::DateTime => text.split_once('T').is_some_and(|(date, time)| is_date(date) && is_time(without_zone(time))),
            Self::Date => is_date(without_zone(text)),
            Self::Time => is_time(without_zone(text)),
            Self::YearMonth => without_zone(text).rsplit_once('-').is_some_and(|(year, month)| is_year(year) && number(month, 1, 12)),
            Self::Year => is_year(without_zone(text)),
            Self::MonthDay => without_zone(text).strip_prefix("--").is_some_and(|day| is_day_of("2000", day)),
            Self::Day => without_zone(text).strip_prefix("---").is_some_and(|day| number(day, 1, 31)),
            Self::Month => without_zone(text).strip_prefix("--").is_some_and(|month| number(month, 1, 12)),
            Self::Hex => text.len().is_multiple_of(2) && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            Self::Base64 => base64_bytes(text).is_some(),
            Self::Language => is_language(text),
            Self::NmToken => !text.is_empty() && text.chars().all(name_letter),
            Self::Name => text.starts_with(name_start) && text.chars().all(name_letter),
            Self::NcName | Self::Id | Self::IdRef => {
                text.starts_with(name_start) && text.chars().all(|letter| letter != ':' && name_letter(letter))
            }
            _ => self.admits_integer(text),
        }
    }

    fn admits_integer(self, text: &str) -> bool {
        let Some(value) = Decimal::read(text).filter(|_| !text.contains('.')) else { return false };
        let (least, greatest) = self.range();
        let bound = |bound: Option<&'static str>| bound.and_then(Decimal::read);
        bound(least).is_none_or(|least| value.compare(&least).is_ge()) && bound(greatest).is_none_or(|most| value.compare(&most).is_le())
    }
}

fn name_start(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '_' | ':')
}

fn name_letter(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '_' | ':' | '-' | '.' | '\u{b7}') || ('\u{300}'..='\u{36f}').contains(&letter)
}

fn is_language(text: &str) -> bool {
    let mut parts = text.split('-');
    let first = parts.next().is_some_and(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic()));
    first && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn is_float(text: &str) -> bool {
    if matches!(text, "INF" | "-INF" | "NaN") {
        return true;
    }
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent),
        None => (text, "0"),
    };
    Decimal::read(mantissa).is_some() && Builtin::Integer.admits_integer(exponent)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Two digits between two bounds.
fn number(text: &str, least: u8, most: u8) -> bool {
    text.len() == 2 && digits(text) && text.parse().is_ok_and(|value: u8| (least..=most).contains(&value))
}

/// The text before a time zone; a zone that is none stays, and is then no part of any value.
fn without_zone(text: &str) -> &str {
    if let Some(text) = text.strip_suffix('Z') {
        return text;
    }
    let Some((rest, zone)) = text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) else { return text };
    let hours = zone.strip_prefix(['+', '-']).and_then(|zone| zone.split_once(':'));
    let legal = hours.is_some_and(|(hours, minutes)| number(hours, 0, 13) && number(minutes, 0, 59) || (hours, minutes) == ("14", "00"));
    if legal { rest } else { text }
}

/// Four digits or more, without needless zeros (Datatypes §3.2.7.1). The year 0000 that XSD 1.0 forbids is 1 BC in 1.1 and
/// in real messages.
fn is_year(text: &str) -> bool {
    let year = text.strip_prefix('-').unwrap_or(text);
    digits(year) && (year.len() == 4 || year.len() > 4 && !year.starts_with('0'))
}

fn is_date(text: &str) -> bool {
    let Some((year, day)) = text.len().checked_sub(6).and_then(|at| text.split_at_checked(at)) else { return false };
    is_year(year) && day.strip_prefix('-').is_some_and(|day| is_day_of(year, day))
}

fn is_day_of(year: &str, text: &str) -> bool {
    let Some((month, day)) = text.split_once('-') else { return false };
    // Only the last four digits matter to the leap years' cycle of 400.
    let year: u32 = year.get(year.len().saturating_sub(4)..).and_then(|year| year.parse().ok()).unwrap_or_default();
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let days = match month {
        "02" if leap => 29,
        "02" => 28,
        "04" | "06" | "09" | "11" => 30,
        _ => 31,
    };
    number(month, 1, 12) && number(day, 1, days)
}

fn is_time(text: &str) -> bool {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let (Some(hours), Some(minutes), Some(seconds), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return false };
    if (hours, minutes, seconds) == ("24", "00", "00") {
        return fraction.is_none_or(|fraction| digits(fraction) && fraction.bytes().all(|byte| byte == b'0'));
    }
    number(hours, 0, 23) && number(minutes, 0, 59) && number(seconds, 0, 59) && fraction.is_none_or(digits)
}

fn is_duration(text: &str) -> bool {
    let Some(text) = text.strip_prefix('-').unwrap_or(text).strip_prefix('P') else { return false };
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let whole = units(date, "YMD", false) && time.is_none_or(|time| !time.is_empty() && units(time, "HMS", true));
    whole && !(date.is_empty() && time.is_none())
}

/// Numbers, each followed by a letter, the letters in this order and none twice.
fn units(mut text: &str, mut letters: &str, fraction: bool) -> bool {
    while let Some(at) = text.find(|letter: char| letter.is_ascii_alphabetic()) {
        let (amount, letter) = (&text[..at], &text[at..=at]);
        let Some(order) = letters.find(letter) else { return false };
        let seconds = fraction && letter == "S";
        let plain = digits(amount) || seconds && amount.split_once('.').is_some_and(|(whole, rest)| digits(whole) && digits(rest));
        if !plain {
            return false;
        }
        (text, letters) = (&text[at + 1..], &letters[order + 1..]);
    }
    text.is_empty()
}

/// How many bytes a base64 text, blanks allowed anywhere (Datatypes §3.2.16), stands for.
pub(crate) fn base64_bytes(text: &str) -> Option<usize> {
    let (mut letters, mut padding, mut last) = (0usize, 0usize, 0u8);
    for byte in text.bytes() {
        match byte {
            b' ' | b'\n' | b'\t' | b'\r' => {}
            b'=' => padding += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if padding == 0 => (letters, last) = (letters + 1, byte),
            _ => return None,
        }
    }
    // The bits that the last letter has in excess must be zero: one value has one text.
    let whole = match (letters % 4, padding) {
        (0, 0) => true,
        (2, 2) => b"AQgw".contains(&last),
        (3, 1) => b"AEIMQUYcgkosw048".contains(&last),
        _ => false,
    };
    whole.then(|| letters * 3 / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_lexical_space() {
        use Builtin as B;
        for (builtin, good, bad) in [
            (B::Boolean, &["true", "0"][..], &["TRUE", "", "yes"][..]),
            (B::Int, &["-2147483648", "+7", "007"], &["2147483648", "1.0", "", "1e3"]),
            (B::UnsignedLong, &["18446744073709551615"], &["18446744073709551616", "-1"]),
            (B::Decimal, &["12345678901234567890.12", ".5", "1.", "-0"], &["1e3", "", "."]),
            (B::Double, &["1e5", "-INF", "NaN", "1.5E-3"], &["+INF", "inf", "1e", "e5"]),
            (
                B::Date,
                &["2024-02-29", "2024-01-01+01:00", "2024-01-01Z", "-0044-03-15", "12024-01-01", "0000-01-01"],
                &["2023-02-29", "2024-1-1", "2024-13-01", "2024-01-01T00:00:00", "01/01/2024", "", "2024-01-01+15:00", "2024-01-01 "],
            ),
            (
                B::DateTime,
                &["2024-01-01T24:00:00", "2024-01-01T10:00:00.123456789-14:00", "2024-01-01T10:00:00"],
                &[
                    "2024-01-01",
                    "2024-01-01T24:00:01",
                    "2024-01-01t10:00:00",
                    "2024-01-01T10:00:60",
                    "2024-01-01T10:00",
                    "2024-01-01T10:00:00.",
                ],
            ),
            (B::Time, &["10:00:00Z", "23:59:59.9"], &["24:00:01", "10:00"]),
            (B::Duration, &["P1Y2M3DT4H5M6.7S", "-P1D", "PT0S"], &["P", "PT", "P1S", "1D", "P1.5D", "P1M1Y", ""]),
            (B::MonthDay, &["--02-29", "--12-31Z"], &["--02-30", "02-01"]),
            (B::Year, &["2024", "2024+01:00"], &["24", "02024"]),
            (B::YearMonth, &["2024-12"], &["2024-13", "2024"]),
            (B::Day, &["---31"], &["---32"]),
            (B::Month, &["--01"], &["--13"]),
            (B::Hex, &["", "0aFF"], &["abc", "zz"]),
            (B::Base64, &["", "YQ==", "YWI=", "YW\nJj"], &["YQ", "YR==", "YQ=", "Y===", "Y*=="]),
            (B::Language, &["it", "en-US"], &["", "it_IT"]),
            (B::NcName, &["a-b.c"], &["a:b", "1a", ""]),
        ] {
            for text in good {
                assert!(builtin.admits(text), "{} admits {text}", builtin.name());
            }
            for text in bad {
                assert!(!builtin.admits(text), "{} refuses {text}", builtin.name());
            }
        }
    }
}
