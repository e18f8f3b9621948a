//! The table of causes: each with its status, its stable kind, its title in two languages, and what the caller is told.

use adapter_api::AdapterError;
use contract::{ContractError, Violation};
use exchange::Problem;
use serde_json::Value;
use trust::{TokenFault, TrustError};

use crate::body::{BodyError, StreamError};
use crate::exchange::{AUDIT_UNAVAILABLE, Outcome};
use crate::rejection::{
    AdmitError, AnswerError, DepartmentError, EvidenceError, IntegrityError, Rejection, RepresentationError, RouteError,
};
use crate::upstream::UpstreamError;

/// A row of the table: status, kind, title in English, title in Italian.
type Row = (u16, &'static str, &'static str, &'static str);

/// The problem of a cause. A new cause does not compile until it is placed here.
pub fn problem(rejection: &Rejection, italian: bool) -> Problem {
    let (row, detail) = match rejection {
        Rejection::Adapter(AdapterError::Call(problem) | AdapterError::Upstream(problem)) => return problem.clone(),
        Rejection::Contract(error) => return contract(error, italian),
        Rejection::Route(error) => (route(error), Some(error.to_string())),
        Rejection::Trust(error) => (trust(error), Some(error.to_string())),
        Rejection::Credentials(error) => {
            ((401, "credentials-missing", "who calls is not told", "credenziali del chiamante mancanti"), Some(error.to_string()))
        }
        Rejection::Department(error) => (department(*error), Some(error.to_string())),
        Rejection::Portal(error) => (portal(error), portal_detail(error)),
        Rejection::Evidence(error) => (evidence(error), Some(error.to_string())),
        Rejection::Voucher(none) => (voucher(none.fault), Some(none.to_string())),
        Rejection::Admit(error) => (admit(error), Some(error.to_string())),
        Rejection::Body(error) => (body(*error), Some(error.to_string())),
        Rejection::BufferedBytes | Rejection::UpstreamBody(StreamError::NoRoom) => {
            ((503, "busy", "too many large bodies at once", "troppi messaggi di grandi dimensioni"), None)
        }
        Rejection::Integrity(error) => (integrity(*error), Some(error.to_string())),
        Rejection::Representation(error) => (representation(*error), Some(error.to_string())),
        Rejection::Dialect => (
            (415, "wrong-dialect", "this e-service speaks REST", "questo e-service parla REST"),
            Some("send JSON as its OpenAPI document describes".into()),
        ),
        Rejection::Policy { .. } => (
            (403, "forbidden-by-policy", "not permitted", "operazione non consentita"),
            Some("no policy of the provider permits this operation for this consumer and purpose".into()),
        ),
        Rejection::UpstreamBody(StreamError::TooLate) => (TIMEOUT, None),
        Rejection::Adapter(AdapterError::Answer { .. }) | Rejection::UpstreamBody(_) => (BAD_ANSWER, None),
        Rejection::Answer(error) => (answer(error), None),
        Rejection::Upstream(error) => (upstream(error), None),
        Rejection::Audit => {
            ((503, AUDIT_UNAVAILABLE, "the audit log does not take records now", "registro di audit non disponibile"), None)
        }
        Rejection::Abandoned => ((499, "abandoned", "the caller went away", "il chiamante ha chiuso la connessione"), None),
        Rejection::Internal => ((500, "internal", "internal error", "errore interno"), None),
    };
    let (status, kind, english, title) = row;
    let problem = Problem::new(status, kind, if italian { title } else { english });
    match detail {
        Some(detail) => problem.detail(detail),
        None => problem,
    }
}

const BAD_ANSWER: Row =
    (502, "bad-upstream-answer", "the department's answer could not be used", "risposta del sistema interno non utilizzabile");

const TIMEOUT: Row = (504, "upstream-timeout", "the department did not answer in time", "il sistema interno non ha risposto in tempo");

fn route(error: &RouteError) -> Row {
    match error {
        RouteError::TooManyHeaders { .. } | RouteError::HeadersTooLarge { .. } => {
            (431, "headers-too-large", "request header fields too large", "intestazioni troppo grandi")
        }
        RouteError::TargetTooLong { .. } => (414, "target-too-long", "target too long", "indirizzo troppo lungo"),
        RouteError::NoService => (404, "no-e-service", "no such e-service", "e-service inesistente"),
        RouteError::NoOperation => (404, "no-operation", "no such operation", "operazione inesistente"),
        RouteError::MethodNotAllowed { .. } => (405, "method-not-allowed", "method not allowed", "metodo non ammesso"),
        RouteError::Upgrade => (501, "upgrade-refused", "the connection stays with HTTP", "cambio di protocollo non ammesso"),
        RouteError::Retired => (421, "connection-retired", "ask again on another connection", "connessione da chiudere"),
        RouteError::TransferCoding => {
            (501, "transfer-coding-refused", "transfer coding not accepted", "codifica di trasferimento non ammessa")
        }
        RouteError::Hosts => (400, "bad-host", "one host is needed, and no more", "serve un host, e uno solo"),
        RouteError::BadPath => (400, "bad-path", "malformed path", "percorso malformato"),
    }
}

fn representation(error: RepresentationError) -> Row {
    match error {
        RepresentationError::Range => (416, "range-refused", "only the whole answer can be had", "risposta disponibile solo per intero"),
        RepresentationError::Condition => (400, "condition-refused", "the condition cannot be kept", "condizione non verificabile"),
        RepresentationError::Coding => (415, "coding-refused", "content coding not accepted", "codifica del contenuto non ammessa"),
        RepresentationError::NotDecoded => (400, "coding-malformed", "the message cannot be decoded", "messaggio non decodificabile"),
        RepresentationError::Inflated { .. } => (413, "body-too-large", "body too large", "messaggio troppo grande"),
    }
}

fn trust(error: &TrustError) -> Row {
    let kind = match error {
        TrustError::Missing => "voucher-missing",
        TrustError::Duplicate => "voucher-duplicate",
        TrustError::WrongScheme => "voucher-wrong-scheme",
        TrustError::Malformed(_) | TrustError::MalformedClaim { .. } | TrustError::CriticalHeader => "voucher-malformed",
        TrustError::WrongType => "voucher-wrong-type",
        TrustError::AlgorithmNotAllowed => "voucher-algorithm",
        TrustError::UnknownKey { .. } => "voucher-unknown-key",
        TrustError::BadSignature => "voucher-bad-signature",
        TrustError::MissingClaim { .. } => "voucher-missing-claim",
        TrustError::WrongIssuer => "voucher-wrong-issuer",
        TrustError::WrongAudience => "voucher-wrong-audience",
        TrustError::Expired { .. } => "voucher-expired",
        TrustError::NotYetValid { .. } | TrustError::IssuedInFuture { .. } => "voucher-not-yet-valid",
        TrustError::TooOld { .. } => "voucher-too-old",
        TrustError::SubjectMismatch => "voucher-subject-mismatch",
        TrustError::BoundVoucher => "voucher-bound",
        TrustError::DpopNotAccepted => "dpop-not-accepted",
        // Authenticated, but for something else: pdnd-modi §12 row 16.
        TrustError::WrongProducer => return (403, "voucher-wrong-producer", "not for this provider", "voucher per un altro erogatore"),
        TrustError::WrongEService => return (403, "voucher-wrong-e-service", "not for this e-service", "voucher per un altro e-service"),
        TrustError::WrongDescriptor => return (403, "voucher-wrong-descriptor", "not for this version", "voucher per un'altra versione"),
        TrustError::AmbiguousInstance => return (403, "voucher-ambiguous", "the provider is not told", "erogatore non indicato"),
        TrustError::KeysUnavailable { .. } => {
            return (503, "keys-unavailable", "the issuer's keys are not available", "chiavi dell'emittente non disponibili");
        }
    };
    (401, kind, "voucher not accepted", "voucher non accettato")
}

fn department(error: DepartmentError) -> Row {
    match error {
        DepartmentError::KeyMissing => (401, "key-missing", "who calls is not told", "chiave del chiamante mancante"),
        DepartmentError::KeyDuplicate => (401, "key-duplicate", "who calls is told twice", "chiave del chiamante ripetuta"),
        DepartmentError::KeyUnknown => (401, "key-unknown", "the key is not accepted", "chiave del chiamante non accettata"),
        DepartmentError::CertificateMissing => (401, "certificate-missing", "who calls is not told", "certificato del chiamante mancante"),
        DepartmentError::CertificateUnknown => {
            (401, "certificate-unknown", "the certificate is not accepted", "certificato del chiamante non accettato")
        }
        DepartmentError::CertificateUnreadable => {
            (400, "certificate-unreadable", "the certificate cannot be read", "certificato del chiamante illeggibile")
        }
        DepartmentError::TokenMissing => (401, "portal-token-missing", "who calls is not told", "token del portale mancante"),
        DepartmentError::TokenUnknown => (401, "portal-token-unknown", "the token is not accepted", "token del portale non accettato"),
        DepartmentError::PurposeMissing => (400, "purpose-missing", "the purpose is not told", "finalità non indicata"),
        DepartmentError::PurposeNotYours => (403, "purpose-not-yours", "not for this purpose", "finalità non consentita"),
    }
}

fn evidence(error: &EvidenceError) -> Row {
    match error {
        EvidenceError::Missing { .. } => (400, "evidence-missing", "who asks is not told", "dati dell'operatore mancanti"),
        EvidenceError::Malformed { .. } | EvidenceError::Unknown { .. } => {
            (400, "evidence-malformed", "who asks is not told plainly", "dati dell'operatore malformati")
        }
    }
}

fn portal(error: &TrustError) -> Row {
    match error {
        TrustError::KeysUnavailable { .. } => {
            (503, "portal-keys-unavailable", "the portal's keys are not available", "chiavi del portale non disponibili")
        }
        TrustError::Expired { .. } => (401, "portal-token-expired", "the portal's token has expired", "token del portale scaduto"),
        _ => (401, "portal-token-refused", "the portal's token is not accepted", "token del portale non accettato"),
    }
}

/// What would mend it, in words that fit a portal's token.
fn portal_detail(error: &TrustError) -> Option<String> {
    Some(match error {
        TrustError::WrongIssuer => "the token is not this portal's".into(),
        TrustError::WrongAudience => "the token is not for this gateway: its aud is another's".into(),
        TrustError::WrongType => "the token's typ is none that a portal writes".into(),
        TrustError::AlgorithmNotAllowed => "the token is signed with an algorithm that is not allowed".into(),
        TrustError::UnknownKey { .. } => "the token names a key that the portal does not publish".into(),
        TrustError::WrongScheme => "the token is sent as `Bearer <token>`, in text".into(),
        TrustError::Duplicate => "the token is sent more than once".into(),
        other => other.to_string().replace("voucher", "portal's token"),
    })
}

fn voucher(fault: TokenFault) -> Row {
    match fault {
        TokenFault::Refused => (503, "voucher-refused", "PDND refuses a voucher", "voucher rifiutato dalla PDND"),
        TokenFault::Limited { .. } => (503, "voucher-limited", "PDND is asked too often", "troppe richieste di voucher alla PDND"),
        TokenFault::Unusable | TokenFault::Unreachable => (503, "pdnd-unavailable", "PDND gives no vouchers now", "PDND non disponibile"),
    }
}

fn admit(error: &AdmitError) -> Row {
    match error {
        AdmitError::Rate { .. } => (429, "rate-limited", "too many requests", "troppe richieste"),
        AdmitError::Quota { .. } => (429, "quota-exhausted", "the quota of the day is spent", "quota giornaliera esaurita"),
        AdmitError::Concurrency { .. } => (503, "busy", "too many requests under way", "troppe richieste in corso"),
        AdmitError::AuditUnavailable => {
            (503, AUDIT_UNAVAILABLE, "the audit log does not take records now", "registro di audit non disponibile")
        }
    }
}

fn body(error: BodyError) -> Row {
    match error {
        BodyError::TooLarge { .. } => (413, "body-too-large", "body too large", "messaggio troppo grande"),
        BodyError::TooSlow => (408, "body-too-slow", "the body came too slowly", "messaggio ricevuto troppo lentamente"),
        BodyError::Incomplete => (400, "body-incomplete", "the body is not whole", "messaggio incompleto"),
    }
}

fn integrity(error: IntegrityError) -> Row {
    match error {
        IntegrityError::Duplicate | IntegrityError::Malformed => (400, "digest-malformed", "malformed digest", "digest malformato"),
        IntegrityError::NotSignable => (400, "not-signable", "the message cannot be signed", "messaggio non firmabile"),
        IntegrityError::Mismatch => (400, "digest-mismatch", "the digest is not of this body", "il digest non corrisponde al messaggio"),
    }
}

fn answer(error: &AnswerError) -> Row {
    match error {
        AnswerError::UndocumentedSuccess { .. } | AnswerError::Invalid { .. } => BAD_ANSWER,
        AnswerError::Error { status, .. } => {
            (*status, "upstream-refused", "the department refused", "richiesta rifiutata dal sistema interno")
        }
    }
}

fn upstream(error: &UpstreamError) -> Row {
    match error {
        UpstreamError::CircuitOpen { .. } => {
            (503, "upstream-unavailable", "the department does not answer", "sistema interno non disponibile")
        }
        UpstreamError::Saturated => (503, "upstream-busy", "the department is busy", "sistema interno occupato"),
        UpstreamError::ConnectTimeout | UpstreamError::FirstByteTimeout | UpstreamError::TotalTimeout => TIMEOUT,
        UpstreamError::Connect(_) | UpstreamError::Tls(_) => {
            (502, "upstream-unreachable", "the department cannot be reached", "sistema interno non raggiungibile")
        }
        UpstreamError::Reset(_) | UpstreamError::Protocol(_) => BAD_ANSWER,
        UpstreamError::CallerBody(error) => body(*error),
    }
}

/// What of a request breaks the contract, each with its place and its rule; the contract crate decides whether values are told.
fn contract(error: &ContractError, italian: bool) -> Problem {
    let problem = |kind, english, translated| {
        let title = if italian { translated } else { english };
        Problem::new(error.status().as_u16(), kind, title).detail(error.to_string())
    };
    match error {
        ContractError::UnsupportedMediaType { .. } => {
            problem("unsupported-media-type", "media type not accepted", "tipo di contenuto non ammesso")
        }
        ContractError::NotAcceptable { listed } => {
            problem("not-acceptable", "nothing that the caller takes", "nessun formato accettato dal chiamante")
                .with("available", listed.split(", ").collect::<Vec<&str>>())
        }
        ContractError::Invalid(_) | ContractError::NotJson { .. } | ContractError::BodyMissing | ContractError::BodyNotAllowed => {
            problem("contract-violation", "the request breaks the contract", "richiesta non conforme al contratto")
                .with("errors", error.violations().iter().map(Violation::to_json).collect::<Vec<Value>>())
        }
    }
}

/// How the record calls a cause. A department that says no with a 4xx has done its work; with a 5xx it has failed.
pub fn outcome(rejection: &Rejection) -> Outcome {
    match rejection {
        // A body that stops short before anybody was asked is the caller's going away as well.
        Rejection::Abandoned | Rejection::Body(BodyError::Incomplete) => Outcome::Abandoned,
        Rejection::Adapter(AdapterError::Answer { .. })
        | Rejection::Answer(AnswerError::UndocumentedSuccess { .. } | AnswerError::Invalid { .. })
        | Rejection::UpstreamBody(_)
        | Rejection::Voucher(_)
        | Rejection::Audit
        | Rejection::Internal => Outcome::Failed,
        Rejection::Adapter(AdapterError::Upstream(Problem { status, .. })) | Rejection::Answer(AnswerError::Error { status, .. })
            if *status >= 500 =>
        {
            Outcome::Failed
        }
        // One that stops short while it passes through has reached the upstream, which may have acted on its beginning.
        Rejection::Upstream(error) if !matches!(error, UpstreamError::CallerBody(broken) if *broken != BodyError::Incomplete) => {
            Outcome::Failed
        }
        _ => Outcome::Refused,
    }
}
