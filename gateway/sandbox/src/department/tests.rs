use std::time::Duration;

use http::HeaderMap;

use super::*;
use crate::Misbehaviour;
use crate::client::{ClientError, send};
use envelope::{Element, tree};

async fn department() -> Department {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    Department::start(listener, address)
}

fn search(version: Version, code: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><e:Envelope xmlns:e="{}" xmlns:a="{NAMESPACE}"><e:Body><a:CercaResidenza>
        <a:idOperazioneClient>op-1</a:idOperazioneClient>
        <a:criteriRicerca><a:codiceFiscale>{code}</a:codiceFiscale></a:criteriRicerca>
        <a:datiRichiesta><a:dataRiferimentoRichiesta>2020-01-01</a:dataRiferimentoRichiesta>
          <a:motivoRichiesta>prova</a:motivoRichiesta><a:casoUso>C020</a:casoUso></a:datiRichiesta>
        </a:CercaResidenza></e:Body></e:Envelope>"#,
        version.namespace()
    )
}

fn update(code: &str) -> String {
    format!(
        r#"<e:Envelope xmlns:e="{}"><e:Body><AggiornaIndirizzo xmlns="{NAMESPACE}" xmlns:x="http://www.w3.org/2001/XMLSchema-instance">
        <codiceFiscale>{code}</codiceFiscale><tipo>DOMICILIO</tipo><indirizzo><via>VIA &lt;NUOVA&gt;</via><civico x:nil="true"/>
        <cap>99011</cap><comune>VALDOMBRA</comune></indirizzo></AggiornaIndirizzo></e:Body></e:Envelope>"#,
        Version::Soap11.namespace()
    )
}

async fn call(department: &Department, media: &str, action: Option<&str>, body: String) -> Result<Response<Bytes>, ClientError> {
    let mut request = Request::post(department.url()).header("content-type", media);
    if let Some(action) = action {
        request = request.header("soapaction", action);
    }
    send(request.body(body.into()).expect("a request"), Duration::from_secs(5)).await
}

async fn ask(department: &Department, version: Version, body: String) -> (StatusCode, HeaderMap, Element) {
    let answer = call(department, version.media_type(), Some("\"\""), body).await.expect("an answer");
    let (parts, body) = answer.into_parts();
    let root = tree(&body).expect("XML");
    assert_eq!(root.namespace, version.namespace());
    let child = root.children[0].children[0].clone();
    (parts.status, parts.headers, child)
}

#[tokio::test]
async fn finds_citizens_in_both_versions() {
    let department = department().await;
    for version in [Version::Soap11, Version::Soap12] {
        let (status, headers, answer) = ask(&department, version, search(version, "FNTLCU85C52X999H")).await;
        assert_eq!((status, headers["content-type"].as_bytes()), (StatusCode::OK, version.media_type().as_bytes()));
        assert_eq!((answer.name.as_str(), answer.namespace.as_str()), ("CercaResidenzaResponse", NAMESPACE));
        assert_eq!(answer.child_text("idOperazioneClient"), Some("op-1"));
        let citizen = answer.child("cittadino").expect("a citizen");
        assert_eq!((citizen.child_text("cognome"), citizen.child_text("reddito")), (Some("FONTANA"), Some("23450.70")));
        let addresses: Vec<_> = citizen.children.iter().filter(|child| child.name == "indirizzi").collect();
        assert_eq!(addresses.len(), 1, "the second address came after the date asked for");
        assert_eq!(addresses[0].attributes, [("tipo".to_owned(), "RESIDENZA".to_owned())]);
    }
    let (_, _, answer) = ask(&department, Version::Soap11, search(Version::Soap11, "DMCNCL72S30X999G")).await;
    let citizen = answer.child("cittadino").expect("a citizen");
    assert_eq!((citizen.child_text("cognome"), citizen.child_text("nome")), (Some("D'AMÌCO"), Some("NICCOLÒ")));
    assert!(citizen.child("indirizzi").and_then(|address| address.child("civico")).is_some_and(Element::is_nil));
    assert_eq!((department.accesses().total(), department.accesses().count("CercaResidenza")), (3, 3));
}

#[tokio::test]
async fn declared_faults_are_500_in_both_versions() {
    let department = department().await;
    let (status, _, fault) = ask(&department, Version::Soap11, search(Version::Soap11, "VRDLGU91A10X999X")).await;
    assert_eq!((status, fault.child_text("faultcode")), (StatusCode::INTERNAL_SERVER_ERROR, Some("soapenv:Client")));
    let detail = &fault.child("detail").expect("a detail").children[0];
    assert_eq!((detail.name.as_str(), detail.namespace.as_str()), ("CittadinoNonTrovato", NAMESPACE));
    let (status, _, fault) = ask(&department, Version::Soap12, search(Version::Soap12, "VRDLGU91A10X999X")).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(fault.child("Code").and_then(|code| code.child_text("Value")), Some("soapenv:Sender"));
    assert_eq!(fault.child("Detail").map(|detail| detail.children[0].name.as_str()), Some("CittadinoNonTrovato"));
}

#[tokio::test]
async fn updates_change_the_register() {
    let department = department().await;
    let (status, _, answer) = ask(&department, Version::Soap11, update("BNCPTR49L05X999R")).await;
    assert_eq!((status, answer.name.as_str()), (StatusCode::OK, "AggiornaIndirizzoResponse"));
    let citizen = department.citizen("BNCPTR49L05X999R").expect("a citizen");
    let address = citizen.indirizzi.last().expect("the new address");
    assert_eq!((address.via.as_str(), &address.civico, citizen.indirizzi.len()), ("VIA <NUOVA>", &HouseNumber::Without, 2));
    let (_, _, fault) = ask(&department, Version::Soap11, update("MROLEI36B28X999A")).await;
    assert_eq!(fault.child("detail").map(|detail| detail.children[0].name.as_str()), Some("AggiornamentoNonConsentito"));
}

#[tokio::test]
async fn is_strict_about_the_message() {
    let department = department().await;
    let right = search(Version::Soap11, "FNTLCU85C52X999H");
    let soap11 = "text/xml; charset=utf-8";
    let action = format!("\"{NAMESPACE}/CercaResidenza\"");
    for (media, action, body, status, reason) in [
        (soap11, Some(action.as_str()), right.clone(), 200, ""),
        (soap11, None, right.clone(), 500, "SOAPAction is missing"),
        (soap11, Some("\"urn:pietrachiara:anagrafe:v1/LeggiCittadino\""), right.clone(), 500, "SOAPAction and body disagree"),
        ("application/soap+xml", None, right.clone(), 500, "the media type is not that"),
        ("application/json", Some("\"\""), right.clone(), 415, ""),
        (soap11, Some("\"\""), right.replace("op-1", ""), 500, "idOperazioneClient is empty"),
        (soap11, Some("\"\""), right.replace("2020-01-01", "oggi"), 500, "dataRiferimentoRichiesta is no date"),
        (soap11, Some("\"\""), right.replace(NAMESPACE, "urn:altro"), 500, "another namespace"),
        (soap11, Some("\"\""), right.replace("CercaResidenza", "Cancella"), 500, "no such operation"),
        (soap11, Some("\"\""), right.replace("casoUso", "altro"), 500, "casoUso was expected in datiRichiesta"),
        (soap11, Some("\"\""), right.replace("</a:criteriRicerca>", "<a:nome>X</a:nome></a:criteriRicerca>"), 500, "out of place"),
        (soap11, Some("\"\""), right.replace("<?xml version=\"1.0\"?>", "<!DOCTYPE x>"), 500, "not allowed"),
        (soap11, Some("\"\""), "{}".into(), 500, "not well-formed"),
    ] {
        let answer = call(&department, media, action, body.clone()).await.expect("an answer");
        let said = String::from_utf8_lossy(answer.body()).into_owned();
        assert_eq!(answer.status(), status, "{body}\n{said}");
        assert!(said.contains(reason), "{reason}\n{said}");
    }
}

#[tokio::test]
async fn serves_its_description_with_its_address() {
    let department = department().await;
    let request = Request::get(format!("{}?wsdl", department.url())).body(Bytes::new()).expect("a request");
    let answer = send(request, Duration::from_secs(5)).await.expect("an answer");
    let text = String::from_utf8(answer.body().to_vec()).expect("UTF-8");
    assert_eq!(text.matches(&format!("location=\"{}\"", department.url())).count(), 2);
    assert!(!text.contains(PUBLISHED));
    tree(text.as_bytes()).expect("XML");
}

#[tokio::test]
async fn misbehaves_as_told() {
    let department = department().await;
    let ask = || call(&department, "text/xml", Some("\"\""), search(Version::Soap11, "FNTLCU85C52X999H"));
    let right = ask().await.expect("an answer").into_body();

    department.switch().misbehave_times(1, Misbehaviour::Reset);
    assert!(matches!(ask().await, Err(ClientError::Broken(_))));
    department.switch().misbehave_times(1, Misbehaviour::Cut);
    assert!(matches!(ask().await, Err(ClientError::Body(_))));
    department.switch().misbehave_times(1, Misbehaviour::NotHttp);
    assert!(matches!(ask().await, Err(ClientError::Broken(error)) if error.is_parse()));
    department.switch().misbehave_times(1, Misbehaviour::Oversized(1 << 20));
    assert!(ask().await.expect("an answer").body().len() > 1 << 20);
    department.switch().misbehave_times(1, Misbehaviour::Html);
    let page = ask().await.expect("an answer");
    assert_eq!(
        (page.status(), page.headers()["content-type"].as_bytes()),
        (StatusCode::INTERNAL_SERVER_ERROR, &b"text/html;charset=ISO-8859-1"[..])
    );
    department.switch().misbehave_times(1, Misbehaviour::WrongElement);
    assert!(String::from_utf8_lossy(ask().await.expect("an answer").body()).contains("<ns2:CercaResidenzaAltro"));
    department.switch().misbehave_times(1, Misbehaviour::Drip(Duration::from_micros(1)));
    assert_eq!(ask().await.expect("an answer").body().len(), right.len());
    department.switch().misbehave_times(1, Misbehaviour::Status(StatusCode::SERVICE_UNAVAILABLE));
    assert_eq!(ask().await.expect("an answer").status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(ask().await.expect("an answer").status(), StatusCode::OK);
    assert_eq!(department.accesses().total(), 10, "every one of them was received whole");
}

#[tokio::test]
async fn stopping_ends_what_hangs() {
    let department = Arc::new(department().await);
    department.switch().misbehave(Misbehaviour::Hang);
    let hanging = tokio::spawn({
        let department = department.clone();
        async move { call(&department, "text/xml", Some("\"\""), search(Version::Soap11, "FNTLCU85C52X999H")).await }
    });
    while department.accesses().total() == 0 {
        tokio::task::yield_now().await;
    }
    department.stop().await;
    assert!(matches!(hanging.await.expect("no panic"), Err(ClientError::Broken(_))));
    assert!(matches!(call(&department, "text/xml", None, String::new()).await, Err(ClientError::Connect { .. })), "the socket is closed");
}
