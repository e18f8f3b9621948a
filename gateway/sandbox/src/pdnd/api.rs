//! The part of PDND's API, version 2, that a gateway needs: keys, clients, purposes, agreements, e-services, tenants.

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use serde_json::{Value, json};
use trust::{IssuerRules, Jwks, Key, Scheme, bearer, verify_signature};
use uuid::Uuid;

use super::answers;
use super::platform::Platform;
use super::registry::{Agreement, Client, Descriptor, EService, Purpose, Registry, Tenant};
use super::voucher::members;

/// Why the API does not give what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Unauthorized,
    Forbidden,
    NotFound,
    BadPage,
}

pub(crate) fn answer(platform: &Platform, path: &[&str], request: &Request<Bytes>) -> Response<Bytes> {
    let found = organisation(platform, request.headers()).and_then(|asking| {
        let registry = platform.registry.read();
        find(&registry, asking, path, request.uri().query().unwrap_or_default())
    });
    match found {
        Ok(body) => answers::ok(&body),
        Err(refusal) => refuse(refusal),
    }
}

fn refuse(refusal: Refusal) -> Response<Bytes> {
    let (status, code, detail) = match refusal {
        Refusal::Unauthorized => (StatusCode::UNAUTHORIZED, "024-9991", "Invalid or missing API voucher"),
        Refusal::Forbidden => (StatusCode::FORBIDDEN, "024-9989", "The requester has not permission to perform this operation"),
        Refusal::NotFound => (StatusCode::NOT_FOUND, "024-0001", "The resource does not exist"),
        Refusal::BadPage => (StatusCode::BAD_REQUEST, "024-9990", "offset is 0 or more and limit between 1 and 50"),
    };
    answers::problem(status, status.canonical_reason().unwrap_or_default(), code, detail, Platform::correlation())
}

/// The organisation of an API voucher: signed by this platform, for this API, not expired.
fn organisation(platform: &Platform, headers: &HeaderMap) -> Result<Uuid, Refusal> {
    let values = headers.get_all(http::header::AUTHORIZATION).iter().map(http::HeaderValue::as_bytes);
    let Ok((Scheme::Bearer, token)) = bearer(values) else { return Err(Refusal::Unauthorized) };
    let keys = Jwks::parse(platform.jwks().to_string().as_bytes()).map_err(|_| Refusal::Unauthorized)?;
    let rules = IssuerRules::new(platform.environment.issuer.as_str());
    let voucher = verify_signature(token, &rules, &keys).map_err(|_| Refusal::Unauthorized)?;
    // An API voucher has claims of its own, which the gateway never meets; the signature over them is verified.
    let claims = members(token.split('.').nth(1).unwrap_or_default());
    let ours = claims.get("aud").and_then(Value::as_str) == Some(platform.environment.api_audience.as_str());
    let lives = voucher.expires_at().is_some_and(|end| platform.now().seconds() < end);
    let organisation = claims.get("organizationId").and_then(Value::as_str).and_then(trust::uuid);
    organisation.filter(|_| ours && lives).ok_or(Refusal::Unauthorized)
}

fn find(registry: &Registry, asking: Uuid, path: &[&str], query: &str) -> Result<Value, Refusal> {
    let own = |tenant: &str| registry.tenant(tenant).is_some_and(|tenant| tenant.id == asking);
    match path {
        ["keys", kid] => {
            let clients = registry.clients.iter().flat_map(|client| client.keys.iter().map(move |key| (client, key)));
            let (client, key) = clients.into_iter().find(|(_, key)| key.fingerprint().to_string() == *kid).ok_or(Refusal::NotFound)?;
            Ok(json!({ "clientId": client.id.to_string(), "jwk": jwk(key) }))
        }
        ["producerKeys", kid] => {
            let keys = registry.keychains.iter().flat_map(|chain| chain.keys.iter().map(move |key| (chain, key)));
            let (chain, key) = keys.into_iter().find(|(_, key)| key.fingerprint().to_string() == *kid).ok_or(Refusal::NotFound)?;
            Ok(json!({ "producerKeychainId": chain.id.to_string(), "jwk": jwk(key) }))
        }
        ["clients", id] => {
            let client = by_id(&registry.clients, id, |client| client.id)?;
            client_json(registry, client, own(&client.tenant))
        }
        ["clients", id, "keys"] => {
            let client = by_id(&registry.clients, id, |client| client.id)?;
            if !own(&client.tenant) {
                return Err(Refusal::Forbidden);
            }
            page(query, client.keys.iter().map(|key| jwk(key)))
        }
        ["producerKeychains", id, "keys"] => {
            let chain = by_id(&registry.keychains, id, |chain| chain.id)?;
            if !own(&chain.tenant) {
                return Err(Refusal::Forbidden);
            }
            page(query, chain.keys.iter().map(|key| json!({ "producerKeychainId": chain.id.to_string(), "jwk": jwk(key) })))
        }
        ["purposes", id] => purpose_json(registry, by_id(&registry.purposes, id, |purpose| purpose.id)?),
        ["purposes", id, "agreement"] => {
            let purpose = by_id(&registry.purposes, id, |purpose| purpose.id)?;
            agreement_json(registry, registry.agreement(&purpose.agreement).ok_or(Refusal::NotFound)?)
        }
        ["agreements"] => {
            // As its consumer or as its provider; the others are nobody's business.
            let concerns = |agreement: &&Agreement| {
                own(&agreement.consumer) || registry.eservice(&agreement.eservice).is_some_and(|eservice| own(&eservice.producer))
            };
            let mine: Result<Vec<_>, _> =
                registry.agreements.iter().filter(concerns).map(|agreement| agreement_json(registry, agreement)).collect();
            page(query, mine?.into_iter())
        }
        ["agreements", id] => agreement_json(registry, by_id(&registry.agreements, id, |agreement| agreement.id)?),
        ["eservices", id] => eservice_json(registry, by_id(&registry.eservices, id, |eservice| eservice.id)?),
        ["eservices", id, "descriptors"] => {
            page(query, by_id(&registry.eservices, id, |eservice| eservice.id)?.descriptors.iter().map(descriptor_json))
        }
        ["eservices", id, "descriptors", descriptor] => {
            let eservice = by_id(&registry.eservices, id, |eservice| eservice.id)?;
            Ok(descriptor_json(by_id(&eservice.descriptors, descriptor, |descriptor| descriptor.id)?))
        }
        ["tenants", id] => Ok(tenant_json(by_id(&registry.tenants, id, |tenant| tenant.id)?)),
        _ => Err(Refusal::NotFound),
    }
}

fn by_id<'a, T>(list: &'a [T], text: &str, id: impl Fn(&T) -> Uuid) -> Result<&'a T, Refusal> {
    let wanted = trust::uuid(text).ok_or(Refusal::NotFound)?;
    list.iter().find(|item| id(item) == wanted).ok_or(Refusal::NotFound)
}

/// `{results, pagination}` with `offset` and `limit` of the query.
fn page(query: &str, items: impl ExactSizeIterator<Item = Value>) -> Result<Value, Refusal> {
    let number = |name: &str, unless: usize| {
        let found = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(found, _)| *found == name);
        found.map_or(Ok(unless), |(_, value)| value.parse().map_err(|_| Refusal::BadPage))
    };
    let (offset, limit) = (number("offset", 0)?, number("limit", 50)?);
    if !(1..=50).contains(&limit) {
        return Err(Refusal::BadPage);
    }
    let total = items.len();
    let results: Vec<Value> = items.skip(offset).take(limit).collect();
    Ok(json!({ "results": results, "pagination": { "offset": offset, "limit": limit, "totalCount": total } }))
}

/// The public key under its thumbprint.
fn jwk(key: &Key) -> Value {
    let mut jwk = json!(key.jwk());
    jwk["kid"] = key.fingerprint().to_string().into();
    jwk["use"] = "sig".into();
    jwk["alg"] = "RS256".into();
    jwk
}

/// In full for its owner; others learn whose it is.
fn client_json(registry: &Registry, client: &Client, full: bool) -> Result<Value, Refusal> {
    let tenant = registry.tenant(&client.tenant).ok_or(Refusal::NotFound)?;
    let mut json = json!({ "id": client.id.to_string(), "consumerId": tenant.id.to_string(), "visibility": "PARTIAL" });
    if full {
        json["visibility"] = "FULL".into();
        json["name"] = client.name.as_str().into();
    }
    Ok(json)
}

fn purpose_json(registry: &Registry, purpose: &Purpose) -> Result<Value, Refusal> {
    let grant = registry.grant(purpose.id).ok_or(Refusal::NotFound)?;
    Ok(json!({
        "id": purpose.id.to_string(),
        "eserviceId": grant.eservice.id.to_string(),
        "consumerId": grant.consumer.id.to_string(),
        "title": purpose.title,
        "currentVersion": { "id": purpose.id.to_string(), "state": purpose.state.name(), "dailyCalls": purpose.daily_calls },
    }))
}

fn agreement_json(registry: &Registry, agreement: &Agreement) -> Result<Value, Refusal> {
    let eservice = registry.eservice(&agreement.eservice).ok_or(Refusal::NotFound)?;
    let descriptor = eservice.descriptors.last().ok_or(Refusal::NotFound)?;
    let producer = registry.tenant(&eservice.producer).ok_or(Refusal::NotFound)?;
    let consumer = registry.tenant(&agreement.consumer).ok_or(Refusal::NotFound)?;
    Ok(json!({
        "id": agreement.id.to_string(),
        "eserviceId": eservice.id.to_string(),
        "descriptorId": descriptor.id.to_string(),
        "producerId": producer.id.to_string(),
        "consumerId": consumer.id.to_string(),
        "state": agreement.state.name(),
    }))
}

fn eservice_json(registry: &Registry, eservice: &EService) -> Result<Value, Refusal> {
    let producer = registry.tenant(&eservice.producer).ok_or(Refusal::NotFound)?;
    Ok(json!({
        "id": eservice.id.to_string(),
        "producerId": producer.id.to_string(),
        "name": eservice.title,
        "technology": "REST",
        "mode": "DELIVER",
    }))
}

fn descriptor_json(descriptor: &Descriptor) -> Value {
    json!({
        "id": descriptor.id.to_string(),
        "version": descriptor.version.to_string(),
        "state": descriptor.state.name(),
        "audience": descriptor.audience,
        "voucherLifespan": descriptor.voucher_lifespan.as_secs(),
        "dailyCallsPerConsumer": descriptor.daily_calls_per_consumer,
        "dailyCallsTotal": descriptor.daily_calls_total,
        "serverUrls": descriptor.audience,
    })
}

fn tenant_json(tenant: &Tenant) -> Value {
    json!({ "id": tenant.id.to_string(), "name": tenant.title, "externalId": { "origin": "IPA", "value": tenant.ipa } })
}
