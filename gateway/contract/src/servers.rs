//! Server Objects: under which paths a document says that its operations are (OpenAPI 3.0.4 §4.7.5, §4.7.6).

use fluent_uri::{Iri, IriRef};
use serde_json::Value;

use crate::methods;
use crate::source::{Source, child};
use crate::version::Version;

/// The most paths that the variables of one server are written out into.
const MOST_PATHS: usize = 64;

/// What depends on servers is only where callers look.
const HINT: &str = "nothing here depends on it, but callers read it";

/// Reads the servers of the document, of its paths and of its operations. What is wrong with one is worth a warning. Gives the paths of the
/// document's own, without a slash at the end, their variables written out; none where it has no servers.
pub(crate) fn base_paths(source: &Source<'_>, version: Version) -> Vec<String> {
    let mut found = Vec::new();
    for (server, at) in list(source, source.root(), "") {
        found.extend(paths(source, server, &at));
    }
    for (_, _, pointer) in source.members(source.root(), "", "paths") {
        let items = methods::items(source, &pointer);
        let operations = methods::of_path(source, version, &items).into_iter();
        let lists = operations.map(|listed| (listed.raw, listed.pointer)).chain(items.into_iter().map(|(at, item)| (item, at)));
        for (server, at) in lists.flat_map(|(value, at)| list(source, value, &at)).collect::<Vec<_>>() {
            paths(source, server, &at);
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn list<'v>(source: &Source<'_>, around: &'v Value, at: &str) -> Vec<(&'v Value, String)> {
    let at = child(at, "servers");
    match around.get("servers") {
        None => Vec::new(),
        Some(Value::Array(servers)) => servers.iter().enumerate().map(|(n, server)| (server, format!("{at}/{n}"))).collect(),
        Some(_) => {
            source.warning(&at, "`servers` should be a list", HINT);
            Vec::new()
        }
    }
}

/// The paths that a server's URL may have.
fn paths(source: &Source<'_>, server: &Value, at: &str) -> Vec<String> {
    let Some(url) = server.get("url").and_then(Value::as_str) else {
        source.warning(at, "a server needs a `url`", HINT);
        return Vec::new();
    };
    let mut written = vec![String::new()];
    let mut rest = url;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            source.warning(&child(at, "url"), "a variable of the URL does not end", HINT);
            return Vec::new();
        };
        let values = values(source, server, name, at);
        if written.len() * values.len() > MOST_PATHS {
            source.warning(
                &child(at, "url"),
                format!("the variables have more than {MOST_PATHS} values together, which are not looked at"),
                HINT,
            );
            return Vec::new();
        }
        written = written.iter().flat_map(|path| values.iter().map(move |value| format!("{path}{before}{value}"))).collect();
        rest = after;
    }
    let paths: Vec<Option<String>> = written.iter().map(|url| path_of(&format!("{url}{rest}"))).collect();
    if paths.contains(&None) {
        source.warning(&child(at, "url"), "this is no URL", HINT);
    }
    paths.into_iter().flatten().collect()
}

/// The values that a variable may have: those that are listed, else what it is by default.
fn values(source: &Source<'_>, server: &Value, name: &str, at: &str) -> Vec<String> {
    let Some(variable) = server.get("variables").and_then(|variables| variables.get(name)) else {
        source.warning(&child(at, "url"), format!("the variable `{name}` is not described"), "list it under `variables` with a `default`");
        return Vec::new();
    };
    let at = child(&child(at, "variables"), name);
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let Some(default) = variable.get("default").and_then(text) else {
        source.warning(&at, format!("the variable `{name}` needs a `default`"), HINT);
        return Vec::new();
    };
    let listed: Vec<String> = variable.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(text).collect();
    if listed.is_empty() {
        return vec![default];
    }
    if !listed.contains(&default) {
        source.warning(&child(&at, "default"), format!("the variable `{name}` is by default what its `enum` does not list"), HINT);
    }
    listed
}

/// The path of a URL without a slash at its end, letters of other alphabets as they are written. One that is relative begins from where the document is served, which is taken for the root;
/// `None` for what is no URL.
fn path_of(url: &str) -> Option<String> {
    let base = Iri::parse("http://document.invalid/").ok()?;
    let url = IriRef::parse(url).ok()?.resolve_against(&base).ok()?;
    Some(url.path().as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_of_a_url_is_what_stands_behind_its_host() {
        for (url, path) in [
            ("https://ente.example/a/v1", "/a/v1"),
            ("https://ente.example/a/v1/", "/a/v1"),
            ("https://ente.example", ""),
            ("/a/v1", "/a/v1"),
            ("/", ""),
            ("v1", "/v1"),
            (".", ""),
            ("./v1/", "/v1"),
            ("https://ente.example/a?x=/b#/c", "/a"),
            ("//ente.example/v1", "/v1"),
            ("../v1", "/v1"),
            ("https://ente.example/C001–notifica/v1", "/C001–notifica/v1"),
        ] {
            assert_eq!(path_of(url).as_deref(), Some(path), "{url}");
        }
        assert_eq!(path_of("https://ente.example/a b"), None);
    }
}
