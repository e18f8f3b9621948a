use std::collections::HashMap;

use exchange::Timestamp;

use crate::{Acceptance, Identifiers, Scheme, TrustError, Uuid, Verified, Voucher, accept};

/// The instances of one e-service behind one URL, of which the voucher chooses one: an index into the configured list.
#[derive(Debug, PartialEq, Eq)]
pub struct Instances {
    list: Box<[Acceptance]>,
    /// The places of the instances of each e-service of PDND.
    by_eservice: HashMap<Uuid, Vec<usize>>,
    /// The places of those for which no e-service is configured.
    of_any_eservice: Vec<usize>,
}

/// Two instances that one voucher could choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("instances {first} and {second} would be chosen by the same voucher: they must differ in producer, e-service or descriptors")]
pub struct Overlap {
    /// The earlier one's place, from 0.
    pub first: usize,
    /// The later one's.
    pub second: usize,
}

impl Instances {
    /// The instances, in the order of their configuration.
    pub fn new(list: Vec<Acceptance>) -> Result<Self, Overlap> {
        let mut by_eservice: HashMap<Uuid, Vec<usize>> = HashMap::new();
        let mut of_any_eservice = Vec::new();
        for (place, acceptance) in list.iter().enumerate() {
            match acceptance.eservice {
                Some(eservice) => by_eservice.entry(eservice).or_default().push(place),
                None => of_any_eservice.push(place),
            }
        }
        for group in by_eservice.values() {
            refuse_overlap(&list, group.iter().chain(&of_any_eservice))?;
        }
        refuse_overlap(&list, of_any_eservice.iter())?;
        Ok(Self { list: list.into(), by_eservice, of_any_eservice })
    }

    /// The instance of this place.
    pub fn get(&self, place: usize) -> Option<&Acceptance> {
        self.list.get(place)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there is none, so that every voucher is refused.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Chooses the instance and holds the voucher against it.
    pub fn accept(&self, voucher: &Voucher, scheme: Scheme, now: Timestamp) -> Result<(usize, Verified), TrustError> {
        let place = self.choose(voucher)?;
        Ok((place, accept(voucher, scheme, &self.list[place], now)?))
    }

    /// The place of the instance that a voucher is for: by issuer, producer, e-service and descriptor, and by audience where
    /// these leave a choice. Whether the voucher opens it is for [`accept`] to say.
    pub fn choose(&self, voucher: &Voucher) -> Result<usize, TrustError> {
        if self.list.len() == 1 {
            return Ok(0);
        }
        let mut fitting = self.candidates(voucher).filter(|&place| fit(voucher, &self.list[place]) == Fit::Whole);
        match (fitting.next(), fitting.next()) {
            (Some(place), None) => Ok(place),
            (Some(_), Some(_)) => Err(TrustError::AmbiguousInstance),
            (None, _) => Err(self.explain(voucher)),
        }
    }

    fn candidates(&self, voucher: &Voucher) -> impl Iterator<Item = usize> {
        let claimed = voucher.claims.eservice.as_ref();
        let named = claimed.and_then(|eservice| self.by_eservice.get(&eservice.uuid));
        // Without the claim, every instance that does not insist on it may be meant.
        let unnamed = if claimed.is_none() { 0..self.list.len() } else { 0..0 };
        let of_any = if claimed.is_some() { self.of_any_eservice.as_slice() } else { &[] };
        named.into_iter().flatten().chain(of_any).copied().chain(unnamed)
    }

    /// The cause that keeps the voucher from the instance it comes nearest to.
    #[cold]
    fn explain(&self, voucher: &Voucher) -> TrustError {
        match self.list.iter().map(|acceptance| fit(voucher, acceptance)).max() {
            None | Some(Fit::No) => TrustError::WrongIssuer,
            Some(Fit::Lacking(claim)) => TrustError::MissingClaim { claim },
            Some(Fit::Issuer) => TrustError::WrongEService,
            Some(Fit::EService) => TrustError::WrongProducer,
            Some(Fit::Producer) => TrustError::WrongDescriptor,
            Some(Fit::Descriptor | Fit::Whole) => TrustError::WrongAudience,
        }
    }
}

/// How far a voucher fits an instance: each step includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    No,
    /// The issuer, and this claim that is required is not there.
    Lacking(&'static str),
    Issuer,
    EService,
    Producer,
    Descriptor,
    Whole,
}

fn fit(voucher: &Voucher, acceptance: &Acceptance) -> Fit {
    let claims = &voucher.claims;
    if *voucher.issuer != *acceptance.issuer {
        return Fit::No;
    }
    if acceptance.identifiers == Identifiers::Required {
        for (identifier, claim) in
            [(&claims.eservice, "eserviceId"), (&claims.producer, "producerId"), (&claims.descriptor, "descriptorId")]
        {
            if identifier.is_none() {
                return Fit::Lacking(claim);
            }
        }
    }
    if !acceptance.eservice_fits(claims) {
        return Fit::Issuer;
    }
    if !acceptance.producer_fits(claims) {
        return Fit::EService;
    }
    if !acceptance.descriptor_fits(claims) {
        return Fit::Producer;
    }
    if acceptance.audience_fits(claims) { Fit::Whole } else { Fit::Descriptor }
}

fn refuse_overlap<'a>(list: &[Acceptance], places: impl Iterator<Item = &'a usize> + Clone) -> Result<(), Overlap> {
    let mut rest = places;
    while let Some(&first) = rest.next() {
        if let Some(&second) = rest.clone().find(|&&second| overlap(&list[first], &list[second])) {
            return Err(Overlap { first: first.min(second), second: first.max(second) });
        }
    }
    Ok(())
}

/// Whether a voucher with every claim could fit both; their e-services were found to be compatible before.
fn overlap(one: &Acceptance, other: &Acceptance) -> bool {
    let producers = one.producer.is_none() || other.producer.is_none() || one.producer == other.producer;
    let descriptors = share(&one.descriptors, &other.descriptors) || one.descriptors.is_empty() || other.descriptors.is_empty();
    one.issuer == other.issuer && producers && descriptors && share(&one.audiences, &other.audiences)
}

fn share<T: PartialEq>(one: &[T], other: &[T]) -> bool {
    one.iter().any(|value| other.contains(value))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::sample::{self, DESCRIPTOR, ESERVICE, OTHER, PRODUCER};
    use crate::uuid;

    const TOWN: &str = "11111111-5ed8-4bcc-b5c7-19c2add9ca88";
    const TOWN_ESERVICE: &str = "22222222-7eaa-4e17-9d8a-4eace693ae2d";
    const TOWN_DESCRIPTOR: &str = "33333333-21e5-4f21-acd5-52a09ddbef12";

    fn instance(producer: &str, eservice: &str, descriptors: &[&str]) -> Acceptance {
        Acceptance {
            producer: uuid(producer),
            eservice: uuid(eservice),
            descriptors: descriptors.iter().filter_map(|text| uuid(text)).collect(),
            ..sample::acceptance()
        }
    }

    fn towns() -> Vec<Acceptance> {
        vec![
            instance(PRODUCER, ESERVICE, &[DESCRIPTOR]),
            instance(TOWN, TOWN_ESERVICE, &[TOWN_DESCRIPTOR, DESCRIPTOR]),
            instance(TOWN, ESERVICE, &[TOWN_DESCRIPTOR]),
            Acceptance { issuer: "interop.example".into(), ..instance(TOWN, OTHER, &[DESCRIPTOR]) },
        ]
    }

    fn ids(producer: &str, eservice: &str, descriptor: &str) -> Value {
        json!({ "producerId": producer, "eserviceId": eservice, "descriptorId": descriptor })
    }

    #[test]
    fn a_voucher_chooses_its_instance() {
        let instances = Instances::new(towns()).expect("instances that differ");
        for (payload, expected) in [
            (ids(PRODUCER, ESERVICE, DESCRIPTOR), Ok(0)),
            (ids(TOWN, TOWN_ESERVICE, TOWN_DESCRIPTOR), Ok(1)),
            (ids(TOWN, TOWN_ESERVICE, DESCRIPTOR), Ok(1)),
            (ids(TOWN, ESERVICE, TOWN_DESCRIPTOR), Ok(2)),
            (ids(PRODUCER, OTHER, DESCRIPTOR), Err(TrustError::WrongEService)),
            (ids(OTHER, ESERVICE, DESCRIPTOR), Err(TrustError::WrongProducer)),
            (ids(PRODUCER, TOWN_ESERVICE, DESCRIPTOR), Err(TrustError::WrongProducer)),
            (ids(TOWN, ESERVICE, DESCRIPTOR), Err(TrustError::WrongDescriptor)),
            // The only instance of this e-service trusts another environment.
            (ids(TOWN, OTHER, DESCRIPTOR), Err(TrustError::WrongEService)),
            (json!({"aud": "https://other.example"}), Err(TrustError::WrongAudience)),
            (json!({"producerId": null}), Err(TrustError::MissingClaim { claim: "producerId" })),
            (json!({"eserviceId": null}), Err(TrustError::MissingClaim { claim: "eserviceId" })),
            // Whether it is still good is not asked here.
            (json!({"exp": 1}), Ok(0)),
        ] {
            assert_eq!(instances.choose(&sample::voucher(&payload)), expected, "{payload}");
        }
    }

    #[test]
    fn the_chosen_instance_is_held_to_its_rules() {
        let instances = Instances::new(towns()).expect("instances that differ");
        let check = |payload: &Value| {
            let voucher = sample::voucher(payload);
            instances.accept(&voucher, Scheme::Bearer, sample::now()).map(|(place, verified)| (place, verified.caller().producer.clone()))
        };
        assert_eq!(check(&ids(TOWN, ESERVICE, TOWN_DESCRIPTOR)), Ok((2, Some(TOWN.into()))));
        assert_eq!(check(&json!({"exp": sample::ISSUED})), Err(TrustError::Expired { ago: 10 }));
        assert_eq!(check(&json!({"cnf": {"jkt": "x"}})), Err(TrustError::BoundVoucher));
    }

    /// One instance is the usual case, and its refusals are those of the checks in their order.
    #[test]
    fn one_instance_is_always_chosen() {
        let one = Instances::new(vec![sample::acceptance()]).expect("one instance");
        let check = |payload: &Value| one.accept(&sample::voucher(payload), Scheme::Bearer, sample::now()).map(|(place, _)| place);
        assert_eq!(check(&json!({})), Ok(0));
        assert_eq!(check(&json!({"aud": "x", "eserviceId": OTHER})), Err(TrustError::WrongAudience));
        assert_eq!(check(&json!({"eserviceId": OTHER})), Err(TrustError::WrongEService));
        let none = Instances::new(Vec::new()).expect("no instance");
        assert_eq!(none.choose(&sample::voucher(&json!({}))), Err(TrustError::WrongIssuer));
    }

    #[test]
    fn without_identifiers_the_audience_may_still_tell() {
        let anonymous = |audience: &str| Acceptance {
            audiences: [audience.into()].into(),
            producer: None,
            eservice: None,
            descriptors: [].into(),
            identifiers: Identifiers::Optional,
            ..sample::acceptance()
        };
        let instances = Instances::new(vec![anonymous("a"), anonymous("b")]).expect("instances that differ");
        let nothing = json!({"producerId": null, "eserviceId": null, "descriptorId": null});
        for (aud, expected) in
            [("a", Ok(0)), ("b", Ok(1)), ("a,b", Err(TrustError::AmbiguousInstance)), ("c", Err(TrustError::WrongAudience))]
        {
            assert_eq!(instances.choose(&sample::voucher(&sample::with(nothing.clone(), &json!({"aud": aud})))), expected, "{aud}");
            assert_eq!(instances.choose(&sample::voucher(&json!({"aud": aud}))), expected, "{aud} and identifiers");
        }
    }

    #[test]
    fn instances_that_nobody_could_tell_apart_are_refused() {
        let any_version = instance(PRODUCER, ESERVICE, &[]);
        let any_eservice = Acceptance { eservice: None, ..instance(TOWN, "", &[DESCRIPTOR]) };
        for (extra, expected) in [
            (instance(PRODUCER, ESERVICE, &[OTHER]), None),
            (instance(OTHER, ESERVICE, &[DESCRIPTOR]), None),
            (instance(PRODUCER, ESERVICE, &[OTHER, DESCRIPTOR]), Some((0, 4))),
            (Acceptance { issuer: "interop.example".into(), ..any_version.clone() }, None),
            (Acceptance { audiences: ["x".into()].into(), ..any_version.clone() }, None),
            (any_version, Some((0, 4))),
            (any_eservice, Some((1, 4))),
            (Acceptance { producer: None, ..instance("", ESERVICE, &[TOWN_DESCRIPTOR]) }, Some((2, 4))),
        ] {
            let list = towns().into_iter().chain([extra.clone()]).collect();
            let found = Instances::new(list).err().map(|overlap| (overlap.first, overlap.second));
            assert_eq!(found, expected, "{extra:?}");
        }
    }
}
