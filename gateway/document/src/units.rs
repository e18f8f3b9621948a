use std::time::Duration;

/// Reads a duration with its unit: `250ms`, `10s`, `5m`, `1h`, `7d`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let millis = match unit {
        "ms" => number,
        "s" => number.checked_mul(1000)?,
        "m" => number.checked_mul(60_000)?,
        "h" => number.checked_mul(3_600_000)?,
        "d" => number.checked_mul(86_400_000)?,
        _ => return None,
    };
    Some(Duration::from_millis(millis))
}

/// Reads a size with its unit: `512B`, `64KiB`, `10MiB`, `1GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads a rate: so many in a duration, `50/s`, `3000/m`, `1/10s`.
pub fn parse_rate(text: &str) -> Option<(u64, Duration)> {
    let (number, unit) = text.split_once('/')?;
    let unit = unit.trim();
    let period =
        if unit.starts_with(|first: char| first.is_ascii_digit()) { parse_duration(unit) } else { parse_duration(&format!("1{unit}")) };
    Some((number.trim().parse().ok()?, period.filter(|period| !period.is_zero())?))
}

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wants_units() {
        assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
        assert_eq!(parse_duration("2 m"), Some(Duration::from_mins(2)));
        assert_eq!(parse_bytes("10MiB"), Some(10 << 20));
        assert_eq!(parse_rate("50/s"), Some((50, Duration::from_secs(1))));
        assert_eq!(parse_rate("1/10s"), Some((1, Duration::from_secs(10))));
        assert_eq!(parse_rate("3/0s"), None);
        for bad in ["10", "s", "", "1.5s", "10 fortnights", "99999999999999999999s", "-1s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
            assert_eq!(parse_bytes(bad), None, "{bad}");
        }
    }
}
