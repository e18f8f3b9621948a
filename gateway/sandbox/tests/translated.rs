//! Calls of the shipped contract, translated by the shipped mapping, answered by the running department and translated back:
//! two implementations of SOAP that share no line, held against one contract.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use adapter_api::{Adapter, AdapterError, AnswerBody, Body, Call, UpstreamAnswer, UpstreamBody};
use adapter_soap::SoapAdapter;
use bytes::Bytes;
use contract::{AnswerCheck, CompileOptions, Contract, Payload, RequestParts, RouteMatch};
use document::{Faults, Section, Tree};
use exchange::{Caller, Problem};
use http::{HeaderMap, Method, Request, header};
use sandbox::client::send;
use sandbox::department::HouseNumber;
use sandbox::{Options, Sandbox};
use serde_json::{Value, json};

/// The department with the contract and the adapter before it, as the gateway has them.
struct Way {
    sandbox: Sandbox,
    contract: Contract,
    adapter: SoapAdapter,
}

impl Way {
    async fn open(soap: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let faults = RefCell::new(Faults::new());
        let tree = Tree::read(&PathBuf::from(&root).join("specs/anagrafe/openapi.yaml")).expect("the contract can be read");
        let contract = Contract::compile(&tree.into(), &CompileOptions::default(), &faults);
        let files = "wsdl: specs/anagrafe/legacy.wsdl\nmapping: adapters/anagrafe/mapping.yaml\n";
        let written = Tree::parse("varco.yaml", &format!("{files}soap_version: \"{soap}\"\n")).expect("YAML");
        let section = Section::open(&written.file, &written.root, "soap", &faults).expect("a mapping");
        let contract = contract.expect("a contract");
        let adapter = adapter_soap::compile(section, &root, Some(contract.operations()), contract.status_operation());
        let told: Vec<String> = faults.into_inner().sorted().iter().map(ToString::to_string).collect();
        assert_eq!(told, Vec::<String>::new());
        let sandbox = Sandbox::start(Options::default()).await.expect("free ports");
        Self { sandbox, contract, adapter: adapter.expect("an adapter") }
    }

    /// The answer to a call, which keeps the contract, or the problem that it became.
    async fn call(&self, method: Method, path: &str, query: Option<&str>, body: Option<Value>) -> Result<Value, Problem> {
        let RouteMatch::Found { operation, parameters } = self.contract.route(&method, path) else { panic!("no route {path}") };
        let mut headers = HeaderMap::new();
        let payload = body.map_or(Payload::Nothing, |body| {
            headers.insert(header::CONTENT_TYPE, "application/json".parse().expect("a media type"));
            Payload::Held(body.to_string().into())
        });
        let parts = RequestParts { query, headers: &headers, path: parameters };
        let checked = self.contract.check_request(operation, parts, payload).expect("the call keeps the contract");
        let mut call = Call {
            operation,
            method,
            path: path.into(),
            query: query.map(Into::into),
            parameters: checked.parameters,
            headers,
            body: checked.body,
            caller: Arc::new(Caller::default()),
            ..Call::default()
        };
        let asked = self.adapter.request(&mut call).map_err(problem)?;
        let UpstreamBody::Bytes(bytes) = asked.body else { panic!("an envelope") };
        let mut request = Request::new(bytes);
        *request.method_mut() = asked.method;
        *request.headers_mut() = asked.headers;
        *request.uri_mut() = self.sandbox.department.url().parse().expect("a URL");
        let (parts, bytes) = send(request, Duration::from_secs(10)).await.expect("an answer").into_parts();
        let upstream = UpstreamAnswer { status: parts.status, headers: parts.headers, body: Body::Bytes(bytes) };
        let answer = self.adapter.answer(&call, upstream).map_err(problem)?;
        let AnswerBody::Bytes(bytes) = answer.body else { panic!("JSON of the adapter's") };
        let check = self.contract.check_answer(operation, answer.status, &answer.headers, Payload::Held(bytes.clone()));
        assert!(matches!(check, AnswerCheck::Conforms(_)), "{check:?}");
        Ok(serde_json::from_slice(&bytes).expect("JSON"))
    }
}

fn problem(error: AdapterError) -> Problem {
    match error {
        AdapterError::Upstream(problem) => problem,
        other => panic!("{other}"),
    }
}

fn search(code: &str) -> Value {
    json!({
        "datiRichiesta": { "casoUso": "C020", "motivoRichiesta": "pratica <1> & co", "dataRiferimentoRichiesta": "2026-11-21" },
        "criteriRicerca": { "codiceFiscale": code },
        "idOperazioneClient": "op-7",
    })
}

#[tokio::test]
async fn look_ups_come_back_as_the_contract_says() {
    for soap in ["1.1", "1.2"] {
        let way = Way::open(soap).await;
        let found = way.call(Method::POST, "/residenze/ricerca", None, Some(search("FNTLCU85C52X999H"))).await.expect("found");
        assert_eq!((&found["idOperazioneClient"], &found["cittadino"]["reddito"]), (&json!("op-7"), &json!("23450.70")));
        let addresses = &found["cittadino"]["indirizzi"];
        assert_eq!((&addresses[0]["tipo"], &addresses[1]["civico"]), (&json!("RESIDENZA"), &json!("3")));
        // Every citizen: no member, one, nil and absent ones, no address, accents, more digits than a float has.
        for citizen in way.sandbox.department.citizens() {
            let read = way.call(Method::GET, &format!("/cittadini/{}", citizen.codice_fiscale), None, None).await.expect("found");
            assert_eq!((read["cognome"].as_str(), read["nome"].as_str()), (Some(&*citizen.cognome), Some(&*citizen.nome)));
            assert_eq!((read["reddito"].as_str(), read["email"].as_str()), (citizen.reddito.as_deref(), citizen.email.as_deref()));
            assert_eq!(read["numeroComponenti"].as_u64(), citizen.numero_componenti.map(u64::from));
            assert_eq!(read["irreperibile"].as_bool(), citizen.irreperibile);
            let addresses = read["indirizzi"].as_array().expect("always an array");
            assert_eq!(addresses.len(), citizen.indirizzi.len());
            for (found, address) in addresses.iter().zip(&citizen.indirizzi) {
                let number = match &address.civico {
                    HouseNumber::Unknown => None,
                    HouseNumber::Without => Some(Value::Null),
                    HouseNumber::Number(number) => Some(json!(number)),
                };
                assert_eq!((found["via"].as_str(), found.get("civico").cloned()), (Some(&*address.via), number));
            }
        }
        let early = way.call(Method::GET, "/cittadini/FNTLCU85C52X999H", Some("data_riferimento=2020-01-01"), None).await.expect("found");
        assert_eq!(early["indirizzi"].as_array().map(Vec::len), Some(1), "the query reached the department");
    }
}

#[tokio::test]
async fn updates_reach_the_register() {
    let way = Way::open("1.1").await;
    let body = json!({ "comune": "VALDOMBRA", "via": "VIA DELL'ORTO", "civico": null, "cap": "99011" });
    let done = way.call(Method::PUT, "/cittadini/BNCPTR49L05X999R/indirizzi/DOMICILIO", None, Some(body)).await.expect("done");
    assert!(done["protocollo"].as_str().is_some_and(|number| number.starts_with("PG/")));
    let citizen = way.sandbox.department.citizen("BNCPTR49L05X999R").expect("a citizen");
    let address = citizen.indirizzi.last().expect("the new address");
    assert_eq!((address.tipo.as_str(), address.via.as_str()), ("DOMICILIO", "VIA DELL'ORTO"));
    assert_eq!((&address.civico, &address.provincia), (&HouseNumber::Without, &None));
}

#[tokio::test]
async fn declared_faults_become_their_problems() {
    let way = Way::open("1.1").await;
    let problem = way.call(Method::POST, "/residenze/ricerca", None, Some(search("VRDLGU91A10X999X"))).await.expect_err("nobody");
    assert_eq!((problem.status, &*problem.kind), (404, "cittadino-non-trovato"));
    let body = json!({ "comune": "X", "via": "X", "cap": "99011" });
    let problem = way.call(Method::PUT, "/cittadini/MROLEI36B28X999A/indirizzi/DOMICILIO", None, Some(body)).await.expect_err("lost");
    assert_eq!((problem.status, &*problem.kind), (409, "aggiornamento-non-consentito"));
    assert_eq!(way.sandbox.department.accesses().count("AggiornaIndirizzo"), 1);
}

/// Whatever the adapter sends is what an XML reader of another make reads.
#[tokio::test]
async fn the_department_keeps_what_it_was_sent() {
    let way = Way::open("1.2").await;
    way.call(Method::POST, "/residenze/ricerca", None, Some(search("NREDAA09T64X999H"))).await.expect("found");
    let access = way.sandbox.department.accesses().last().expect("an access");
    assert_eq!(access.operation, Some("CercaResidenza"));
    let sent: Bytes = access.body;
    assert!(String::from_utf8_lossy(&sent).contains("pratica &lt;1"));
}
