use http::header::{CONNECTION, HeaderMap, HeaderName};

use crate::forwarded::is_said_by_proxies;

/// Removes what concerns one connection only (RFC 9110 §7.6.1): the fixed names and those that `Connection` lists.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    remove(headers, is_hop_by_hop);
}

/// Removes of a request, besides, what the last hop says of those before it, which is read before or not believed.
pub fn remove_hop_by_hop_and_forwarded(headers: &mut HeaderMap) {
    remove(headers, |name| is_hop_by_hop(name) || is_said_by_proxies(name));
}

/// Whether a name is of letters, digits and hyphens. Of others servers in the manner of CGI read `X_Ente` as `X-Ente`, and some
/// `X.Ente`, so what is forged in one spelling is forged in the other.
pub fn is_plain_name(name: &HeaderName) -> bool {
    name.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Removes of a request each header whose name is not plain, but for these.
pub fn remove_unusual(headers: &mut HeaderMap, kept: &[HeaderName]) {
    let goes = |name: &HeaderName| !is_plain_name(name) && !kept.contains(name);
    if !headers.keys().any(goes) {
        return;
    }
    for name in headers.keys().filter(|name| goes(name)).cloned().collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn remove(headers: &mut HeaderMap, goes: impl Fn(&str) -> bool) {
    // Most messages have none of them, and to see that is cheaper than to look for each.
    if !headers.keys().any(|name| goes(name.as_str())) {
        return;
    }
    let listed = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let listed = listed.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    let fixed = headers.keys().filter(|name| goes(name.as_str())).cloned();
    for name in listed.chain(fixed).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers;

    #[test]
    fn removes_fixed_and_listed_names_and_of_requests_what_proxies_say() {
        let told = [("x-forwarded-for", "1.1.1.1"), ("x-end", "2")];
        let sent = [&[("connection", "close, X-Hop"), ("x-hop", "1"), ("keep-alive", "5"), ("te", "gzip")][..], &told].concat();
        let (mut answer, mut request) = (headers(&sent), headers(&sent));
        remove_hop_by_hop(&mut answer);
        remove_hop_by_hop_and_forwarded(&mut request);
        assert_eq!((answer, request), (headers(&told), headers(&[("x-end", "2")])));
    }

    #[test]
    fn removes_unusual_names_that_no_document_knows() {
        let mut before = headers(&[("x_ente", "1"), ("x_noto", "2"), ("x-ente", "3"), ("x_forwarded_for", "1.1.1.1"), ("x.ente", "4")]);
        remove_unusual(&mut before, &[HeaderName::from_static("x_noto")]);
        assert_eq!(before, headers(&[("x_noto", "2"), ("x-ente", "3")]));
    }
}
