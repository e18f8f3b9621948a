use strsim::osa_distance;

/// The known word that was most likely meant by one that is not known, if any is near enough: for `did you mean` hints.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    let (steps, nearest) = known.into_iter().map(|known| (osa_distance(&known.to_lowercase(), &lower), known)).min()?;
    // Of short words more than a half has to be right.
    (steps <= 2.max(word.len() / 3) && 2 * steps <= word.len()).then_some(nearest)
}

/// The known word that one slip of the hand makes of another: a letter too many, too few, wrong or at its neighbour's place, or capitals.
/// For words of which many are right that are not known.
pub fn slip_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known.into_iter().find(|known| osa_distance(&known.to_lowercase(), &lower) <= 1)
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
