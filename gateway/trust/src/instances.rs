use std::collections::HashMap;

use exchange::Timestamp;

use crate::{Acceptance, Identifiers, Scheme, TrustError, Uuid, Verified, Voucher, accept};

/// The instances of one e-service behind one URL, of which the voucher chooses one: an index into the configured list.
#[derive(Debug)]
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
