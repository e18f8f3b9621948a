//! Parameters in headers, and in the header `Cookie`.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{COOKIE, HeaderName};

use super::query::is_of;
use super::style::{Pieces, Shape, Style, percent, plain, split, verbatim};
use super::syntax::Syntax;
use super::written::Written;
use super::{Found, Given, Parameter};
use crate::broken::Broken;

impl Parameter {
    /// Header lines, which are UTF-8 if they are anything.
    pub(super) fn in_headers<'r>(&self, name: &HeaderName, syntax: Syntax, given: &Given<'r>) -> Result<Found<'r>, Broken> {
        let mut lines = given.headers.get_all(name).iter().map(|value| str::from_utf8(value.as_bytes()).map_err(|_| Broken::NO_TEXT));
        let Some(first) = lines.next().transpose()? else { return Ok(Found::Absent) };
        let second = lines.next().transpose()?;
        // Several lines are one list (RFC 9110 §5.3), and white space around its commas is nothing.
        if second.is_none() && syntax.shape() != Shape::List {
            return self.written.split_line(syntax.shape(), first).map(Found::Pieces);
        }
        let mut all = vec![first];
        all.extend(second);
        for line in lines {
            all.push(line?);
        }
        if syntax.shape() == Shape::List {
            let items = all.iter().flat_map(|line| line.split(',')).map(|item| item.trim().into());
            return Ok(Found::Pieces(Pieces::Many(items.filter(|item: &Cow<'_, str>| !item.is_empty()).collect())));
        }
        if !given.joins_lines {
            return Err(Broken::REPEATED);
        }
        self.written.split_line(syntax.shape(), &all.join(", ")).map(|pieces| Found::Pieces(pieces.into_owned()))
    }

    /// Exploded members of an object are cookies of their own, and in the style `cookie` so are exploded items of a list.
    pub(super) fn in_cookies<'r>(&self, syntax: Syntax, headers: &'r HeaderMap) -> Result<Found<'r>, Broken> {
        let Written { name: own_name, style, explode, plan, .. } = &self.written;
        let is_verbatim = *style == Style::Cookie;
        let is_member = |name: &[u8]| plan.members.iter().any(|(known, _)| known.as_bytes() == name);
        let is_exploded = syntax.shape() == Shape::Record && *explode;
        let mut own = Vec::new();
        for (name, value) in cookies(headers) {
            let value = if is_verbatim { value } else { unquoted(value) };
            if is_exploded && is_member(name) {
                own.push((str::from_utf8(name).unwrap_or_default(), text(value)?));
            } else if !is_exploded && name == own_name.as_bytes() {
                own.push((&**own_name, text(value)?));
            } else if str::from_utf8(name).is_ok_and(|name| is_of(own_name, name)) && name != own_name.as_bytes() {
                // Some read `name[x]` as the same.
                return Err(Broken::STYLE);
            }
        }
        // A cookie is what it is, where it was not percent-encoded.
        let decoded = |text: &'r str| if is_verbatim { text.into() } else { percent(text).unwrap_or(text.into()) };
        if own.is_empty() {
            return Ok(Found::Absent);
        }
        if is_exploded {
            let members = own.into_iter().map(|(name, value)| (Cow::Owned(name.to_owned()), decoded(value)));
            return Ok(Found::Pieces(Pieces::Pairs(members.collect())));
        }
        let own: Vec<&str> = own.into_iter().map(|(_, value)| value).collect();
        let many = |items: &[&'r str]| Pieces::Many(items.iter().map(|item| decoded(item)).collect());
        Ok(Found::Pieces(match (own.as_slice(), syntax.shape()) {
            (items, Shape::List) if *explode && (is_verbatim || items.len() > 1) => many(items),
            ([text], Shape::List) if is_verbatim => many(&text.split(',').collect::<Vec<_>>()),
            ([text], Shape::List) => many(&self.items(text)),
            ([text], Shape::Scalar) => Pieces::One(decoded(text)),
            ([text], Shape::Record) => {
                let decode = if is_verbatim { verbatim } else { percent };
                split(*style, false, Shape::Record, own_name, text, decode).ok_or(Broken::STYLE)?
            }
            _ => return Err(Broken::REPEATED),
        }))
    }

    /// The items of a list that is one cookie. Exploded in the style `form` it is `name=a&name=b`, which in a cookie is one value.
    fn items<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let named = |item: &'t str| item.strip_prefix(&*self.written.name)?.strip_prefix('=');
        let ampersands = text.split('&').enumerate().map(|(at, item)| if at == 0 { Some(item) } else { named(item) });
        let items = ampersands.collect::<Option<Vec<&str>>>().filter(|items| items.len() > 1);
        items.unwrap_or_else(|| text.split(',').collect())
    }
}

impl Written {
    fn split_line<'l>(&self, shape: Shape, line: &'l str) -> Result<Pieces<'l>, Broken> {
        split(self.style, self.explode, shape, &self.name, line, plain).ok_or(Broken::STYLE)
    }
}

/// The cookies of a request, each line looked at on its own, whatever stands beside in it.
pub(crate) fn cookies(headers: &HeaderMap) -> impl Iterator<Item = (&[u8], &[u8])> {
    headers.get_all(COOKIE).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b';')).filter_map(cookie)
}

/// Name and value of a cookie, without the white space around them.
fn cookie(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, value) = pair.split_at_checked(pair.iter().position(|&byte| byte == b'=')?)?;
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The value of a cookie without the quotation marks that it may stand in (RFC 6265 §4.1.1).
pub(crate) fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value)
}

fn text(bytes: &[u8]) -> Result<&str, Broken> {
    str::from_utf8(bytes).map_err(|_| Broken::NO_TEXT)
}
