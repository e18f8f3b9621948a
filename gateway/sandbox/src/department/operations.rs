use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::RwLock;

use super::NAMESPACE;
use super::citizens::{Address, Citizen, HouseNumber, Register};
use super::envelope::{Element, Page, Version};
use super::fault::Fault;

/// The operations of the WSDL.
pub(crate) const OPERATIONS: [&str; 3] = ["CercaResidenza", "LeggiCittadino", "AggiornaIndirizzo"];

const SCHEMA_INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The office behind the counter: the register, and the number that every operation is given.
pub(crate) struct Office {
    register: Arc<RwLock<Register>>,
    operations: AtomicU64,
}

impl Office {
    pub(crate) fn new(register: Arc<RwLock<Register>>) -> Self {
        Self { register, operations: AtomicU64::new(884_213_377) }
    }

    /// Does what the body's element asks and writes the answer.
    pub(crate) fn perform(&self, version: Version, asked: &Element) -> Result<Vec<u8>, Fault> {
        if asked.namespace != NAMESPACE {
            return Err(Fault::client("the operation is of another namespace"));
        }
        let operation = self.operations.fetch_add(1, Ordering::Relaxed).to_string();
        match asked.name.as_str() {
            "CercaResidenza" => self.search(version, asked, &operation),
            "LeggiCittadino" => self.read(version, asked, &operation),
            "AggiornaIndirizzo" => self.update(version, asked, &operation),
            _ => Err(Fault::client("there is no such operation")),
        }
    }

    fn search(&self, version: Version, asked: &Element, operation: &str) -> Result<Vec<u8>, Fault> {
        sequence(asked, &[("idOperazioneClient", true), ("criteriRicerca", true), ("datiRichiesta", true)])?;
        let criteria = required(asked, "criteriRicerca")?;
        let wanted = required(asked, "datiRichiesta")?;
        sequence(criteria, &[("codiceFiscale", true), ("cognome", false), ("dataNascita", false)])?;
        sequence(wanted, &[("dataRiferimentoRichiesta", true), ("motivoRichiesta", true), ("casoUso", true)])?;
        let register = self.register.read();
        let agrees = |citizen: &&Citizen| {
            criteria.child_text("cognome").is_none_or(|surname| surname == citizen.cognome)
                && criteria.child_text("dataNascita").is_none_or(|date| date == citizen.data_nascita)
        };
        let found = register.get(text(criteria, "codiceFiscale")?).filter(agrees);
        let citizen = found.ok_or_else(|| Fault::not_found(operation.to_owned()))?;
        let mut page = open_answer(version, "CercaResidenzaResponse");
        page.text("ns2:idOperazioneClient", text(asked, "idOperazioneClient")?);
        page.text("ns2:idOperazioneAnagrafe", operation);
        write_citizen(&mut page, citizen, Some(date(wanted, "dataRiferimentoRichiesta")?));
        Ok(page.end())
    }

    fn read(&self, version: Version, asked: &Element, operation: &str) -> Result<Vec<u8>, Fault> {
        sequence(asked, &[("codiceFiscale", true), ("dataRiferimento", false)])?;
        let at = asked.child("dataRiferimento").map(|_| date(asked, "dataRiferimento")).transpose()?;
        let register = self.register.read();
        let citizen = register.get(text(asked, "codiceFiscale")?).ok_or_else(|| Fault::not_found(operation.to_owned()))?;
        let mut page = open_answer(version, "LeggiCittadinoResponse");
        write_citizen(&mut page, citizen, at);
        Ok(page.end())
    }

    fn update(&self, version: Version, asked: &Element, operation: &str) -> Result<Vec<u8>, Fault> {
        sequence(asked, &[("codiceFiscale", true), ("tipo", true), ("indirizzo", true)])?;
        let new = required(asked, "indirizzo")?;
        sequence(new, &[("via", true), ("civico", false), ("cap", true), ("comune", true), ("provincia", false)])?;
        let tipo = text(asked, "tipo")?;
        if !matches!(tipo, "RESIDENZA" | "DOMICILIO") {
            return Err(Fault::client("tipo is not in the enumeration"));
        }
        let today = Timestamp::now().to_zoned(TimeZone::UTC).date().to_string();
        let address = Address {
            tipo: tipo.into(),
            via: text(new, "via")?.into(),
            civico: house_number(new),
            cap: text(new, "cap")?.into(),
            comune: text(new, "comune")?.into(),
            provincia: new.child_text("provincia").map(Into::into),
            dal: Some(today.clone()),
        };
        let mut register = self.register.write();
        let citizen = register.get_mut(text(asked, "codiceFiscale")?).ok_or_else(|| Fault::not_found(operation.to_owned()))?;
        if citizen.irreperibile == Some(true) {
            return Err(Fault::not_allowed(operation.to_owned(), "il cittadino è irreperibile"));
        }
        citizen.indirizzi.retain(|address| address.tipo != tipo);
        citizen.indirizzi.push(address);
        let mut page = open_answer(version, "AggiornaIndirizzoResponse");
        page.text("ns2:protocollo", &format!("PG/{}/{operation}", &today[..4]));
        page.text("ns2:dal", &today);
        Ok(page.end())
    }
}

/// The children are these, in this order and of the right namespace; software of this age accepts nothing else.
fn sequence(element: &Element, particles: &[(&str, bool)]) -> Result<(), Fault> {
    let mut children = element.children.iter().peekable();
    for (name, required) in particles {
        let found = children.next_if(|child| child.name == *name && child.namespace == NAMESPACE);
        if found.is_none() && *required {
            return Err(Fault::client(format!("{name} was expected in {}", element.name)));
        }
    }
    match children.next() {
        Some(_) => Err(Fault::client(format!("{} holds an element out of place", element.name))),
        None => Ok(()),
    }
}

fn required<'a>(element: &'a Element, name: &str) -> Result<&'a Element, Fault> {
    element.child(name).ok_or_else(|| Fault::client(format!("{name} is missing")))
}

fn text<'a>(element: &'a Element, name: &str) -> Result<&'a str, Fault> {
    element.child_text(name).filter(|text| !text.is_empty()).ok_or_else(|| Fault::client(format!("{name} is empty")))
}

/// An xs:date without zone.
fn date<'a>(element: &'a Element, name: &str) -> Result<&'a str, Fault> {
    let text = text(element, name)?;
    let well_formed = text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    if well_formed { Ok(text) } else { Err(Fault::client(format!("{name} is no date"))) }
}

fn house_number(address: &Element) -> HouseNumber {
    match address.child("civico") {
        None => HouseNumber::Unknown,
        Some(element) if element.is_nil() => HouseNumber::Without,
        Some(element) => HouseNumber::Number(element.text.trim().to_owned()),
    }
}

fn open_answer(version: Version, name: &str) -> Page {
    let mut page = Page::new(version);
    page.open_with(&format!("ns2:{name}"), &[("xmlns:ns2", NAMESPACE), ("xmlns:xsi", SCHEMA_INSTANCE)]);
    page
}

fn write_citizen(page: &mut Page, citizen: &Citizen, at: Option<&str>) {
    page.open("ns2:cittadino");
    page.text("ns2:codiceFiscale", &citizen.codice_fiscale);
    page.text("ns2:cognome", &citizen.cognome);
    page.text("ns2:nome", &citizen.nome);
    page.text("ns2:dataNascita", &citizen.data_nascita);
    let size = citizen.numero_componenti.map(|size| size.to_string());
    let lost = citizen.irreperibile.map(|lost| lost.to_string());
    let optional = [
        ("sesso", citizen.sesso.as_deref()),
        ("email", citizen.email.as_deref()),
        ("telefono", citizen.telefono.as_deref()),
        ("reddito", citizen.reddito.as_deref()),
        ("numeroComponenti", size.as_deref()),
        ("irreperibile", lost.as_deref()),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            page.text(&format!("ns2:{name}"), value);
        }
    }
    for address in citizen.indirizzi.iter().filter(|address| stood(address, at)) {
        write_address(page, address);
    }
    page.close();
}

/// Whether the address stood already at that date; an unknown beginning is as old as any.
fn stood(address: &Address, at: Option<&str>) -> bool {
    match (at, address.dal.as_deref()) {
        (Some(at), Some(since)) => since <= at,
        _ => true,
    }
}

fn write_address(page: &mut Page, address: &Address) {
    page.open_with("ns2:indirizzi", &[("tipo", &address.tipo)]);
    page.text("ns2:via", &address.via);
    match &address.civico {
        HouseNumber::Number(number) => page.text("ns2:civico", number),
        HouseNumber::Without => page.empty("ns2:civico", &[("xsi:nil", "true")]),
        HouseNumber::Unknown => {}
    }
    page.text("ns2:cap", &address.cap);
    page.text("ns2:comune", &address.comune);
    if let Some(province) = &address.provincia {
        page.text("ns2:provincia", province);
    }
    if let Some(since) = &address.dal {
        page.text("ns2:dal", since);
    }
    page.close();
}
