//! The check character of a codice fiscale (D.M. 23/12/1976), so that the invented ones are right.

/// What a character counts in an odd position; in an even one a digit counts its value and a letter its place.
const ODD: [u32; 36] = [
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, // 0 to 9
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23, // A to Z
];

/// The check character of the first fifteen; `None` where one of them is no capital letter or digit.
pub fn check_character(first: &str) -> Option<char> {
    let mut sum = 0;
    for (at, letter) in first.chars().enumerate() {
        let value = match letter {
            '0'..='9' => u32::from(letter) - u32::from('0'),
            'A'..='Z' => u32::from(letter) - u32::from('A') + 10,
            _ => return None,
        };
        sum += match at % 2 {
            0 => ODD[value as usize],
            _ if value < 10 => value,
            _ => value - 10,
        };
    }
    (first.chars().count() == 15).then(|| char::from_u32(u32::from('A') + sum % 26)).flatten()
}

/// Whether the sixteenth character is the right one.
pub fn is_right(code: &str) -> bool {
    let mut letters = code.chars();
    let last = letters.next_back();
    last.is_some() && check_character(letters.as_str()) == last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_right_from_wrong() {
        for right in ["RSSMRA80A01H501U", "RSSMRA79B11C566R", "BNCGLI85T50F205Z", "RSSMRA80A01H50MM", "BNCGLIURTRLFNLRS"] {
            assert!(is_right(right), "{right}");
        }
        for wrong in ["RSSMRA80A01H501Z", "RSSMRA80A01H501", "", "rssmra80a01h501u", "RSSMRA80A01H501UU", "RSSMRA80A01H50ÈU"] {
            assert!(!is_right(wrong), "{wrong}");
        }
    }
}
