/// How many bytes from the beginning may stand in a JSON string as they are: up to the first quote, backslash or control
/// character (RFC 8259 §7).
pub(super) fn plain_length(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        if let Some(special) = first_special(u64::from_le_bytes(*word)) {
            return 8 * at + special;
        }
    }
    8 * words.len() + tail.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count()
}

/// The first of eight bytes, read from the lowest, that is a quote, a backslash or a control character.
fn first_special(word: u64) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = ONES << 7;
    // A byte below n borrows into its own highest bit. A borrow may run on into higher bytes, never into a lower one, so the
    // lowest bit that is set is right.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    let special = (below(word, 0x20) | is(b'"') | is(b'\\')) & HIGH;
    (special != 0).then(|| special.trailing_zeros() as usize / 8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn finds_the_first_special_byte(bytes in prop::collection::vec(prop_oneof![8 => any::<u8>(), 1 => 0x1f..=0x23_u8, 1 => 0x5b..=0x5d_u8], 0..40)) {
            let expected = bytes.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0..0x20)).count();
            prop_assert_eq!(plain_length(&bytes), expected);
        }
    }
}
