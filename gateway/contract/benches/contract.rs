//! What holding messages against a contract costs beside reading them, and what compiling a large document costs: in time and in
//! allocations. `make bench` prints it beside two validators that others wrote (`tests/bench/validators.py`).

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use bytes::Bytes;
use contract::{AnswerCheck, CompileOptions, Contract, Documents, Payload, RequestParts, RouteMatch};
use divan::{AllocProfiler, Bencher, black_box};
use document::{Faults, Tree};
use exchange::{Json, JsonLimits};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// How large the document is of which the compiler's cost is told.
const LARGE: usize = 5 << 20;

/// The registry's document: patterns, bounds, enumerations, nullable members, references.
fn registry() -> Contract {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../specs/anagrafe/openapi.yaml");
    compile(&Tree::read(&path).expect("the document").into())
}

fn compile(documents: &Documents) -> Contract {
    let faults = RefCell::new(Faults::new());
    Contract::compile(documents, &CompileOptions::default(), &faults).unwrap_or_else(|| panic!("{faults:?}"))
}

/// A citizen with so many addresses: two KiB with fourteen. `tests/bench/validators.py` asks for the same.
fn answer(addresses: usize) -> Bytes {
    let mut text = r#"{"idOperazioneClient":"20261121000001","idOperazioneAnagrafe":"884213377","cittadino":{"codiceFiscale":"FNTLCU85C52X999H","cognome":"FONTANA","nome":"LUCIA","dataNascita":"1985-03-12","sesso":"F","email":"lucia.fontana@posta.example","reddito":"23450.70","numeroComponenti":3,"irreperibile":false,"indirizzi":["#.to_owned();
    for n in 0..addresses {
        let comma = if n == 0 { "" } else { "," };
        write!(text, r#"{comma}{{"tipo":"RESIDENZA","via":"VIA DEI TIGLI","civico":"{n}/B","cap":"99010","comune":"PIETRACHIARA","provincia":"PX","dal":"2014-06-01"}}"#).expect("a text grows");
    }
    (text + "]}}").into()
}

fn json() -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// The parse itself, with which the check is compared.
#[divan::bench(args = [14, 49])]
fn read_the_body(bencher: Bencher<'_, '_>, addresses: usize) {
    let body = answer(addresses);
    bencher.bench(|| Json::read(black_box(&body).clone(), &JsonLimits::default()).expect("JSON"));
}

/// The parse and the check. Of valid messages no scalar costs an allocation: the count is that of the parse, whatever the body's length.
#[divan::bench(args = [14, 49])]
fn read_and_check_the_body(bencher: Bencher<'_, '_>, addresses: usize) {
    let (contract, headers, body) = (registry(), json(), answer(addresses));
    let operation = contract.operations().iter().position(|spec| &*spec.id == "cercaResidenza").expect("an operation");
    bencher.bench(|| {
        let payload = Payload::Held(black_box(&body).clone());
        let checked = contract.check_answer(operation, StatusCode::OK, &headers, payload);
        assert!(matches!(checked, AnswerCheck::Conforms(_)), "{checked:?}");
        checked
    });
}

/// A look-up by a parameter of the path, from method and path to its typed values.
#[divan::bench]
fn route_and_check_parameters(bencher: Bencher<'_, '_>) {
    let (contract, headers) = (registry(), HeaderMap::new());
    bencher.bench(|| {
        let RouteMatch::Found { operation, parameters } = contract.route(&Method::GET, black_box("/cittadini/FNTLCU85C52X999H")) else {
            panic!("no operation");
        };
        contract
            .check_request(operation, RequestParts { query: None, headers: &headers, path: parameters }, Payload::Nothing)
            .expect("valid")
    });
}

/// A document of five MiB: some thousands of operations, each with schemas of its own.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn compile_five_mebibytes(bencher: Bencher<'_, '_>) {
    let documents: Documents = Tree::parse("large.json", &large()).expect("readable").into();
    bencher.bench(|| compile(black_box(&documents)));
}

/// Finding an operation among thousands.
#[divan::bench]
fn route_among_thousands(bencher: Bencher<'_, '_>) {
    let contract = compile(&Tree::parse("large.json", &large()).expect("readable").into());
    bencher.bench(|| contract.route(&Method::POST, black_box("/risorse-1500/0123/voci")));
}

fn large() -> String {
    let (mut paths, mut schemas, mut bytes) = (Vec::new(), Vec::new(), 0);
    for n in 0_usize.. {
        if bytes > LARGE {
            break;
        }
        let content = |name: &str| format!(r##"{{"application/json":{{"schema":{{"$ref":"#/components/schemas/{name}{n}"}}}}}}"##);
        paths.push(format!(
            r#""/risorse-{n}/{{id}}/voci":{{"post":{{"operationId":"o{n}","parameters":[{{"name":"id","in":"path","required":true,"schema":{{"type":"string","maxLength":20}}}}],"requestBody":{{"content":{}}},"responses":{{"200":{{"description":"d","content":{}}}}}}}}}"#,
            content("R"),
            content("A")
        ));
        let member = |at: usize| {
            let kind = ["string", "integer", "boolean"][at % 3];
            format!(
                r#""campo{at}":{{"type":"{kind}","description":"Il campo numero {at} della risorsa numero {n}, come lo dice il documento."}}"#
            )
        };
        let members = (0..6).map(member).collect::<Vec<_>>().join(",");
        schemas.push(format!(r#""R{n}":{{"type":"object","required":["campo0"],"properties":{{{members}}}}}"#));
        let near = n / 2;
        schemas
            .push(format!(r##""A{n}":{{"type":"object","properties":{{{members},"vicino":{{"$ref":"#/components/schemas/R{near}"}}}}}}"##));
        bytes += paths[n].len() + schemas[2 * n].len() + schemas[2 * n + 1].len();
    }
    let (paths, schemas) = (paths.join(","), schemas.join(","));
    format!(r#"{{"openapi":"3.0.3","info":{{"title":"t","version":"1"}},"paths":{{{paths}}},"components":{{"schemas":{{{schemas}}}}}}}"#)
}
