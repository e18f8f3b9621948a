//! From a document to a contract.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use document::{Faults, Severity};
use exchange::{JsonLimits, OperationSpec};
use http::Method;
use http::header::HeaderName;
use serde_json::Value;

use crate::accept::{Accept, Offered};
use crate::answer::AnswerRule;
use crate::body::BodySchema;
use crate::contract::{Contract, Rules};
use crate::credentials::Credentials;
use crate::definitions::SchemaId;
use crate::described::{self, Described, DescribedMedia, DescribedParameter, Location, Reader};
use crate::digest::hash;
use crate::documents::Documents;
use crate::fields::Fields;
use crate::lower::{Lowering, Variant};
use crate::media::Content;
use crate::own_uri;
use crate::parameter::{Parameter, Plan, Shape, Stands, Style, Syntax, View, Written};
use crate::request::{BodyRule, RequestRules};
use crate::route::{self, Route, RouteMatch, Routes, Served};
use crate::schemas::Schemas;
use crate::security::Promise;
use crate::servers;
use crate::shape::Shapes;
use crate::source::{Source, child};
use crate::version::{Version, refuse_other_dialects, refuse_other_versions};
use crate::xml::XmlPlanner;
use crate::{unknown, unreached};

/// What a document is compiled with.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompileOptions {
    /// What becomes of query parameters that an operation does not list.
    pub unknown_query: Unknown,
    /// What becomes of query parameters that stand more often than an operation lists them.
    pub repeated_query: Repeated,
    /// Whether `format` is a rule.
    pub formats: Formats,
    /// What becomes of requests that take nothing that is answered.
    pub accept: Accept,
    /// Whether callers are told the values of theirs that break rules.
    pub tell_values: bool,
    /// Whether `GET /status` is an operation although the document does not list it: somebody else than the upstream answers it.
    pub status: bool,
    /// The limits of the JSON reader.
    pub json: JsonLimits,
}

/// Whether `format` is a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Formats {
    /// A value that does not have its format is refused; one that is not known says nothing.
    #[default]
    Assert,
    /// It says nothing: of documents whose examples are no valid codes.
    Ignore,
}

/// What becomes of what a document does not list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unknown {
    /// It is refused: what nobody has described nobody has thought of.
    #[default]
    Refuse,
    /// It passes unread.
    Allow,
}

/// What becomes of a parameter of one value that stands several times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Repeated {
    /// It is refused: two readers would take different ones.
    #[default]
    Refuse,
    /// It passes where each of them is valid.
    Allow,
}

impl Contract {
    /// Compiles an OpenAPI document of version 3.0, 3.1 or 3.2 with those that it leads to. Every fault found is reported; with an error among
    /// them there is no contract.
    pub fn compile(documents: &Documents, options: &CompileOptions, faults: &RefCell<Faults>) -> Option<Self> {
        let own = RefCell::new(Faults::new());
        let contract = compile(&Source::new(documents, &own), options);
        let own = own.into_inner().sorted();
        let sound = own.iter().all(|fault| fault.severity != Severity::Error);
        faults.borrow_mut().extend(own);
        contract.filter(|_| sound)
    }
}

fn compile(source: &Source<'_>, options: &CompileOptions) -> Option<Contract> {
    let version = Version::of(source)?;
    refuse_other_versions(source);
    own_uri::refuse_unusable(source);
    refuse_other_dialects(source, version);
    source.refuse_duplicates();
    unknown::check(source, version);
    let reader = Reader::new(source, version);
    let mut described = reader.operations();
    unique_ids(source, &described);
    let mut routes = routes(source, &described);
    if options.status && matches!(routes.at(&Method::GET, STATUS), RouteMatch::NotFound) {
        let own = Served { method: Method::GET, operation: described.len(), parameters: [].into() };
        // Nothing is at that path that it could be in conflict with.
        let _ = routes.insert(Route::new(STATUS, vec![own]));
        described.push(Described::status());
    }
    let mut lowering = Lowering::new(source, version, options.formats, described.iter().any(Described::has_xml));
    let asked = ask(&described, &mut lowering);
    lowering.run();
    let roots: Vec<(Variant, SchemaId)> = asked.values().flatten().copied().collect();
    let schemas = Schemas::compile(source, &lowering, &roots, options.formats);
    let compiler = Compiler {
        source,
        options,
        lowering: &lowering,
        asked: &asked,
        schemas: &schemas,
        fields: RefCell::default(),
        unread: RefCell::default(),
        xml: RefCell::default(),
    };
    let rules: Vec<Rules> = described.iter().map(|operation| compiler.rules(operation)).collect();
    let xml = compiler.xml.into_inner().finish();
    let specs: Vec<OperationSpec> = described.iter().map(spec).collect();
    let shapes = Shapes::of(source, &lowering);
    let names = std::mem::take(&mut lowering.names);
    unreached::check(&reader, lowering);
    Some(Contract {
        status: specs.iter().position(|spec| spec.method == Method::GET && &*spec.route == STATUS),
        specs,
        rules,
        routes,
        base_paths: servers::base_paths(source, version),
        names,
        xml,
        shapes,
        limits: options.json,
        tells_values: options.tell_values,
        hash: hash(source, options),
    })
}

/// Where every API says whether it lives (ModI RAC_REST_NAME_011).
pub(crate) const STATUS: &str = "/status";

/// Schemas by the pointers at which operations name them, and what they are asked for.
type Asked = HashMap<String, Vec<(Variant, SchemaId)>>;

fn ask(described: &[Described], lowering: &mut Lowering<'_, '_>) -> Asked {
    let mut asked = Asked::new();
    let mut ask = |variant: Variant, pointer: Option<&String>| {
        let Some(pointer) = pointer else { return };
        if let Some(id) = lowering.root(pointer) {
            asked.entry(pointer.clone()).or_default().push((variant, id));
        }
    };
    for operation in described {
        operation.parameters.iter().for_each(|parameter| ask(Variant::Request, parameter.schema.as_ref()));
        let query = operation.query.iter().map(|query| &query.media);
        for media in operation.body.iter().flat_map(|body| &body.content).chain(query) {
            ask(Variant::Request, media.schema.as_ref());
            media.encodings.iter().flat_map(|encoding| &encoding.headers).for_each(|header| ask(Variant::Request, header.schema.as_ref()));
        }
        for answer in &operation.answers {
            answer.headers.iter().for_each(|header| ask(Variant::Answer, header.schema.as_ref()));
            answer.content.iter().for_each(|media| ask(Variant::Answer, media.schema.as_ref()));
        }
    }
    asked
}

fn spec(operation: &Described) -> OperationSpec {
    let query = operation.parameters.iter().filter(|parameter| parameter.parts.location == Location::Query);
    OperationSpec {
        id: operation.id.clone(),
        method: operation.method.clone(),
        route: operation.template.as_str().into(),
        path_parameters: route::names(&operation.template).into_iter().map(Arc::from).collect(),
        query_parameters: query.map(|parameter| parameter.parts.name.as_str().into()).collect(),
    }
}

fn unique_ids(source: &Source<'_>, described: &[Described]) {
    let mut seen = HashMap::new();
    for operation in described {
        if let Some(first) = seen.insert(operation.id.clone(), &operation.pointer) {
            let place = format!("{}/operationId", operation.pointer);
            source.error(&place, format!("the operation `{}` stands twice: first at {}", operation.id, source.place(first)));
        }
    }
}

fn routes(source: &Source<'_>, described: &[Described]) -> Routes {
    let mut routes = Routes::default();
    let mut at = 0;
    while let Some(first) = described.get(at) {
        let path: Vec<&Described> = described[at..].iter().take_while(|operation| operation.template == first.template).collect();
        let served = |(n, operation): (usize, &&Described)| Served {
            method: operation.method.clone(),
            operation: at + n,
            parameters: route::names(&first.template).into_iter().map(Arc::from).collect(),
        };
        let place = child("/paths", &first.template);
        match routes.insert(Route::new(&first.template, path.iter().enumerate().map(served).collect())) {
            Ok(None) => {}
            Ok(Some(other)) => {
                let message = format!("the paths `{}` and `{other}` are the same, and differ in their methods only", first.template);
                source.warning(&place, message, "write them as one, with one name for each parameter");
            }
            Err(reason) => source.error(&place, reason),
        }
        at += path.len();
    }
    routes
}

pub(crate) struct Compiler<'c, 's, 'a> {
    pub(crate) source: &'c Source<'a>,
    options: &'c CompileOptions,
    pub(crate) lowering: &'c Lowering<'s, 'a>,
    asked: &'c Asked,
    pub(crate) schemas: &'c Schemas,
    /// How bodies are written as XML.
    pub(crate) xml: RefCell<XmlPlanner<'c>>,
    /// The fields that bodies of any media type may have: many operations have the same.
    pub(crate) fields: RefCell<HashMap<(Variant, SchemaId), Arc<Fields>>>,
    /// The media types of which was told that their bodies are not read.
    pub(crate) unread: RefCell<HashSet<String>>,
}

impl<'c> Compiler<'c, '_, '_> {
    pub(crate) fn view(&self, variant: Variant) -> View<'c> {
        View { lowering: self.lowering, variant }
    }
}

impl Compiler<'_, '_, '_> {
    pub(crate) fn id(&self, variant: Variant, pointer: Option<&String>) -> Option<SchemaId> {
        self.asked.get(pointer?)?.iter().find(|(of, _)| *of == variant).map(|(_, id)| *id)
    }

    fn rules(&self, operation: &Described) -> Rules {
        self.check_template(operation);
        let in_query = operation.parameters.iter().filter(|parameter| parameter.parts.location == Location::Query);
        let in_query: Vec<&str> = in_query.map(|parameter| parameter.parts.name.as_str()).collect();
        let is_reserved = |name: &str| HeaderName::try_from(name).is_ok_and(|name| described::is_reserved(&name));
        let own = operation.parameters.iter().filter(|own| own.parts.location != Location::Header || !is_reserved(&own.parts.name));
        let parameters = own.filter_map(|parameter| self.parameter(Variant::Request, parameter, &in_query)).collect();
        let body = operation
            .body
            .as_ref()
            .map(|body| BodyRule { required: body.required, content: self.content(Variant::Request, &body.content) });
        let answer = |answer: &described::DescribedAnswer| AnswerRule {
            status: answer.status,
            headers: answer.headers.iter().filter_map(|header| self.parameter(Variant::Answer, header, &[])).collect(),
            content: self.content(Variant::Answer, &answer.content),
        };
        let answers: Vec<AnswerRule> = operation.answers.iter().map(answer).collect();
        let successes = operation.answers.iter().filter(|answer| answer.status.may_be_success());
        let offered = successes.clone().flat_map(|answer| &answer.content).map(|media| (&media.range, media.name.as_str()));
        let is_always_offered = self.options.accept == Accept::Enforce && successes.clone().all(|answer| !answer.content.is_empty());
        let offered = if is_always_offered { Offered::new(offered) } else { None };
        let successes = successes.flat_map(|answer| &answer.content);
        Rules {
            needs_request_body: body.as_ref().is_some_and(|rule| rule.content.iter().any(|(_, schema)| schema.is_some())),
            needs_answer_body: answers.iter().any(|rule| rule.content.iter().any(|(_, schema)| schema.is_some())),
            successes: successes.filter_map(|media| self.id(Variant::Answer, media.schema.as_ref())).collect(),
            request: RequestRules {
                is_deprecated: operation.deprecated,
                parameters,
                whole_query: operation.query.as_ref().and_then(|query| self.whole_query(query)),
                body,
                unknown_query: self.options.unknown_query,
                offered,
                credentials: Credentials::new(operation.security.as_ref().map(Promise::proofs).unwrap_or_default()),
            },
            promise: operation.security.clone(),
            answers,
        }
    }

    fn content(&self, variant: Variant, media: &[DescribedMedia]) -> Content<Option<BodySchema>> {
        let rule = |media: &DescribedMedia| (media.range.clone(), self.body_schema(variant, media));
        let names: Vec<String> = media.iter().map(|media| media.name.clone()).collect();
        Content::new(media.iter().map(rule).collect(), &names)
    }

    /// Every parameter of the template is described and required, and every path parameter stands in the template
    /// (OpenAPI 3.0.3 §4.7.12.1).
    fn check_template(&self, operation: &Described) {
        let names = route::names(&operation.template);
        let described = |name: &str| operation.parameters.iter().find(|own| own.parts.location == Location::Path && own.parts.name == name);
        for (at, name) in names.iter().enumerate() {
            if names[..at].contains(name) {
                self.source.error(&operation.pointer, format!("the path has the parameter `{name}` twice"));
            }
            match described(name) {
                None => {
                    let message = format!("the path parameter `{name}` is not described");
                    self.source.error_with_hint(&operation.pointer, message, "list it under `parameters` with `in: path`");
                }
                Some(own) if !own.parts.required => {
                    self.source.error(&own.pointer, format!("the path parameter `{name}` needs `required: true`"));
                }
                Some(_) => {}
            }
        }
        for own in operation.parameters.iter().filter(|own| own.parts.location == Location::Path) {
            if !names.contains(&own.parts.name.as_str()) {
                self.source.error(&own.pointer, format!("the path `{}` has no parameter `{}`", operation.template, own.parts.name));
            }
        }
    }

    /// `in_query`: the names of the operation's query parameters.
    pub(crate) fn parameter(&self, variant: Variant, described: &DescribedParameter, in_query: &[&str]) -> Option<Parameter> {
        let parts = &described.parts;
        let name = parts.name.as_str();
        let stands = match parts.location {
            Location::Path => Stands::Path,
            Location::Query => Stands::Query { repeats: self.options.repeated_query == Repeated::Allow, default: self.default(described) },
            Location::Header => {
                let told = |_| self.source.error(&described.pointer, format!("`{name}` cannot be the name of a header"));
                Stands::Header(HeaderName::try_from(name).map_err(told).ok()?)
            }
            Location::Cookie => Stands::Cookie,
        };
        let id = self.id(variant, described.schema.as_ref());
        let (mut syntaxes, plan) = self.syntaxes(variant, described, id);
        if parts.style == Style::DeepObject && plan.may_be_object() {
            syntaxes = Box::new([Syntax::Styled(Shape::Record)]);
        } else if parts.style == Style::DeepObject {
            let message = format!("the parameter `{}` is no object, and the style `deepObject` is of objects", parts.name);
            self.source.error_with_hint(&described.pointer, message, "give it `type: object`, or another style");
            return None;
        }
        let mut written = Written::new(&parts.name, parts.style, parts.explode, syntaxes, plan, in_query);
        (written.allow_empty, written.allow_reserved) = (parts.allow_empty, parts.allow_reserved);
        Some(Parameter {
            stands,
            written,
            required: parts.required,
            deprecated: parts.deprecated,
            schema: id.and_then(|id| self.schemas.get(variant, id)),
        })
    }

    /// As what the text of a parameter is read.
    fn syntaxes(&self, variant: Variant, described: &DescribedParameter, id: Option<SchemaId>) -> (Box<[Syntax]>, Plan) {
        let schema = id.map(|id| self.lowering.definitions[id].schema(variant));
        let plan = schema.map_or(Plan::ANY, |schema| Plan::of(schema, self.view(variant)));
        if let Some(media) = &described.media {
            if !media.is_json() && (media.is_structured() || !plan.kinds.has_scalars()) {
                let message = "its `content` is of a media type that is not read in a parameter or a header";
                self.source.error_with_hint(&described.pointer, message, "JSON is read, and text");
            }
            return (Box::new([if media.is_json() { Syntax::Json } else { Syntax::Opaque }]), Plan::ANY);
        }
        (Syntax::of(&plan), plan)
    }

    /// What stands for a query parameter that is left out, as one would write it.
    fn default(&self, described: &DescribedParameter) -> Box<[Box<str>]> {
        let scalar = |value: &Value, at: &str| match value {
            _ if let Some(digits) = self.source.digits().at(at) => Some(digits.into()),
            Value::String(text) => Some(text.as_str().into()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string().into()),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        };
        let Some((at, schema)) = described.schema.as_ref().and_then(|pointer| self.source.follow(pointer)) else { return Box::default() };
        let at = child(&at, "default");
        match schema.get("default") {
            Some(Value::Array(items)) => {
                let items = items.iter().enumerate().map(|(n, item)| scalar(item, &format!("{at}/{n}")));
                items.collect::<Option<_>>().unwrap_or_default()
            }
            Some(value) => scalar(value, &at).into_iter().collect(),
            None => Box::default(),
        }
    }
}
