//! The exchanges of the demo, and what each promises.

use serde_json::{Value, json};

/// One exchange: what is asked, with which voucher, and what must come back.
#[derive(Default)]
pub(super) struct Step {
    pub(super) title: &'static str,
    /// A text of the configuration and what takes its place, with a reload, before anything is asked.
    pub(super) reload: Option<(&'static str, &'static str)>,
    pub(super) voucher: Voucher,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) body: Option<Value>,
    pub(super) promise: Promise,
}

/// The voucher that a step sends.
#[derive(Clone, Copy, Default)]
pub(super) enum Voucher {
    #[default]
    None,
    /// Asked from the token endpoint, for a client and a purpose of the sandbox's registry.
    Asked { client: &'static str, purpose: &'static str },
    /// None: a department of ours shows its key, and for which purpose it calls if it says so.
    Key { key: &'static str, purpose: Option<&'static str> },
    /// Made an hour ago for ten minutes.
    Expired { client: &'static str, purpose: &'static str },
}

/// What must come back, and what the record must say.
#[derive(Clone, Copy, Default)]
pub(super) struct Promise {
    pub(super) status: u16,
    /// The end of the problem's `type`.
    pub(super) problem: Option<&'static str>,
    pub(super) outcome: &'static str,
    /// `cache.state` of the record.
    pub(super) cache: Option<&'static str>,
    /// Pointers that the answer has.
    pub(super) present: &'static [&'static str],
    /// Pointers that the answer has not.
    pub(super) absent: &'static [&'static str],
}

const SOCIAL: Voucher = Voucher::Asked { client: "valdombra-sociale", purpose: "assistenza" };

fn lookup(operation: &str, codice_fiscale: &str) -> Option<Value> {
    Some(json!({
        "idOperazioneClient": operation,
        "criteriRicerca": { "codiceFiscale": codice_fiscale },
        "datiRichiesta": { "dataRiferimentoRichiesta": "2026-11-21", "motivoRichiesta": "pratica 2026/1187", "casoUso": "C020" },
    }))
}

/// An invented citizen of the sandbox's department.
const LUCIA: &str = "FNTLCU85C52X999H";

pub(super) fn steps() -> Vec<Step> {
    let search = "/anagrafe/v1/residenze/ricerca";
    let outside = "/residenza/residenze/ricerca";
    let success = Promise { status: 200, outcome: "success", ..Promise::default() };
    let refused = |status, problem| Promise { status, problem: Some(problem), outcome: "refused", ..Promise::default() };
    vec![
        Step {
            title: "a lookup: REST in, SOAP to the department, REST out",
            voucher: SOCIAL,
            method: "POST",
            path: search,
            body: lookup("20261121000001", LUCIA),
            promise: Promise { cache: Some("miss"), present: &["/cittadino/cognome", "/cittadino/reddito"], ..success },
            ..Step::default()
        },
        Step {
            title: "the same from the cache, with the caller's own operation id",
            voucher: SOCIAL,
            method: "POST",
            path: search,
            body: lookup("20261121000002", LUCIA),
            promise: Promise { cache: Some("hit"), present: &["/cittadino/cognome", "/cittadino/reddito"], ..success },
            ..Step::default()
        },
        Step {
            title: "the same for another purpose: what it does not need is withheld",
            voucher: Voucher::Asked { client: "borgoselva-tributi", purpose: "tributi" },
            method: "POST",
            path: search,
            body: lookup("20261121000003", LUCIA),
            promise: Promise {
                cache: Some("miss"),
                present: &["/cittadino/cognome"],
                absent: &["/cittadino/reddito", "/cittadino/email", "/cittadino/telefono"],
                ..success
            },
            ..Step::default()
        },
        Step {
            title: "a citizen that the department does not know: its fault becomes a problem",
            voucher: SOCIAL,
            method: "GET",
            path: "/anagrafe/v1/cittadini/RSSMRA80A01X999G",
            body: None,
            promise: refused(404, "cittadino-non-trovato"),
            ..Step::default()
        },
        Step {
            title: "a body that breaks the contract",
            voucher: SOCIAL,
            method: "POST",
            path: search,
            body: Some(json!({ "idOperazioneClient": "20261121000004", "criteriRicerca": { "codiceFiscale": "troppo-corto" } })),
            promise: refused(400, "contract-violation"),
            ..Step::default()
        },
        Step {
            title: "an expired voucher",
            voucher: Voucher::Expired { client: "valdombra-sociale", purpose: "assistenza" },
            method: "POST",
            path: search,
            body: lookup("20261121000005", LUCIA),
            promise: refused(401, "voucher-expired"),
            ..Step::default()
        },
        Step {
            title: "no voucher at all",
            voucher: Voucher::None,
            method: "POST",
            path: search,
            body: lookup("20261121000006", LUCIA),
            promise: refused(401, "voucher-missing"),
            ..Step::default()
        },
        Step {
            title: "a purpose that no policy permits",
            voucher: Voucher::Asked { client: "valdombra-sociale", purpose: "promozioni" },
            method: "POST",
            path: search,
            body: lookup("20261121000007", LUCIA),
            promise: refused(403, "forbidden-by-policy"),
            ..Step::default()
        },
        Step {
            title: "a department that is switched off",
            voucher: SOCIAL,
            method: "POST",
            path: "/spenta/v1/residenze/ricerca",
            body: lookup("20261121000008", LUCIA),
            promise: Promise { status: 502, problem: Some("upstream-unreachable"), outcome: "failed", ..Promise::default() },
            ..Step::default()
        },
        Step {
            title: "a department of ours calls out: it shows a key, the gateway gets the voucher, the registry answers",
            voucher: Voucher::Key { key: KEYS[0].1, purpose: None },
            method: "POST",
            path: outside,
            body: lookup("20261121000009", LUCIA),
            promise: Promise { present: &["/cittadino/cognome"], ..success },
            ..Step::default()
        },
        Step {
            title: "a department without its key",
            voucher: Voucher::Key { key: "nessuna", purpose: None },
            method: "POST",
            path: outside,
            body: lookup("20261121000010", LUCIA),
            promise: refused(401, "key-unknown"),
            ..Step::default()
        },
        Step {
            title: "another town's purpose: refused before PDND is asked",
            voucher: Voucher::Key { key: KEYS[0].1, purpose: Some("tributi") },
            method: "POST",
            path: outside,
            body: lookup("20261121000011", LUCIA),
            promise: refused(403, "purpose-not-yours"),
            ..Step::default()
        },
        Step {
            title: "another town's department, on the same URL: its own voucher, and what its purpose may see",
            voucher: Voucher::Key { key: KEYS[1].1, purpose: None },
            method: "POST",
            path: outside,
            body: lookup("20261121000012", LUCIA),
            promise: Promise { present: &["/cittadino/cognome"], absent: &["/cittadino/reddito"], ..success },
            ..Step::default()
        },
        Step {
            title: "the quota of the day: this town may call once",
            voucher: Voucher::Key { key: KEYS[1].1, purpose: None },
            method: "POST",
            path: outside,
            body: lookup("20261121000013", LUCIA),
            promise: refused(429, "quota-exhausted"),
            ..Step::default()
        },
        Step {
            title: "a reload raises the quota: the same call, without a restart",
            reload: Some(("daily: 1 }", "daily: 2 }")),
            voucher: Voucher::Key { key: KEYS[1].1, purpose: None },
            method: "POST",
            path: outside,
            body: lookup("20261121000014", LUCIA),
            promise: Promise { present: &["/cittadino/cognome"], ..success },
            ..Step::default()
        },
        Step {
            title: "a national registry that wants to know who asks (C020): evidence bound to the voucher, and the message signed",
            voucher: Voucher::Key { key: KEYS[0].1, purpose: None },
            headers: &CLERK,
            method: "POST",
            path: "/anpr/anpr-service-e002",
            body: lookup("20261121000015", LUCIA),
            promise: Promise { present: &["/listaSoggetti/datiSoggetto/0/identificativi/idANPR"], ..success },
            ..Step::default()
        },
        Step {
            title: "a citizen that the registry does not know: its own words pass",
            voucher: Voucher::Key { key: KEYS[0].1, purpose: None },
            headers: &CLERK,
            method: "POST",
            path: "/anpr/anpr-service-e002",
            body: lookup("20261121000016", "RSSMRA80A01X999G"),
            promise: Promise { status: 404, present: &["/listaErrori/0/codiceErroreAnomalia"], ..success },
            ..Step::default()
        },
        Step {
            title: "nobody says who asks: refused before PDND is asked",
            voucher: Voucher::Key { key: KEYS[0].1, purpose: None },
            method: "POST",
            path: "/anpr/anpr-service-e002",
            body: lookup("20261121000017", LUCIA),
            promise: refused(400, "evidence-missing"),
            ..Step::default()
        },
    ]
}

/// The departments that call out, and what each shows.
pub(super) const KEYS: [(&str, &str); 2] = [("sociale", "chiave-dei-servizi-sociali"), ("tributi", "chiave-dei-tributi")];

/// Who asks, as a department tells it.
const CLERK: [(&str, &str); 3] = [("x-operatore", "operatore-0042"), ("x-postazione", "sportello-3"), ("x-loa", "SPID_L2")];
