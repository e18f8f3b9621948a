//! What a document says of its operations, whatever its version: schemas are named by their pointers, references are resolved.

use std::fmt;
use std::sync::Arc;

use http::Method;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use serde_json::{Map, Value};

use crate::compile::STATUS;
use crate::content::schema_of;
use crate::media::MediaRange;
use crate::methods::{self, Listed};
use crate::parameter::Style;
use crate::read31;
use crate::security::{Promise, Schemes};
use crate::source::{Source, child};
use crate::version::Version;
use crate::whole_query::DescribedQuery;

/// An operation as described.
pub(crate) struct Described {
    pub(crate) pointer: String,
    pub(crate) template: String,
    pub(crate) method: Method,
    pub(crate) id: Arc<str>,
    pub(crate) parameters: Vec<DescribedParameter>,
    /// Where the query is one value.
    pub(crate) query: Option<DescribedQuery>,
    pub(crate) body: Option<DescribedBody>,
    pub(crate) answers: Vec<DescribedAnswer>,
    pub(crate) deprecated: bool,
    /// What callers are to show; nothing, if the document does not say.
    pub(crate) security: Option<Promise>,
}

impl Described {
    /// `GET /status` of a document that has none.
    pub(crate) fn status() -> Self {
        Self {
            pointer: "/paths".to_owned(),
            template: STATUS.to_owned(),
            method: Method::GET,
            id: format!("GET {STATUS}").into(),
            parameters: Vec::new(),
            query: None,
            body: None,
            answers: Vec::new(),
            deprecated: false,
            security: None,
        }
    }

    /// Whether some body of it is XML.
    pub(crate) fn has_xml(&self) -> bool {
        let bodies = self.body.iter().map(|body| &body.content).chain(self.answers.iter().map(|answer| &answer.content));
        bodies.flatten().any(|media| media.range.is_xml())
    }
}

/// Where a parameter stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
            Self::Cookie => "cookie",
        })
    }
}

/// What the versions' readers tell of a Parameter Object.
#[expect(clippy::struct_excessive_bools, reason = "they are the fields of OpenAPI's object")]
pub(crate) struct ParameterParts {
    pub(crate) name: String,
    pub(crate) location: Location,
    pub(crate) required: bool,
    pub(crate) style: Style,
    /// Whether `explode` is set; by default it is of the styles `form`, `deepObject` and `cookie`.
    pub(crate) explode: Option<bool>,
    pub(crate) allow_empty: bool,
    pub(crate) allow_reserved: bool,
    pub(crate) deprecated: bool,
    /// The media types of `content`, where it takes the place of `schema`.
    pub(crate) content: Vec<String>,
}

/// What the versions' readers tell of a Request Body Object.
pub(crate) struct BodyParts {
    pub(crate) required: bool,
    pub(crate) content: Vec<String>,
}

/// What the versions' readers tell of a Response Object.
pub(crate) struct AnswerParts {
    pub(crate) content: Vec<String>,
    /// The names of its headers.
    pub(crate) headers: Vec<String>,
}

/// How a field of a form is written, as an Encoding Object says.
pub(crate) struct DescribedEncoding {
    pub(crate) field: String,
    pub(crate) pointer: String,
    pub(crate) types: Vec<MediaRange>,
    pub(crate) headers: Vec<DescribedParameter>,
    pub(crate) style: Option<Style>,
    pub(crate) explode: Option<bool>,
    pub(crate) allow_reserved: bool,
}

/// The statuses that an answer is described for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StatusKey {
    Code(u16),
    /// `4XX` is 4.
    Range(u16),
    Default,
}

impl StatusKey {
    /// What a list says of a status: of its own, of its class, of all others (OpenAPI 3.0.3 §4.7.16).
    pub(crate) fn closest<T>(list: &[T], status: u16, key: impl Fn(&T) -> Self) -> Option<&T> {
        let find = |wanted| list.iter().find(|one| key(one) == wanted);
        find(Self::Code(status)).or_else(|| find(Self::Range(status / 100))).or_else(|| find(Self::Default))
    }

    /// Whether some of its statuses is a success.
    pub(crate) fn may_be_success(self) -> bool {
        matches!(self, Self::Code(200..300) | Self::Range(2) | Self::Default)
    }

    /// Whether some of its statuses is an error.
    pub(crate) fn may_be_error(self) -> bool {
        matches!(self, Self::Code(400..) | Self::Range(4..) | Self::Default)
    }
}

/// Whether a header is not the parameters' of a request to describe (OpenAPI 3.0.3 §4.7.12.2).
pub(crate) fn is_reserved(header: &HeaderName) -> bool {
    [ACCEPT, AUTHORIZATION, CONTENT_TYPE].contains(header)
}

pub(crate) struct DescribedParameter {
    pub(crate) pointer: String,
    pub(crate) parts: ParameterParts,
    /// The pointer of its schema.
    pub(crate) schema: Option<String>,
    /// What it is written as, where that is no style (`content`).
    pub(crate) media: Option<MediaRange>,
}

pub(crate) struct DescribedBody {
    pub(crate) required: bool,
    pub(crate) content: Vec<DescribedMedia>,
}

pub(crate) struct DescribedAnswer {
    pub(crate) pointer: String,
    pub(crate) status: StatusKey,
    pub(crate) headers: Vec<DescribedParameter>,
    pub(crate) content: Vec<DescribedMedia>,
}

pub(crate) struct DescribedMedia {
    pub(crate) name: String,
    pub(crate) range: MediaRange,
    /// The pointer of its schema.
    pub(crate) schema: Option<String>,
    pub(crate) encodings: Vec<DescribedEncoding>,
}

/// Reads every operation of the document; what cannot be read is a fault, and reading goes on.
pub(crate) fn operations(source: &Source<'_>, version: Version) -> Vec<Described> {
    Reader::new(source, version).operations()
}

impl<'r, 'a> Reader<'r, 'a> {
    /// A reader of the document, its security schemes read.
    pub(crate) fn new(source: &'r Source<'a>, version: Version) -> Self {
        Self { source, version, schemes: Schemes::read(source, version) }
    }
}

pub(crate) struct Reader<'r, 'a> {
    pub(crate) source: &'r Source<'a>,
    pub(crate) version: Version,
    schemes: Schemes<'r, 'a>,
}

impl Reader<'_, '_> {
    /// Every operation.
    pub(crate) fn operations(&self) -> Vec<Described> {
        let mut found = Vec::new();
        for (template, _, pointer) in self.source.members(self.source.root(), "", "paths") {
            if template.starts_with("x-") {
                continue;
            }
            if !template.starts_with('/') {
                self.source.error(&pointer, format!("the path `{template}` should begin with `/`"));
                continue;
            }
            let items = methods::items(self.source, &pointer);
            let shared: Vec<String> = items.iter().flat_map(|(at, item)| self.parameters(item, at)).collect();
            let listed = methods::of_path(self.source, self.version, &items);
            found.extend(listed.into_iter().filter_map(|own| self.operation(template, own, &shared)));
        }
        if self.source.root().get("paths").is_none() {
            let has_webhooks = self.source.root().get("webhooks").is_some();
            self.source.error(
                "",
                if has_webhooks {
                    "the document has `webhooks` and no `paths`: nothing in it can be called"
                } else {
                    "the document has no `paths`"
                },
            );
        }
        found
    }

    pub(crate) fn keep<T>(&self, pointer: &str, what: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|reason| self.source.error(pointer, format!("not readable as {what}: {reason}"))).ok()
    }

    fn operation(&self, template: &str, listed: Listed<'_>, shared: &[String]) -> Option<Described> {
        let Listed { method, raw, pointer } = listed;
        let id = self.keep(&pointer, "an operation", self.version.operation_id(raw))?;
        let own = self.parameters(raw, &pointer);
        let mut parameters: Vec<_> = own.iter().filter_map(|at| self.parameter(at)).collect();
        let count = parameters.len();
        for at in shared {
            // An operation's own parameter takes the place of its path's; of two of the path's nobody knows which counts.
            let Some(shared) = self.parameter(at) else { continue };
            let same = |own: &DescribedParameter| own.parts.name == shared.parts.name && own.parts.location == shared.parts.location;
            if !parameters[..count].iter().any(same) {
                parameters.push(shared);
            }
        }
        self.unique(&parameters);
        let query = self.whole_query(&own, shared, &parameters);
        let body = raw.get("requestBody").and_then(|_| self.body(&child(&pointer, "requestBody")));
        let answers = self.answers(raw, &pointer);
        let deprecated = self.keep(&pointer, "an operation", read31::flag(raw, "deprecated")).flatten().unwrap_or_default();
        let id = id.unwrap_or_else(|| format!("{method} {template}")).into();
        let security = self.schemes.required(raw, &pointer);
        let template = template.to_owned();
        Some(Described { pointer, template, method, id, parameters, query, body, answers, deprecated, security })
    }

    /// The pointers of the parameters that a path item or an operation lists, references followed.
    fn parameters(&self, raw: &Value, pointer: &str) -> Vec<String> {
        let at = child(pointer, "parameters");
        match raw.get("parameters") {
            None => Vec::new(),
            Some(Value::Array(items)) => (0..items.len()).filter_map(|n| Some(self.source.follow(&format!("{at}/{n}"))?.0)).collect(),
            Some(_) => {
                self.source.error(&at, "`parameters` should be a list");
                Vec::new()
            }
        }
    }

    /// A parameter that is not the whole query.
    pub(crate) fn parameter(&self, pointer: &str) -> Option<DescribedParameter> {
        let raw = self.source.at(pointer).filter(|_| !self.is_whole_query(pointer))?;
        let parts = self.keep(pointer, "a parameter", self.version.parameter(raw))?;
        self.with_schema(pointer.to_owned(), raw, parts)
    }

    pub(crate) fn with_schema(&self, pointer: String, raw: &Value, mut parts: ParameterParts) -> Option<DescribedParameter> {
        if parts.content.is_empty() {
            let schema = schema_of(raw, &pointer);
            let of_schema = schema.as_ref().and_then(|schema| self.source.at(schema)?.get("deprecated"));
            parts.deprecated |= of_schema == Some(&Value::Bool(true));
            return Some(DescribedParameter { pointer, parts, schema, media: None });
        }
        if raw.get("schema").is_some() {
            let hint = "leave out the one that is not meant: two readers would take different ones";
            self.source.error_with_hint(&pointer, "has a `schema` and a `content`", hint);
        }
        let DescribedMedia { schema, range, .. } = self.only_media(&pointer, &parts.content)?;
        Some(DescribedParameter { pointer, parts, schema, media: Some(range) })
    }

    /// The one media type that a parameter with `content` has.
    pub(crate) fn only_media(&self, pointer: &str, names: &[String]) -> Option<DescribedMedia> {
        let [name] = names else {
            self.source.error(pointer, "the `content` of a parameter holds one media type");
            return None;
        };
        self.described_media(&child(pointer, "content"), name.clone())
    }

    fn unique(&self, parameters: &[DescribedParameter]) {
        for (at, one) in parameters.iter().enumerate() {
            let same = |other: &&DescribedParameter| other.parts.name == one.parts.name && other.parts.location == one.parts.location;
            if parameters[..at].iter().find(same).is_some() {
                self.source.error(&one.pointer, format!("the parameter `{}` stands twice", one.parts.name));
            }
        }
    }

    pub(crate) fn body(&self, pointer: &str) -> Option<DescribedBody> {
        let (at, raw) = self.source.follow(pointer)?;
        let parts = self.keep(&at, "a request body", self.version.body(raw))?;
        if parts.content.is_empty() {
            self.source.error(&at, "a request body lists the media types that it may have under `content`");
        }
        Some(DescribedBody { required: parts.required, content: self.content(&at, parts.content) })
    }

    fn answers(&self, raw: &Value, pointer: &str) -> Vec<DescribedAnswer> {
        if raw.get("responses").is_none_or(|responses| responses.as_object().is_some_and(Map::is_empty)) {
            self.source.error(pointer, "an operation describes its answers under `responses`, one at least");
        }
        let mut answers = Vec::new();
        for (key, _, at) in self.source.members(raw, pointer, "responses") {
            match self.version.status(key) {
                Some(status) => answers.extend(self.answer(status, &at)),
                None if key.starts_with("x-") => {}
                None => self.source.error(&at, format!("`{key}` is no status: write `200`, `4XX` or `default`")),
            }
        }
        answers
    }

    pub(crate) fn answer(&self, status: StatusKey, pointer: &str) -> Option<DescribedAnswer> {
        let (at, raw) = self.source.follow(pointer)?;
        let parts = self.keep(&at, "an answer", self.version.answer(raw))?;
        let headers = self.headers(&parts.headers, &child(&at, "headers"));
        let content = self.content(&at, parts.content);
        Some(DescribedAnswer { pointer: at, status, headers, content })
    }
}
