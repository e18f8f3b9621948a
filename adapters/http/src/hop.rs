use http::header::{CONNECTION, HeaderMap, HeaderName};

use crate::forwarded::is_said_by_proxies;

/// Removes what concerns one connection only (RFC 9110 §7.6.1): the fixed names and those that `Connection` lists; and what the
/// last hop says of those before it, which is read before or not believed.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Most messages have none of them, and to see that is cheaper than to look for each.
    if !headers.keys().any(is_fixed) {
        return;
    }
    let listed = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let listed = listed.filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok());
    let fixed = headers.keys().filter(|name| is_fixed(name)).cloned();
    for name in listed.chain(fixed).collect::<Vec<_>>() {
        headers.remove(name);
    }
}

fn is_fixed(name: &HeaderName) -> bool {
    let name = name.as_str();
    is_said_by_proxies(name)
        || matches!(
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
    fn removes_fixed_and_listed_names() {
        let mut before = headers(&[
            ("connection", "close, X-Hop"),
            ("x-hop", "1"),
            ("keep-alive", "5"),
            ("te", "gzip"),
            ("x-forwarded-for", "1.1.1.1"),
            ("x-end", "2"),
        ]);
        remove_hop_by_hop(&mut before);
        assert_eq!(before, headers(&[("x-end", "2")]));
    }
}
