//! A national registry in the shape of ANPR's C020 (accertamento della residenza): what a provider on PDND asks for that wants to know
//! who asks. It holds the voucher, the tracking evidence that is bound to it (AUDIT_REST_02) and the signature over the message
//! (INTEGRITY_REST_02) against each other, as ANPR does, and answers `RispostaE002OK` or `RispostaKO`. Unlike ANPR it says what is wrong.
//! Its citizens are those of the department.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use exchange::Timestamp;
use exchange::json::Node;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use trust::{Acceptance, Identifiers, IssuerRules, Jwks, Scheme, Times, Verified};

use crate::department::Citizen;
use crate::department::citizens::Register;
use crate::pdnd::platform::Platform;
use crate::server::{Server, Service};
use crate::{AccessLog, Switch};

/// Where its operations stand, as ANPR's do.
pub const PATH: &str = "/govway/rest/in/MinInternoPortaANPR-PDND/C020-servizioAccertamentoResidenza/v1";
/// For whom evidence and signatures are made: the URL as it is published, without `-PDND` and without the operation.
pub const AUDIENCE: &str = "https://registro.example/govway/rest/in/MinInternoPortaANPR/C020-servizioAccertamentoResidenza/v1";
/// Its e-service on the local PDND.
pub const ESERVICE: &str = "residenza";

/// The running registry.
#[derive(Debug)]
pub struct National {
    server: Server,
}

impl National {
    pub(crate) fn start(listener: TcpListener, address: SocketAddr, platform: Arc<Platform>, register: Arc<RwLock<Register>>) -> Self {
        let desk = Desk { platform, register, operations: AtomicU64::new(884_213_376), taken: Mutex::default() };
        Self { server: Server::start(listener, address, Arc::new(desk)) }
    }

    pub(crate) async fn stop(&self) {
        self.server.stop().await;
    }

    /// The URL of the service.
    pub fn url(&self) -> String {
        format!("http://{}{PATH}", self.server.address)
    }

    /// What it was asked.
    pub fn accesses(&self) -> &AccessLog {
        &self.server.log
    }

    /// The switch that makes it misbehave.
    pub fn switch(&self) -> &Switch {
        &self.server.switch
    }
}

struct Desk {
    platform: Arc<Platform>,
    register: Arc<RwLock<Register>>,
    operations: AtomicU64,
    /// The tokens that were taken already.
    taken: Mutex<HashSet<String>>,
}

/// How many tokens are remembered: more than anybody tries out in a day.
const MOST_TAKEN: usize = 100_000;
/// The longest life of evidence and signatures, in seconds.
const LONGEST_LIFE: i64 = 300;

impl Service for Desk {
    fn operation(&self, request: &Request<Bytes>) -> Option<&'static str> {
        match (request.method(), request.uri().path().strip_prefix(PATH)?) {
            (&Method::POST, "/anpr-service-e002") => Some("e002"),
            (&Method::GET, "/status") => Some("status"),
            _ => None,
        }
    }

    fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let number = self.operations.fetch_add(1, Ordering::Relaxed).to_string();
        match self.operation(request) {
            Some("status") => answer(StatusCode::OK, "application/problem+json", &json!({ "status": 200, "title": "OK" })),
            Some(_) => match self.believe(request) {
                Ok(()) => self.consult(&number, request.body()),
                Err(why) => invalid(&number, &why),
            },
            None => answer(StatusCode::NOT_FOUND, "application/problem+json", &json!({ "status": 404, "title": "NotFound" })),
        }
    }
}

/// What a provider finds wrong.
type Wrong = String;

impl Desk {
    /// Voucher, evidence and signature: each by itself, and that they belong together.
    fn believe(&self, request: &Request<Bytes>) -> Result<(), Wrong> {
        let verified = self.voucher(request)?;
        let caller = verified.caller();
        let registry = self.platform.registry.read();
        let client = registry.clients.iter().find(|client| caller.client.as_deref() == Some(&*client.id.to_string()));
        let client = client.ok_or("the voucher's client is not known")?;
        let claims = |name: &str| {
            let token = text(request, name).ok_or_else(|| format!("{name} is missing"))?;
            let signed = client.keys.iter().find_map(|key| trust::signed_claims(token, key).ok());
            let signed = signed.ok_or_else(|| format!("{name} is not signed by a key of the client"))?;
            let own = [("iss", caller.client.as_deref()), ("aud", Some(AUDIENCE))];
            for (claim, expected) in own {
                if signed.root().get(claim).and_then(Node::as_str) != expected {
                    return Err(format!("{name}: {claim} is not what it should be"));
                }
            }
            in_time(signed.root(), self.platform.now()).map_err(|why| format!("{name}: {why}"))?;
            let jti = signed.root().get("jti").and_then(Node::as_str).ok_or_else(|| format!("{name}: jti is missing"))?;
            if !self.take(format!("{name} {} {jti}", client.id)) {
                return Err(format!("{name}: it was taken already"));
            }
            Ok((token, signed))
        };
        let (token, evidence) = claims("agid-jwt-trackingevidence")?;
        let evidence = evidence.root();
        if verified.digest() != Some(&trust::evidence_digest(token)) {
            return Err("the voucher is not bound to the evidence".into());
        }
        if evidence.get("purposeId").and_then(Node::as_str) != caller.purpose.as_deref() {
            return Err("the evidence is for another purpose".into());
        }
        let told = |claim: &str| evidence.get(claim).and_then(Node::as_str).is_some_and(|value| !value.trim().is_empty());
        if !told("userID") || !told("userLocation") || evidence.get("LoA").and_then(Node::as_str).is_some_and(|level| level.len() > 20) {
            return Err("the evidence does not say who asks from where".into());
        }
        if evidence
            .get("dnonce")
            .and_then(Node::number)
            .is_none_or(|number| number.len() != 13 || !number.bytes().all(|byte| byte.is_ascii_digit()))
        {
            return Err("dnonce is no number of 13 digits".into());
        }
        let (_, signature) = claims("agid-jwt-signature")?;
        if signature.root().get("sub").and_then(Node::as_str) != caller.client.as_deref() {
            return Err("agid-jwt-signature: sub is not the client".into());
        }
        self::signature(request, signature.root())
    }

    /// Takes a token, once.
    fn take(&self, token: String) -> bool {
        let mut taken = self.taken.lock();
        if taken.len() >= MOST_TAKEN {
            taken.clear();
        }
        taken.insert(token)
    }

    fn voucher(&self, request: &Request<Bytes>) -> Result<Verified, Wrong> {
        let token = text(request, "authorization").and_then(|value| value.strip_prefix("Bearer ")).ok_or("there is no voucher")?;
        let issuer = &self.platform.environment.issuer;
        let keys = Jwks::parse(self.platform.jwks().to_string().as_bytes()).map_err(|fault| fault.to_string())?;
        let voucher = trust::verify_signature(token, &IssuerRules::new(issuer.as_str()), &keys).map_err(|error| error.to_string())?;
        let registry = self.platform.registry.read();
        let eservice = registry.eservice(ESERVICE).ok_or("the e-service is not published")?;
        let producer = registry.tenant(&eservice.producer).ok_or("the e-service is nobody's")?;
        let acceptance = Acceptance {
            issuer: issuer.as_str().into(),
            audiences: eservice.descriptors.iter().flat_map(|one| &one.audience).map(|audience| audience.as_str().into()).collect(),
            producer: Some(producer.id),
            eservice: Some(eservice.id),
            descriptors: eservice.descriptors.iter().map(|one| one.id).collect(),
            identifiers: Identifiers::Required,
            times: Times::default(),
        };
        trust::accept(&voucher, Scheme::Bearer, &acceptance, self.platform.now()).map_err(|error| error.to_string())
    }

    fn consult(&self, number: &str, body: &Bytes) -> Response<Bytes> {
        let Ok(asked) = serde_json::from_slice::<Value>(body) else {
            return ko(StatusCode::BAD_REQUEST, number, "EN118", "richiesta non leggibile");
        };
        let criteria = &asked["criteriRicerca"];
        let register = self.register.read();
        let found = match (criteria["codiceFiscale"].as_str(), criteria["idANPR"].as_str()) {
            (Some(code), _) => register.get(code),
            (None, Some(id)) => register.values().find(|citizen| id_anpr(citizen) == id),
            (None, None) => return ko(StatusCode::BAD_REQUEST, number, "EN148", "criteri di ricerca insufficienti"),
        };
        match found {
            Some(citizen) => {
                let found = json!({ "idOperazioneANPR": number, "listaSoggetti": { "datiSoggetto": [subject(citizen)] } });
                answer(StatusCode::OK, "application/json", &found)
            }
            None => ko(StatusCode::NOT_FOUND, number, "EN122", "soggetto non trovato"),
        }
    }
}

/// The digest is the body's, and what was signed is what came.
fn signature(request: &Request<Bytes>, claims: Node<'_>) -> Result<(), Wrong> {
    if text(request, "digest") != Some(&trust::digest_header(request.body())) {
        return Err("Digest is not of this body".into());
    }
    let signed: Vec<(&str, &str)> = claims
        .get("signed_headers")
        .into_iter()
        .flat_map(Node::items)
        .flat_map(Node::members)
        .filter_map(|(name, value)| Some((name.as_str()?, value.as_str()?)))
        .collect();
    let coded = request.headers().contains_key("content-encoding").then_some("content-encoding");
    for name in ["digest", "content-type"].into_iter().chain(coded) {
        if !signed.iter().any(|(known, _)| *known == name) {
            return Err(format!("{name} is not signed"));
        }
    }
    match signed.iter().find(|(name, value)| text(request, name) != Some(value)) {
        Some((name, _)) => Err(format!("{name} is not what was signed")),
        None => Ok(()),
    }
}

fn in_time(claims: Node<'_>, now: Timestamp) -> Result<(), Wrong> {
    let at = |claim: &str| claims.get(claim).and_then(Node::number).and_then(|number| number.parse::<i64>().ok());
    match (at("iat"), at("exp")) {
        (Some(issued), Some(expires)) => {
            let now = now.seconds();
            let begins = at("nbf").unwrap_or(issued).max(issued);
            let is_of_now = begins <= now + 5 && now < expires && expires - issued <= LONGEST_LIFE;
            if is_of_now { Ok(()) } else { Err("it is not of now, or lives too long".into()) }
        }
        _ => Err("iat or exp is missing".into()),
    }
}

/// A header that is there once.
fn text<'a>(request: &'a Request<Bytes>, name: &str) -> Option<&'a str> {
    let mut values = request.headers().get_all(name).iter();
    let value = values.next()?;
    if values.next().is_some() { None } else { value.to_str().ok() }
}

/// An id of nine characters, made of the codice fiscale so that it stays the same.
fn id_anpr(citizen: &Citizen) -> String {
    let sum = citizen.codice_fiscale.bytes().fold(7_u64, |sum, byte| sum * 31 % 99_999 + u64::from(byte));
    format!("XA{sum:05}XB")
}

fn subject(citizen: &Citizen) -> Value {
    let Citizen { codice_fiscale, cognome, nome, data_nascita, sesso, indirizzi, .. } = citizen;
    let homes: Vec<Value> = indirizzi
        .iter()
        .filter(|address| address.tipo == "RESIDENZA")
        .map(|address| {
            let town = json!({ "nomeComune": address.comune, "siglaProvinciaIstat": address.provincia });
            json!({ "tipoIndirizzo": "1", "indirizzo": { "cap": address.cap, "comune": town, "toponimo": { "denominazioneToponimo": address.via } } })
        })
        .collect();
    json!({
        "generalita": {
            "codiceFiscale": { "codFiscale": codice_fiscale, "validitaCF": "1" },
            "cognome": cognome, "nome": nome, "dataNascita": data_nascita, "sesso": sesso,
        },
        "identificativi": { "idANPR": id_anpr(citizen) },
        "residenza": homes,
        "infoSoggettoEnte": [{ "id": "1", "chiave": "Data decesso", "valore": "N" }],
    })
}

fn ko(status: StatusCode, number: &str, code: &str, said: &str) -> Response<Bytes> {
    let error = json!({ "codiceErroreAnomalia": code, "tipoErroreAnomalia": "E", "testoErroreAnomalia": said });
    answer(status, "application/json", &json!({ "idOperazioneANPR": number, "listaErrori": [error] }))
}

fn invalid(number: &str, why: &str) -> Response<Bytes> {
    let problem = json!({
        "type": "https://govway.org/handling-errors/400/InteroperabilityInvalidRequest.html", "status": 400,
        "title": "InteroperabilityInvalidRequest", "detail": why, "govway_id": number,
    });
    answer(StatusCode::BAD_REQUEST, "application/problem+json", &problem)
}

fn answer(status: StatusCode, media_type: &'static str, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
