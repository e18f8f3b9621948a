/// The known word that was most likely meant by one that is not known, if any is near enough: for `did you mean` hints.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let (steps, nearest) = known.into_iter().map(|known| (distance(&known.to_lowercase(), &lower), known)).min()?;
    // Of short words more than a half has to be right.
    (steps <= 2.max(word.len() / 3) && 2 * steps <= word.len()).then_some(nearest)
}

/// The known word that one slip of the hand makes of another: a letter too many, too few, wrong or at its neighbour's place, or capitals.
/// For words of which many are right that are not known.
pub fn slip_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known.into_iter().find(|known| {
        let known = known.to_lowercase();
        distance(&known, &lower) <= 1 || is_swapped(&known, &lower)
    })
}

/// Whether two words differ by two neighbours that changed places.
fn is_swapped(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let Some(at) = one.iter().zip(&other).position(|(one, other)| one != other) else { return false };
    one.len() == other.len()
        && other.get(at + 1) == one.get(at)
        && one.get(at + 1) == other.get(at)
        && one.get(at + 2..) == other.get(at + 2..)
}

/// Levenshtein's distance.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, &wanted) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != wanted);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        for (word, expected) in [
            ("adress", Some("address")),
            ("timeuot", Some("timeout")),
            ("x", None),
            ("tim", None),
            ("Timeout", Some("timeout")),
            ("certificate", None),
        ] {
            assert_eq!(nearest(word, ["address", "timeout"]), expected, "{word}");
        }
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn knows_a_slip_from_another_word() {
        let known = ["type", "items", "required", "minLength", "not"];
        for (word, expected) in [
            ("requird", Some("required")),
            ("minlength", Some("minLength")),
            ("minLenght", Some("minLength")),
            ("Type", Some("type")),
            ("typ", Some("type")),
            ("etyp", None),
            ("tsType", None),
            ("terms", None),
            ("label", None),
            ("", None),
        ] {
            assert_eq!(slip_of(word, known), expected, "{word}");
        }
    }
}
