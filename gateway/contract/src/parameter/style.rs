//! How a parameter is written: the styles of OpenAPI (3.0.4 §4.7.12.3), which are expansions of RFC 6570 and three more.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::described::Location;

/// The style of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `a,b`: of paths and headers.
    Simple,
    /// `.a,b` or `.a.b`
    Label,
    /// `;name=a,b` or `;name=a;name=b`
    Matrix,
    /// `name=a,b` or `name=a&name=b`: of queries and cookies.
    Form,
    /// `name=a%20b`
    SpaceDelimited,
    /// `name=a%7Cb`
    PipeDelimited,
    /// `name[member]=a`
    DeepObject,
    /// `name=a; name=b`, as it stands: of cookies, from OpenAPI 3.2 on.
    Cookie,
}

impl Style {
    /// Reads its name, of a style that every version has.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "simple" => Self::Simple,
            "label" => Self::Label,
            "matrix" => Self::Matrix,
            "form" => Self::Form,
            "spaceDelimited" => Self::SpaceDelimited,
            "pipeDelimited" => Self::PipeDelimited,
            "deepObject" => Self::DeepObject,
            _ => return None,
        })
    }

    /// Whether parameters that stand there may be written so.
    pub(crate) fn is_of(self, location: Location) -> bool {
        match location {
            Location::Path => matches!(self, Self::Simple | Self::Label | Self::Matrix),
            Location::Query => matches!(self, Self::Form | Self::SpaceDelimited | Self::PipeDelimited | Self::DeepObject),
            Location::Header => self == Self::Simple,
            Location::Cookie => matches!(self, Self::Form | Self::Cookie),
        }
    }
}

/// What a parameter is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Scalar,
    List,
    Record,
}

/// The pieces that a text was split into, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pieces<'t> {
    One(Cow<'t, str>),
    Many(Vec<Cow<'t, str>>),
    Pairs(Vec<(Cow<'t, str>, Cow<'t, str>)>),
}

impl Pieces<'_> {
    /// The same pieces, of a text that does not last.
    pub(crate) fn into_owned(self) -> Pieces<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::One(text) => Pieces::One(own(text)),
            Self::Many(items) => Pieces::Many(items.into_iter().map(own).collect()),
            Self::Pairs(pairs) => Pieces::Pairs(pairs.into_iter().map(|(name, value)| (own(name), own(value))).collect()),
        }
    }
}

/// How the pieces of a text are decoded once they are apart.
pub(crate) type Decode = for<'t> fn(&'t str) -> Option<Cow<'t, str>>;

/// Percent sequences (RFC 3986 §2.1); `None` for one that decodes to nothing.
pub(crate) fn percent(text: &str) -> Option<Cow<'_, str>> {
    let hex = |at: usize| text.as_bytes().get(at).is_some_and(u8::is_ascii_hexdigit);
    if text.match_indices('%').any(|(at, _)| !hex(at + 1) || !hex(at + 2)) {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok()
}

/// The same where a plus sign is a space (`application/x-www-form-urlencoded`).
pub(crate) fn form(text: &str) -> Option<Cow<'_, str>> {
    if text.contains('+') {
        return percent(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned()));
    }
    percent(text)
}

/// As it is: of cookies that say so (`style: cookie`).
pub(crate) fn verbatim(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text))
}

/// As it is, but for the white space around commas (RFC 9110 §5.6.1): of headers.
pub(crate) fn plain(text: &str) -> Option<Cow<'_, str>> {
    Some(Cow::Borrowed(text.trim()))
}

/// Splits the text of a path parameter, or of a header. `None` where it is not written in this style.
pub(crate) fn split<'t>(style: Style, explode: bool, shape: Shape, name: &str, text: &'t str, decode: Decode) -> Option<Pieces<'t>> {
    match style {
        Style::Label => {
            let rest = text.strip_prefix('.')?;
            // Up to 3.0.3 the specification wrote dots in both cases; 3.0.4 and RFC 6570 write commas between what is not exploded.
            let separator = if explode || !rest.contains(',') { '.' } else { ',' };
            pieces(rest, separator, explode, shape, decode)
        }
        Style::Matrix => matrix(explode, shape, name, text.strip_prefix(';')?, decode),
        _ => pieces(text, ',', explode, shape, decode),
    }
}

fn matrix<'t>(explode: bool, shape: Shape, name: &str, text: &'t str, decode: Decode) -> Option<Pieces<'t>> {
    let own = |text: &'t str| {
        let (own, value) = text.split_once('=').unwrap_or((text, ""));
        percent(own).is_some_and(|own| own == name).then_some(value)
    };
    match (shape, explode) {
        (Shape::List, true) => Some(Pieces::Many(text.split(';').map(|item| decode(own(item)?)).collect::<Option<_>>()?)),
        (Shape::Record, true) => {
            let pair = |text| {
                // Of what is empty only the name is written (RFC 6570 §3.2.7).
                let (name, value) = str::split_once(text, '=').unwrap_or((text, ""));
                Some((decode(name)?, decode(value)?))
            };
            Some(Pieces::Pairs(text.split(';').map(pair).collect::<Option<_>>()?))
        }
        _ => pieces(own(text)?, ',', explode, shape, decode),
    }
}

/// Splits at a separator, before anything is decoded.
pub(crate) fn pieces(text: &str, separator: char, explode: bool, shape: Shape, decode: Decode) -> Option<Pieces<'_>> {
    let pair = |text| {
        let (name, value) = str::split_once(text, '=')?;
        Some((decode(name)?, decode(value)?))
    };
    Some(match shape {
        Shape::Scalar => Pieces::One(decode(text)?),
        Shape::List if text.is_empty() => Pieces::Many(Vec::new()),
        Shape::List => Pieces::Many(text.split(separator).map(decode).collect::<Option<_>>()?),
        Shape::Record if text.is_empty() => Pieces::Pairs(Vec::new()),
        Shape::Record if explode => Pieces::Pairs(text.split(separator).map(pair).collect::<Option<_>>()?),
        Shape::Record => {
            let mut parts = text.split(separator);
            let mut pairs = Vec::new();
            while let Some(name) = parts.next() {
                pairs.push((decode(name)?, decode(parts.next()?)?));
            }
            Pieces::Pairs(pairs)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the specification (3.0.4 §4.7.12.4), and what stands in none of them.
    #[test]
    fn splits_as_the_specification_shows() {
        use Shape::{List, Record, Scalar};
        use Style::{Label, Matrix, Simple};
        let colors = "blue black brown";
        let parts = "R=100 G=200 B=150";
        for (style, explode, shape, text, expected) in [
            (Simple, false, Scalar, "blue", Some("blue")),
            (Simple, false, List, "blue,black,brown", Some(colors)),
            (Simple, true, List, "blue,black,brown", Some(colors)),
            (Simple, false, Record, "R,100,G,200,B,150", Some(parts)),
            (Simple, true, Record, "R=100,G=200,B=150", Some(parts)),
            (Simple, false, Record, "R,100,G", None),
            (Simple, true, Record, "R,100", None),
            (Simple, false, List, "a%2Cb,c", Some("a,b c")),
            (Simple, false, List, "", Some("")),
            (Label, false, Scalar, ".blue", Some("blue")),
            (Label, true, Scalar, ".", Some("")),
            (Label, false, Scalar, "blue", None),
            (Label, false, List, ".blue,black,brown", Some(colors)),
            (Label, false, List, ".blue.black.brown", Some(colors)),
            (Label, true, List, ".blue.black.brown", Some(colors)),
            (Label, false, Record, ".R,100,G,200,B,150", Some(parts)),
            (Label, false, Record, ".R.100.G.200.B.150", Some(parts)),
            (Label, true, Record, ".R=100.G=200.B=150", Some(parts)),
            (Matrix, false, Scalar, ";color=blue", Some("blue")),
            (Matrix, false, Scalar, ";color", Some("")),
            (Matrix, false, Scalar, ";colore=blue", None),
            (Matrix, false, Scalar, "color=blue", None),
            (Matrix, false, List, ";color=blue,black,brown", Some(colors)),
            (Matrix, true, List, ";color=blue;color=black;color=brown", Some(colors)),
            (Matrix, true, List, ";color=blue;size=black", None),
            (Matrix, false, Record, ";color=R,100,G,200,B,150", Some(parts)),
            (Matrix, true, Record, ";R=100;G=200;B=150", Some(parts)),
        ] {
            let found = split(style, explode, shape, "color", text, percent).map(|pieces| match pieces {
                Pieces::One(text) => text.into_owned(),
                Pieces::Many(items) => items.join(" "),
                Pieces::Pairs(pairs) => pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "),
            });
            assert_eq!(found.as_deref(), expected, "{style:?} {explode} {shape:?} {text}");
        }
    }
}
