//! Which of the headers that stages look for a request has.
//!
//! Most requests have few of them. They are seen in one pass over the names, so that a stage that finds none here need not look for
//! it: a look-up hashes the name, and there would be a dozen a request.

use std::ops::BitOr;

use http::HeaderMap;

/// A set of the names below. Of a request it tells what came: what stages have taken out since is in it still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present(u16);

/// Each name that is looked for, and its place.
macro_rules! names {
    ($($constant:ident $name:literal $bit:literal)*) => {
        impl Present {
            $(#[doc = concat!("`", $name, "`.")] pub const $constant: Self = Self(1 << $bit);)*

            fn of(name: &str) -> Self {
                match name {
                    $($name => Self::$constant,)*
                    _ => Self::default(),
                }
            }

            #[cfg(test)]
            const ALL: &[(&'static str, Self)] = &[$(($name, Self::$constant)),*];
        }
    };
}

names! {
    ACCEPT_LANGUAGE "accept-language" 0
    AUTHORIZATION "authorization" 1
    CONTENT_TYPE "content-type" 2
    CORRELATION "x-correlation-id" 3
    DIGEST "digest" 4
    EXPECT "expect" 5
    HOST "host" 12
    IF_MODIFIED_SINCE "if-modified-since" 6
    IF_NONE_MATCH "if-none-match" 7
    RANGE "range" 8
    TRACEPARENT "traceparent" 9
    TRANSFER_ENCODING "transfer-encoding" 10
    UPGRADE "upgrade" 11
}

impl Present {
    /// Those among the headers of a request.
    pub fn among(headers: &HeaderMap) -> Self {
        headers.keys().fold(Self::default(), |all, name| all | Self::of(name.as_str()))
    }

    /// Whether any of the others came.
    pub fn has(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

impl BitOr for Present {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn each_name_is_seen_whatever_its_case_and_is_no_other() {
        for (name, one) in Present::ALL {
            let mut headers = HeaderMap::new();
            headers.insert("accept", HeaderValue::from_static("x"));
            assert_eq!(Present::among(&headers), Present::default());
            headers.insert(HeaderName::from_bytes(name.to_ascii_uppercase().as_bytes()).expect("a name"), HeaderValue::from_static("x"));
            assert_eq!(Present::among(&headers), *one, "{name}");
            assert_eq!(Present::ALL.iter().filter(|(_, other)| one.has(*other)).count(), 1, "{name}");
        }
    }
}
