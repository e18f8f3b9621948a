/// The known word that was most likely meant by one that is not known, if any is near enough: for `did you mean` hints.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let (steps, nearest) = known.into_iter().map(|known| (distance(&known.to_lowercase(), &lower), known)).min()?;
    // Of short words more than a half has to be right.
    (steps <= 2.max(word.len() / 3) && 2 * steps <= word.len()).then_some(nearest)
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
}
