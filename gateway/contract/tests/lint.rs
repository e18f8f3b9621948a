//! The Italian guidelines' rules: a document that keeps them all, and each change that breaks one.

use contract::lint;
use document::{Severity, Tree};

const SOUND: &str = r##"
openapi: 3.0.3
info:
  title: Anagrafe
  version: 1.4.0
  x-summary: Le residenze dei cittadini.
  contact: {name: Ufficio, email: ufficio@ente.example}
servers:
  - {url: "https://api.ente.example/v1", description: Produzione}
security: [{voucher: []}]
paths:
  /status:
    get:
      operationId: stato
      responses:
        "200": {description: d, content: {application/problem+json: {schema: {$ref: "#/components/schemas/Problema"}}}}
        default: {description: d, content: {application/problem+json: {schema: {$ref: "#/components/schemas/Problema"}}}}
  /voci/{id}:
    parameters: [{name: id, in: path, required: true, schema: {type: string}}]
    patch:
      operationId: cambia
      requestBody: {content: {application/merge-patch+json: {schema: {type: object, properties: {n: {type: integer, format: int32}}}, example: {n: 3}}}}
      responses:
        "204": {description: d}
        "429":
          description: d
          headers: {Retry-After: {schema: {type: string}}, X-RateLimit-Limit: {schema: {type: string}}, X-RateLimit-Remaining: {schema: {type: string}}, X-RateLimit-Reset: {schema: {type: string}}}
          content: {application/problem+json: {schema: {$ref: "#/components/schemas/Problema"}}}
components:
  securitySchemes:
    voucher: {type: http, scheme: bearer, description: Il voucher di PDND (RFC 8725)}
  schemas:
    Problema: {type: object, properties: {title: {type: string}}, example: {title: "200"}}
"##;

/// What is changed, into what, and what is then said.
const BREACHES: [(&str, &str, &str); 26] = [
    ("x-summary: Le residenze dei cittadini.", "", "`info.x-summary` is missing [info-summary]"),
    ("contact: {name: Ufficio, email: ufficio@ente.example}", "", "`info.contact` is missing [info-contact]"),
    ("version: 1.4.0", "version: \"1.4\"", "the version is no semantic one [info-version]"),
    ("version: 1.4.0", "version: \"1.04.0\"", "the version is no semantic one [info-version]"),
    ("servers:\n  - {url: \"https://api.ente.example/v1\", description: Produzione}", "", "there are no `servers` [servers]"),
    (", description: Produzione", "", "this server is not described [servers]"),
    ("https://api.ente.example/v1", "http://api.ente.example/v1", "this server is not reached by `https` [servers]"),
    ("/status:", "/stato:", "there is no `GET /status` [status]"),
    (
        "\"200\": {description: d, content: {application/problem+json",
        "\"200\": {description: d, content: {text/plain",
        "`/status` does not say that all is well [status]",
    ),
    ("format: int32", "maximum: 5", "a number without a `format` [number-format]"),
    (
        "operationId: cambia",
        "operationId: cambia\n      parameters: [{name: Accept, in: header, schema: {type: string}}]",
        "`Accept` is no parameter [header-parameters]",
    ),
    (
        "operationId: cambia",
        "operationId: cambia\n      parameters: [{name: api_key, in: query, schema: {type: string}}]",
        "`api_key` is a secret in an address [telling-names]",
    ),
    ("operationId: stato", "operationId: stato\n      requestBody: {content: {text/plain: {}}}", "a GET has no body [get-without-body]"),
    ("application/merge-patch+json", "application/json", "`application/json` does not say how it changes a resource [patch-media-type]"),
    (
        "\"204\": {description: d}",
        "\"204\": {description: d, content: {text/plain: {}}}",
        "an answer of this status has no content [no-content]",
    ),
    (
        "default: {description: d, content: {application/problem+json",
        "default: {description: d, content: {application/json",
        "an error that is no problem [problem-details]",
    ),
    ("Retry-After: {schema: {type: string}}, ", "", "429 without the headers that belong to it [rate-limit]"),
    ("X-RateLimit-Remaining", "RateLimit-Remaining", "429 without the headers that belong to it [rate-limit]"),
    (", description: Il voucher di PDND (RFC 8725)", "", "this security scheme is not described [security-schemes]"),
    ("scheme: bearer", "scheme: Basic", "names and passwords are not to be sent [security-schemes]"),
    (
        "type: http, scheme: bearer",
        "type: apiKey, in: query, name: k",
        "a key does not stand in an address or in a cookie [security-schemes]",
    ),
    ("type: http, scheme: bearer", "type: oauth2, flows: {implicit: {}}", "the flow `implicit` is not to be used [security-schemes]"),
    ("security: [{voucher: []}]", "", "anybody may PATCH here [protected-methods]"),
    ("security: [{voucher: []}]", "security: [{voucher: []}, {}]", "anybody may PATCH here [protected-methods]"),
    ("example: {n: 3}", "example: {n: tre}", "the example breaks its schema: body:/n is not integer [examples]"),
    (
        "{application/problem+json: {schema: {$ref: \"#/components/schemas/Problema\"}}}}\n        default",
        "{application/problem+json: {examples: {uno: {value: {title: 1}}}, schema: {$ref: \"#/components/schemas/Problema\"}}}}\n        default",
        "the example breaks its schema: body:/title is not string [examples]",
    ),
];

fn said(document: &str) -> Vec<String> {
    let tree = Tree::parse("api.yaml", document).unwrap_or_else(|fault| panic!("{fault}: {document}"));
    lint(&tree.into()).into_iter().filter(|fault| fault.severity == Severity::Error).map(|fault| fault.message).collect()
}

#[test]
fn each_rule_is_told_where_it_is_broken_and_nowhere_else() {
    assert_eq!(said(SOUND), Vec::<String>::new());
    for (from, to, expected) in BREACHES {
        assert_eq!(SOUND.matches(from).count(), 1, "{from}");
        assert_eq!(said(&SOUND.replace(from, to)), [expected], "{from} -> {to}");
    }
}

/// What 3.2 has beside: what is changed in the same document, into what, and what is then said.
const OF_3_2: [(&str, &str, &[&str]); 7] = [
    ("    patch:\n", "    query: {security: [], responses: {\"204\": {}}}\n    patch:\n", &[]),
    (
        "    patch:\n",
        "    additionalOperations: {COPY: {security: [], responses: {\"204\": {}}}}\n    patch:\n",
        &["anybody may COPY here [protected-methods]"],
    ),
    (
        "    patch:\n",
        "    query: {requestBody: {content: {application/json: {$ref: \"#/components/mediaTypes/N\"}}}, responses: {\"204\": {}}}\n    patch:\n",
        &["the example breaks its schema: body is not integer [examples]"],
    ),
    (", example: {n: 3}", ", examples: {uno: {dataValue: {n: 3}}}", &[]),
    (
        ", example: {n: 3}",
        ", examples: {uno: {dataValue: {n: tre}}}",
        &["the example breaks its schema: body:/n is not integer [examples]"],
    ),
    ("\"204\": {description: d}", "\"204\": {summary: fatto}", &[]),
    (
        "operationId: cambia",
        "operationId: cambia\n      parameters: [{in: querystring, required: true, content: {application/json: {schema: {type: string}}}}]",
        &[],
    ),
];

#[test]
fn documents_of_3_2_are_held_against_the_same_rules() {
    let media = "components:\n  mediaTypes:\n    N: {schema: {type: integer, format: int32}, example: uno}\n";
    let sound = SOUND.replace("3.0.3", "3.2.0").replace("components:\n", media);
    for (from, to, expected) in OF_3_2 {
        assert_eq!(sound.matches(from).count(), 1, "{from}");
        assert_eq!(said(&sound.replace(from, to)), expected, "{from} -> {to}");
    }
    for (from, to, expected) in BREACHES {
        assert_eq!(said(&SOUND.replace(from, to).replace("3.0.3", "3.2.0")), [expected], "{from} -> {to}");
    }
}

#[test]
fn our_own_document_keeps_them() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/anagrafe/openapi.yaml");
    assert_eq!(lint(&Tree::read(&path).expect("the document").into()), []);
}
