//! The objects of OpenAPI and the fields that each has, by version (OpenAPI 3.0.4, 3.1.1 and 3.2.0, §4 of each).

use crate::version::Version::{self, V30, V31, V32};

/// An object of OpenAPI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Object {
    Document,
    Info,
    Contact,
    License,
    Server,
    Variable,
    Components,
    PathItem,
    Operation,
    Parameter,
    Header,
    Body,
    Media,
    Encoding,
    Answer,
    Example,
    Link,
    Tag,
    Docs,
    Scheme,
    Flows,
    Flow,
    Schema,
    Discriminator,
    Xml,
}

/// What a field holds that has fields of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holds {
    /// Nothing, or what nobody reads by its fields.
    Plain,
    One(Object),
    List(Object),
    /// Objects under names that the author chose.
    Map(Object),
    /// Maps of them under such names.
    Maps(Object),
}

use Holds::{List, Map, Maps, One, Plain};

/// A field: its name, the first version that has it, what it holds.
pub(crate) type Field = (&'static str, Version, Holds);

impl Object {
    /// What the specification calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Document => "an OpenAPI Object",
            Self::Info => "an Info Object",
            Self::Contact => "a Contact Object",
            Self::License => "a License Object",
            Self::Server => "a Server Object",
            Self::Variable => "a Server Variable Object",
            Self::Components => "a Components Object",
            Self::PathItem => "a Path Item Object",
            Self::Operation => "an Operation Object",
            Self::Parameter => "a Parameter Object",
            Self::Header => "a Header Object",
            Self::Body => "a Request Body Object",
            Self::Media => "a Media Type Object",
            Self::Encoding => "an Encoding Object",
            Self::Answer => "a Response Object",
            Self::Example => "an Example Object",
            Self::Link => "a Link Object",
            Self::Tag => "a Tag Object",
            Self::Docs => "an External Documentation Object",
            Self::Scheme => "a Security Scheme Object",
            Self::Flows => "an OAuth Flows Object",
            Self::Flow => "an OAuth Flow Object",
            Self::Schema => "a Schema Object",
            Self::Discriminator => "a Discriminator Object",
            Self::Xml => "an XML Object",
        }
    }

    /// Whether a Reference Object may stand in its place, beside which nothing counts (OpenAPI 3.0.4 §4.7.23). What stands beside the
    /// reference of a path item or a schema is another matter.
    pub(crate) fn is_replaceable(self) -> bool {
        use Object as O;
        matches!(self, O::Parameter | O::Header | O::Body | O::Media | O::Answer | O::Example | O::Link | O::Scheme)
    }

    /// Whether a field is read in documents of all versions, although it is of a later one: keywords, and what only names or refers.
    pub(crate) fn is_read_of_all(self, name: &str) -> bool {
        self == Self::Schema || matches!(name, "nodeType" | "defaultMapping" | "pathItems" | "mediaTypes")
    }

    /// The fields that it has in some version.
    pub(crate) fn fields(self) -> &'static [Field] {
        match self {
            Self::Document => DOCUMENT,
            Self::Info => INFO,
            Self::Contact => &[("name", V30, Plain), ("url", V30, Plain), ("email", V30, Plain)],
            Self::License => &[("name", V30, Plain), ("url", V30, Plain), ("identifier", V31, Plain)],
            Self::Server => SERVER,
            Self::Variable => &[("enum", V30, Plain), ("default", V30, Plain), ("description", V30, Plain)],
            Self::Components => COMPONENTS,
            Self::PathItem => PATH_ITEM,
            Self::Operation => OPERATION,
            Self::Parameter => PARAMETER,
            // Without `name` and `in`.
            Self::Header => PARAMETER.split_at(2).1,
            Self::Body => &[("description", V30, Plain), ("content", V30, Map(Object::Media)), ("required", V30, Plain)],
            Self::Media => MEDIA,
            Self::Encoding => ENCODING,
            Self::Answer => ANSWER,
            Self::Example => EXAMPLE,
            Self::Link => LINK,
            Self::Tag => TAG,
            Self::Docs => &[("description", V30, Plain), ("url", V30, Plain)],
            Self::Scheme => SCHEME,
            Self::Flows => FLOWS,
            Self::Flow => FLOW,
            Self::Schema => SCHEMA,
            Self::Discriminator => &[("propertyName", V30, Plain), ("mapping", V30, Plain), ("defaultMapping", V32, Plain)],
            Self::Xml => XML,
        }
    }
}

const DOCUMENT: &[Field] = &[
    ("openapi", V30, Plain),
    ("$self", V32, Plain),
    ("info", V30, One(Object::Info)),
    ("jsonSchemaDialect", V31, Plain),
    ("servers", V30, List(Object::Server)),
    ("paths", V30, Map(Object::PathItem)),
    ("webhooks", V31, Map(Object::PathItem)),
    ("components", V30, One(Object::Components)),
    ("security", V30, Plain),
    ("tags", V30, List(Object::Tag)),
    ("externalDocs", V30, One(Object::Docs)),
];

const INFO: &[Field] = &[
    ("title", V30, Plain),
    ("summary", V31, Plain),
    ("description", V30, Plain),
    ("termsOfService", V30, Plain),
    ("contact", V30, One(Object::Contact)),
    ("license", V30, One(Object::License)),
    ("version", V30, Plain),
];

const SERVER: &[Field] =
    &[("url", V30, Plain), ("description", V30, Plain), ("name", V32, Plain), ("variables", V30, Map(Object::Variable))];

const COMPONENTS: &[Field] = &[
    ("schemas", V30, Map(Object::Schema)),
    ("responses", V30, Map(Object::Answer)),
    ("parameters", V30, Map(Object::Parameter)),
    ("examples", V30, Map(Object::Example)),
    ("requestBodies", V30, Map(Object::Body)),
    ("headers", V30, Map(Object::Header)),
    ("securitySchemes", V30, Map(Object::Scheme)),
    ("links", V30, Map(Object::Link)),
    ("callbacks", V30, Maps(Object::PathItem)),
    ("pathItems", V31, Map(Object::PathItem)),
    ("mediaTypes", V32, Map(Object::Media)),
];

const PATH_ITEM: &[Field] = &[
    ("$ref", V30, Plain),
    ("summary", V30, Plain),
    ("description", V30, Plain),
    ("get", V30, One(Object::Operation)),
    ("put", V30, One(Object::Operation)),
    ("post", V30, One(Object::Operation)),
    ("delete", V30, One(Object::Operation)),
    ("options", V30, One(Object::Operation)),
    ("head", V30, One(Object::Operation)),
    ("patch", V30, One(Object::Operation)),
    ("trace", V30, One(Object::Operation)),
    ("query", V32, One(Object::Operation)),
    ("additionalOperations", V32, Map(Object::Operation)),
    ("servers", V30, List(Object::Server)),
    ("parameters", V30, List(Object::Parameter)),
];

const OPERATION: &[Field] = &[
    ("tags", V30, Plain),
    ("summary", V30, Plain),
    ("description", V30, Plain),
    ("externalDocs", V30, One(Object::Docs)),
    ("operationId", V30, Plain),
    ("parameters", V30, List(Object::Parameter)),
    ("requestBody", V30, One(Object::Body)),
    ("responses", V30, Map(Object::Answer)),
    ("callbacks", V30, Maps(Object::PathItem)),
    ("deprecated", V30, Plain),
    ("security", V30, Plain),
    ("servers", V30, List(Object::Server)),
];

const PARAMETER: &[Field] = &[
    ("name", V30, Plain),
    ("in", V30, Plain),
    ("description", V30, Plain),
    ("required", V30, Plain),
    ("deprecated", V30, Plain),
    ("allowEmptyValue", V30, Plain),
    ("style", V30, Plain),
    ("explode", V30, Plain),
    ("allowReserved", V30, Plain),
    ("schema", V30, One(Object::Schema)),
    ("example", V30, Plain),
    ("examples", V30, Map(Object::Example)),
    ("content", V30, Map(Object::Media)),
];

const MEDIA: &[Field] = &[
    ("schema", V30, One(Object::Schema)),
    ("itemSchema", V32, One(Object::Schema)),
    ("example", V30, Plain),
    ("examples", V30, Map(Object::Example)),
    ("encoding", V30, Map(Object::Encoding)),
    ("prefixEncoding", V32, List(Object::Encoding)),
    ("itemEncoding", V32, One(Object::Encoding)),
];

const ENCODING: &[Field] = &[
    ("contentType", V30, Plain),
    ("headers", V30, Map(Object::Header)),
    ("style", V30, Plain),
    ("explode", V30, Plain),
    ("allowReserved", V30, Plain),
    ("encoding", V32, Map(Object::Encoding)),
    ("prefixEncoding", V32, List(Object::Encoding)),
    ("itemEncoding", V32, One(Object::Encoding)),
];

const ANSWER: &[Field] = &[
    ("summary", V32, Plain),
    ("description", V30, Plain),
    ("headers", V30, Map(Object::Header)),
    ("content", V30, Map(Object::Media)),
    ("links", V30, Map(Object::Link)),
];

const EXAMPLE: &[Field] = &[
    ("summary", V30, Plain),
    ("description", V30, Plain),
    ("value", V30, Plain),
    ("externalValue", V30, Plain),
    ("dataValue", V32, Plain),
    ("serializedValue", V32, Plain),
];

const LINK: &[Field] = &[
    ("operationRef", V30, Plain),
    ("operationId", V30, Plain),
    ("parameters", V30, Plain),
    ("requestBody", V30, Plain),
    ("description", V30, Plain),
    ("server", V30, One(Object::Server)),
];

const TAG: &[Field] = &[
    ("name", V30, Plain),
    ("summary", V32, Plain),
    ("description", V30, Plain),
    ("externalDocs", V30, One(Object::Docs)),
    ("parent", V32, Plain),
    ("kind", V32, Plain),
];

const SCHEME: &[Field] = &[
    ("type", V30, Plain),
    ("description", V30, Plain),
    ("name", V30, Plain),
    ("in", V30, Plain),
    ("scheme", V30, Plain),
    ("bearerFormat", V30, Plain),
    ("flows", V30, One(Object::Flows)),
    ("openIdConnectUrl", V30, Plain),
    ("oauth2MetadataUrl", V32, Plain),
    ("deprecated", V32, Plain),
];

const FLOWS: &[Field] = &[
    ("implicit", V30, One(Object::Flow)),
    ("password", V30, One(Object::Flow)),
    ("clientCredentials", V30, One(Object::Flow)),
    ("authorizationCode", V30, One(Object::Flow)),
    ("deviceAuthorization", V32, One(Object::Flow)),
];

const FLOW: &[Field] = &[
    ("authorizationUrl", V30, Plain),
    ("deviceAuthorizationUrl", V32, Plain),
    ("tokenUrl", V30, Plain),
    ("refreshUrl", V30, Plain),
    ("scopes", V30, Plain),
];

const XML: &[Field] = &[
    ("nodeType", V32, Plain),
    ("name", V30, Plain),
    ("namespace", V30, Plain),
    ("prefix", V30, Plain),
    ("attribute", V30, Plain),
    ("wrapped", V30, Plain),
];

/// The keywords that hold values, or lead to other schemas. From 3.1 on they are those of JSON Schema 2020-12.
const SCHEMA: &[Field] = &[
    ("type", V30, Plain),
    ("enum", V30, Plain),
    ("const", V31, Plain),
    ("format", V30, Plain),
    ("pattern", V30, Plain),
    ("minLength", V30, Plain),
    ("maxLength", V30, Plain),
    ("minimum", V30, Plain),
    ("maximum", V30, Plain),
    ("exclusiveMinimum", V30, Plain),
    ("exclusiveMaximum", V30, Plain),
    ("multipleOf", V30, Plain),
    ("minItems", V30, Plain),
    ("maxItems", V30, Plain),
    ("uniqueItems", V30, Plain),
    ("items", V30, One(Object::Schema)),
    ("prefixItems", V31, List(Object::Schema)),
    ("contains", V31, One(Object::Schema)),
    ("minContains", V31, Plain),
    ("maxContains", V31, Plain),
    ("unevaluatedItems", V31, One(Object::Schema)),
    ("required", V30, Plain),
    ("minProperties", V30, Plain),
    ("maxProperties", V30, Plain),
    ("properties", V30, Map(Object::Schema)),
    ("patternProperties", V31, Map(Object::Schema)),
    ("additionalProperties", V30, One(Object::Schema)),
    ("propertyNames", V31, One(Object::Schema)),
    ("dependentRequired", V31, Plain),
    ("dependentSchemas", V31, Map(Object::Schema)),
    ("unevaluatedProperties", V31, One(Object::Schema)),
    ("allOf", V30, List(Object::Schema)),
    ("anyOf", V30, List(Object::Schema)),
    ("oneOf", V30, List(Object::Schema)),
    ("not", V30, One(Object::Schema)),
    ("if", V31, One(Object::Schema)),
    ("then", V31, One(Object::Schema)),
    ("else", V31, One(Object::Schema)),
    ("$ref", V30, Plain),
    ("$dynamicRef", V31, Plain),
    ("$defs", V31, Map(Object::Schema)),
    ("contentEncoding", V31, Plain),
    ("contentMediaType", V31, Plain),
    ("contentSchema", V31, One(Object::Schema)),
    ("nullable", V30, Plain),
    ("readOnly", V30, Plain),
    ("writeOnly", V30, Plain),
    ("discriminator", V30, One(Object::Discriminator)),
    ("xml", V30, One(Object::Xml)),
    ("externalDocs", V30, One(Object::Docs)),
    ("title", V30, Plain),
    ("description", V30, Plain),
    ("default", V30, Plain),
    ("deprecated", V30, Plain),
    ("example", V30, Plain),
    // These rule nothing, so that in documents of 3.0 they do no harm.
    ("examples", V30, Plain),
    ("$comment", V30, Plain),
    ("$schema", V30, Plain),
    ("$id", V30, Plain),
    ("$anchor", V30, Plain),
    ("$dynamicAnchor", V30, Plain),
    ("$vocabulary", V30, Plain),
];
