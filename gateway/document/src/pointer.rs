//! The tokens of JSON pointers (RFC 6901 §3).

use std::borrow::Cow;

/// A name as a token.
pub fn escaped(name: &str) -> Cow<'_, str> {
    if name.contains(['~', '/']) { name.replace('~', "~0").replace('/', "~1").into() } else { name.into() }
}

/// The name that a token is.
pub fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') { token.replace("~1", "/").replace("~0", "~").into() } else { token.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_its_name_again() {
        for (name, token) in [("a", "a"), ("", ""), ("a/b", "a~1b"), ("~1", "~01"), ("~/", "~0~1")] {
            assert_eq!((&*escaped(name), &*unescaped(token)), (token, name));
        }
    }
}
