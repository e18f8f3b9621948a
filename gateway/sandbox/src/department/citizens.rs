use std::collections::BTreeMap;

/// A citizen of the invented municipality. Absent members are absent on the wire too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citizen {
    /// The codice fiscale. The place code `X999` belongs to no municipality, so that none of these can be anybody's.
    pub codice_fiscale: String,
    /// Surname, in capitals as registers keep it.
    pub cognome: String,
    /// Name.
    pub nome: String,
    /// Date of birth, `YYYY-MM-DD`.
    pub data_nascita: String,
    /// `M` or `F`.
    pub sesso: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Telephone number.
    pub telefono: Option<String>,
    /// Last year's income, an exact decimal.
    pub reddito: Option<String>,
    /// How many persons the household counts.
    pub numero_componenti: Option<u32>,
    /// Whether the municipality lost sight of the citizen; the address of such a one cannot be updated.
    pub irreperibile: Option<bool>,
    /// Addresses: none, one or several.
    pub indirizzi: Vec<Address>,
}

/// An address of a citizen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// `RESIDENZA` or `DOMICILIO`.
    pub tipo: String,
    /// Street.
    pub via: String,
    /// House number.
    pub civico: HouseNumber,
    /// Post code.
    pub cap: String,
    /// Municipality.
    pub comune: String,
    /// Province.
    pub provincia: Option<String>,
    /// Since when, `YYYY-MM-DD`.
    pub dal: Option<String>,
}

/// The house number of an address, in the three ways in which old registers have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HouseNumber {
    /// Not said: the element is absent.
    Unknown,
    /// The street has none: the element is nil.
    Without,
    /// This one.
    Number(String),
}

/// The register, by codice fiscale. Two that differ only by omocodia are two persons.
pub(crate) type Register = BTreeMap<String, Citizen>;

/// The register that the department starts with.
pub(crate) fn invented() -> Register {
    let tigli = address("RESIDENZA", "VIA DEI TIGLI", "12/B", "2014-06-01");
    let fonte = address("DOMICILIO", "PIAZZA DELLA FONTE", "3", "2021-02-15");
    let case_sparse = Address { civico: HouseNumber::Without, dal: None, ..address("RESIDENZA", "LOCALITÀ CASE SPARSE", "", "") };
    let torre = Address {
        civico: HouseNumber::Unknown,
        provincia: None,
        ..address("RESIDENZA", "VICOLO DELLA TORRE \"VECCHIA\" & PORTICI", "", "1999-01-01")
    };
    let citizens = [
        citizen("FNTLCU85C52X999H", "FONTANA", "LUCIA", "1985-03-12", "F")
            .reached_at("lucia.fontana@posta.example", "+39 0999 100001")
            .household("23450.70", 3)
            .living_at([tigli.clone(), fonte]),
        citizen("DMCNCL72S30X999G", "D'AMÌCO", "NICCOLÒ", "1972-11-30", "M")
            .reached_at("niccolo.damico@posta.example", "+39 0999 100002")
            // More digits than a float keeps.
            .household("1234567890123.4567", 1)
            .living_at([case_sparse]),
        citizen("BNCPTR49L05X999R", "BIANCHI", "PIETRO", "1949-07-05", "M").living_at([torre]),
        citizen("NREDAA09T64X999H", "NERI", "ADA", "2009-12-24", "F").living_at([tigli.clone()]),
        // One and the other: the same person but for omocodia, were they not two.
        citizen("SRRTMS90A15X999U", "SERRA", "TOMMASO", "1990-01-15", "M").household("0.00", 1).living_at([tigli.clone()]),
        citizen("SRRTMS90A15X99VJ", "SERRA", "TOMMASO", "1990-01-15", "M").household("41000", 2).living_at([]),
        citizen("MLLVEE68E49X999Q", "MÜLLER CONTI", "ÈVE", "1968-05-09", "F").living_at([tigli]),
        citizen("MROLEI36B28X999A", "MORO", "ELIO", "1936-02-28", "M").lost(),
    ];
    citizens.into_iter().map(|citizen| (citizen.codice_fiscale.clone(), citizen)).collect()
}

fn citizen(codice_fiscale: &str, cognome: &str, nome: &str, data_nascita: &str, sesso: &str) -> Citizen {
    Citizen {
        codice_fiscale: codice_fiscale.into(),
        cognome: cognome.into(),
        nome: nome.into(),
        data_nascita: data_nascita.into(),
        sesso: Some(sesso.into()),
        email: None,
        telefono: None,
        reddito: None,
        numero_componenti: None,
        irreperibile: None,
        indirizzi: Vec::new(),
    }
}

impl Citizen {
    fn reached_at(self, email: &str, telefono: &str) -> Self {
        Self { email: Some(email.into()), telefono: Some(telefono.into()), ..self }
    }

    fn household(self, reddito: &str, numero_componenti: u32) -> Self {
        Self { reddito: Some(reddito.into()), numero_componenti: Some(numero_componenti), ..self }
    }

    fn living_at<const N: usize>(self, indirizzi: [Address; N]) -> Self {
        Self { indirizzi: indirizzi.into(), irreperibile: Some(false), ..self }
    }

    fn lost(self) -> Self {
        Self { irreperibile: Some(true), ..self }
    }
}

fn address(tipo: &str, via: &str, civico: &str, dal: &str) -> Address {
    Address {
        tipo: tipo.into(),
        via: via.into(),
        civico: HouseNumber::Number(civico.into()),
        cap: "99010".into(),
        comune: "PIETRACHIARA".into(),
        provincia: Some("PX".into()),
        dal: Some(dal.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codice_fiscale::is_right;

    #[test]
    fn every_codice_fiscale_is_right_and_nobodys() {
        for code in invented().keys() {
            assert!(is_right(code), "{code}");
            assert!(code[11..].starts_with("X99"), "{code}");
        }
    }
}
