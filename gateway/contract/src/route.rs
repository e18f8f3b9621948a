//! From method and path to an operation.

use std::sync::Arc;

use exchange::OperationIndex;
use http::{HeaderValue, Method};

use crate::path;
use crate::template::{Segment, SegmentError};

/// What a method and a path lead to.
#[derive(Debug)]
pub enum RouteMatch<'c> {
    /// An operation, with its path parameters in the order of the template.
    Found {
        /// Which operation of the contract.
        operation: OperationIndex,
        /// Name in the template and value, as received: percent-encoded, and known to be decodable.
        parameters: Vec<(Arc<str>, String)>,
    },
    /// The path is one of the contract's, the method is not: 405 with this `Allow` (RFC 9110 §10.2.1).
    MethodNotAllowed {
        /// The methods that the path has.
        allow: &'c HeaderValue,
    },
    /// No path of the contract.
    NotFound,
    /// No path at all, or one that somebody else might take for another: a percent sequence that decodes to nothing, an empty segment, a
    /// dot segment however it is written.
    Malformed,
}

/// The paths of a contract, a node for each segment.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    root: Node,
}

#[derive(Debug, Default)]
struct Node {
    /// Sorted by their text, as it stands in a normal path.
    literals: Vec<(Box<str>, Node)>,
    /// Those with parameters, the one with the most text of its own first.
    templates: Vec<(Segment, Node)>,
    route: Option<Route>,
}

#[derive(Debug)]
pub(crate) struct Route {
    /// The path as the document writes it.
    pub(crate) template: Box<str>,
    pub(crate) methods: Vec<Served>,
    pub(crate) allow: HeaderValue,
}

/// A method of a path.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) method: Method,
    pub(crate) operation: OperationIndex,
    /// What the path's parameters are called there.
    pub(crate) parameters: Box<[Arc<str>]>,
}

impl Route {
    pub(crate) fn new(template: &str, methods: Vec<Served>) -> Self {
        let allow = methods.iter().map(|served| served.method.as_str()).collect::<Vec<_>>().join(", ");
        // Made of the methods' own names, which a header can hold.
        let allow = HeaderValue::try_from(allow).unwrap_or_else(|_| HeaderValue::from_static(""));
        Self { template: template.into(), methods, allow }
    }
}

impl Routes {
    /// Adds a path. One that matches the same requests as another is refused in words, as is one that none can match. Where two differ in
    /// what they call their parameters and have no method in common, it is told which the other is: that is against the letter
    /// (OpenAPI 3.0.4 §4.7.8), and unambiguous all the same.
    pub(crate) fn insert(&mut self, route: Route) -> Result<Option<Box<str>>, String> {
        let template = route.template.clone();
        let mut node = &mut self.root;
        let mut segments = template.strip_prefix('/').unwrap_or(&template).split('/').peekable();
        while let Some(text) = segments.next() {
            if text.is_empty() && segments.peek().is_some() {
                return Err("no request has a path with an empty segment in it".to_owned());
            }
            let segment = Segment::parse(text).map_err(|error| match error {
                SegmentError::Braces => "a path parameter is written `{name}`, in matching braces".to_owned(),
                SegmentError::Adjacent => {
                    "where one of two path parameters ends and the other begins nothing says: text stands between them".to_owned()
                }
                SegmentError::Unreachable(symbol) => format!("no request has a path with `{symbol}` in it"),
            })?;
            node = match segment {
                Segment::Literal(text) => {
                    let at = node.literals.binary_search_by(|(known, _)| (**known).cmp(&text)).unwrap_or_else(|at| {
                        node.literals.insert(at, (text, Node::default()));
                        at
                    });
                    &mut node.literals[at].1
                }
                segment @ Segment::Template(_) => {
                    let at = node.templates.iter().position(|(known, _)| *known == segment).unwrap_or_else(|| {
                        let at = node.templates.partition_point(|(known, _)| known.text() >= segment.text());
                        node.templates.insert(at, (segment, Node::default()));
                        at
                    });
                    &mut node.templates[at].1
                }
            };
        }
        let Some(mut known) = node.route.take() else {
            node.route = Some(route);
            return Ok(None);
        };
        if known.methods.iter().any(|own| route.methods.iter().any(|other| own.method == other.method)) {
            return Err(format!("the paths `{template}` and `{}` match the same requests", known.template));
        }
        let other = known.template.clone();
        known.methods.extend(route.methods);
        node.route = Some(Route::new(&other, known.methods));
        Ok(Some(other))
    }

    /// Text before parameters (OpenAPI 3.0.4 §4.7.8), segment by segment.
    pub(crate) fn at(&self, method: &Method, path: &str) -> RouteMatch<'_> {
        let path = if path.is_empty() { "/" } else { path };
        let Some(path) = path::normal(path) else { return RouteMatch::Malformed };
        let mut values = Vec::new();
        let mut found = self.root.find(path.get(1..), &mut values);
        // Most paths are read in one way by everybody.
        let plain = if path.contains(['%', ';']) { path::unescape_delimiters(&path) } else { None };
        if let (None, Some(plain)) = (found, &plain) {
            found = self.root.find(plain.get(1..), &mut values);
        }
        let Some(route) = found else { return RouteMatch::NotFound };
        if plain.as_ref().is_some_and(|plain| !self.is_one_to_all(route, plain)) {
            return RouteMatch::Malformed;
        }
        let Some(served) = route.methods.iter().find(|served| served.method == *method) else {
            return RouteMatch::MethodNotAllowed { allow: &route.allow };
        };
        let parameters = served.parameters.iter().zip(&values).map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        RouteMatch::Found { operation: served.operation, parameters }
    }

    /// Whether a path leads nowhere else for whoever decodes more of it, or leaves out what stands behind semicolons.
    fn is_one_to_all(&self, route: &Route, plain: &str) -> bool {
        let others = path::as_others_read(plain);
        others.iter().map(String::as_str).chain([plain]).all(|path| {
            let other = self.root.find(path.get(1..), &mut Vec::new());
            other.is_none_or(|other| std::ptr::eq(other, route))
        })
    }
}

impl Node {
    /// The route of what is left of a path. A node is looked at once at most: its way from the root says which segment it is held against.
    fn find<'p>(&self, rest: Option<&'p str>, values: &mut Vec<&'p str>) -> Option<&Route> {
        let Some(rest) = rest else { return self.route.as_ref() };
        let (segment, rest) = rest.split_once('/').map_or((rest, None), |(segment, rest)| (segment, Some(rest)));
        if let Ok(at) = self.literals.binary_search_by(|(known, _)| (**known).cmp(segment))
            && let Some(route) = self.literals[at].1.find(rest, values)
        {
            return Some(route);
        }
        let before = values.len();
        for (known, node) in &self.templates {
            if known.split(segment, values)
                && let Some(route) = node.find(rest, values)
            {
                return Some(route);
            }
            values.truncate(before);
        }
        None
    }
}

/// The names in a template, in order.
pub(crate) fn names(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|rest| rest.split_once('}')).map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(templates: &[&str]) -> Result<Routes, String> {
        let mut routes = Routes::default();
        for (at, template) in templates.iter().enumerate() {
            let parameters = names(template).into_iter().map(Arc::from).collect();
            let methods = vec![Served { method: Method::GET, operation: at, parameters }];
            routes.insert(Route::new(template, methods))?;
        }
        Ok(routes)
    }

    #[test]
    fn finds_text_before_parameters_and_comes_back() {
        let templates = [
            "/a/{x}",
            "/a/mine",
            "/a/{x}/c",
            "/{y}/b/d",
            "/r/{name}.json",
            "/r/{name}",
            "/r/{a}-{b}",
            "/r/v{n}",
            "/s/",
            "/s",
            "/t/{x}:undo",
            "/caffè/{x}",
            "/{all}",
        ];
        let routes = routes(&templates).expect("no two alike");
        for (path, expected) in [
            ("/a/1", "/a/{x} x=1"),
            ("/a/mine", "/a/mine"),
            ("/a/Mine", "/a/{x} x=Mine"),
            ("/a/b/c", "/a/{x}/c x=b"),
            // The first segment is text, and leads nowhere.
            ("/a/b/d", "/{y}/b/d y=a"),
            ("/r/a.json", "/r/{name}.json name=a"),
            ("/r/a.b.json", "/r/{name}.json name=a.b"),
            ("/r/.json", "/r/{name} name=.json"),
            ("/r/1-2-3", "/r/{a}-{b} a=1 b=2-3"),
            ("/r/v12", "/r/v{n} n=12"),
            ("/r/12", "/r/{name} name=12"),
            ("/s", "/s"),
            ("/s/", "/s/"),
            ("/t/1:undo", "/t/{x}:undo x=1"),
            ("/t/1%3Aundo", "/t/{x}:undo x=1"),
            ("/caff%c3%a8/1", "/caffè/{x} x=1"),
            ("/a/1%2f2%20%7e", "/a/{x} x=1%2F2%20~"),
            ("/", "none"),
            ("", "none"),
            ("/a/", "none"),
        ] {
            let found = match routes.at(&Method::GET, path) {
                RouteMatch::Found { operation, parameters } => {
                    parameters.iter().fold(templates[operation].to_owned(), |text, (name, value)| format!("{text} {name}={value}"))
                }
                RouteMatch::NotFound => "none".to_owned(),
                other => format!("{other:?}"),
            };
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn refuses_what_could_be_another_path() {
        let routes = routes(&["/a/{x}"]).expect("one");
        for path in [
            "/a/..",
            "/a/.",
            "/a/%2e%2E",
            "/a/..%2fb",
            "/a/b%2F..%2Fc",
            "/a/..%5Cb",
            "/a/%252e%252e%252fb",
            "/a/..;x=1",
            "/a/%2e%2e;",
            "/a/b%00",
            "/a/b%0a",
            "/a/%zz",
            "/a/%ff",
            "//a",
            "/a//b",
            "a/b",
            "/a/%2",
        ] {
            assert!(matches!(routes.at(&Method::GET, path), RouteMatch::Malformed), "{path}");
        }
        for path in ["/a/...", "/a/a..b", "/a/b%2Fc", "/a/50%25", "/a/%25ff", "/a/;x", "/a/a%3Bb"] {
            assert!(matches!(routes.at(&Method::GET, path), RouteMatch::Found { .. }), "{path}");
        }
    }

    #[test]
    fn says_which_paths_cannot_stand_together() {
        for (templates, reason) in [
            (&["/a/{x}/b", "/a/{y}/b"][..], "match the same requests"),
            (&["/a/b", "/a/b"], "match the same requests"),
            (&["/{a}{b}"], "text stands between them"),
            (&["/{a"], "matching braces"),
            (&["/a}"], "matching braces"),
            (&["/{}"], "matching braces"),
            (&["/a?b=c"], "`?`"),
            (&["/#Action=A"], "`#`"),
        ] {
            let found = routes(templates).map(drop);
            assert!(found.as_ref().is_err_and(|found| found.contains(reason)), "{templates:?}: {found:?}");
        }
        assert!(routes(&["/a/{x}/b", "/a/{y}/c", "/a/{z}"]).is_ok());
    }
}
