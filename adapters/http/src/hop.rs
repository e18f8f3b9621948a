use http::header::{CONNECTION, HeaderMap, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};

/// Removes what concerns one connection only (RFC 9110 §7.6.1): the fixed names and those that `Connection` lists.
pub fn remove_hop_by_hop(headers: &mut HeaderMap) {
    // Most messages have none of them, and to see that is cheaper than to look for each.
    if !headers.keys().any(|name| FIXED.contains(name)) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
            .collect();
        for name in listed {
            headers.remove(name);
        }
    }
    for name in &FIXED {
        headers.remove(name);
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
static FIXED: [HeaderName; 9] =
    [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers;

    #[test]
    fn removes_fixed_and_listed_names() {
        let mut before = headers(&[("connection", "close, X-Hop"), ("x-hop", "1"), ("keep-alive", "5"), ("te", "gzip"), ("x-end", "2")]);
        remove_hop_by_hop(&mut before);
        assert_eq!(before, headers(&[("x-end", "2")]));
    }
}
