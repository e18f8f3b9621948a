/// A namespace, as its index in [`Spaces`]: names are compared by number while messages are read and written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Space(u16);

impl Space {
    /// No namespace: unqualified names.
    pub const NONE: Self = Self(0);
    /// The SOAP 1.1 envelope.
    pub const SOAP_11: Self = Self(1);
    /// The SOAP 1.2 envelope.
    pub const SOAP_12: Self = Self(2);
    /// `xsi:nil`, `xsi:type`.
    pub const XSI: Self = Self(3);
    /// `xml:lang`.
    pub const XML: Self = Self(4);
    /// XML Schema's own types.
    pub const XSD: Self = Self(5);
    /// WS-Security faults.
    pub const WSSE: Self = Self(6);
    /// A namespace that no plan knows.
    pub const UNKNOWN: Self = Self(u16::MAX);
    const RESERVED: u16 = 7;

    /// Whether this is one of a description's own namespaces, which need a prefix declared in an envelope.
    pub fn is_own(self) -> bool {
        self.0 >= Self::RESERVED && self != Self::UNKNOWN
    }
}

/// Every namespace that the plans of one description know.
#[derive(Clone, Debug)]
pub struct Spaces(Vec<Box<str>>);

/// XML Schema's namespace.
pub const XSD: &str = "http://www.w3.org/2001/XMLSchema";
/// The namespace of the SOAP 1.1 envelope.
pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// The namespace of the SOAP 1.2 envelope.
pub const SOAP_12: &str = "http://www.w3.org/2003/05/soap-envelope";
/// The namespace of `xsi:nil`.
pub const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The namespace of the prefix `xml`.
pub const XML: &str = "http://www.w3.org/XML/1998/namespace";
const WSSE: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

impl Default for Spaces {
    fn default() -> Self {
        Self(["", SOAP_11, SOAP_12, XSI, XML, XSD, WSSE].map(Into::into).into())
    }
}

impl Spaces {
    /// The namespace of a URI, added if it is new. `None` when a description has more namespaces than can be numbered.
    pub fn add(&mut self, uri: &str) -> Option<Space> {
        let found = self.find(uri);
        if found != Space::UNKNOWN {
            return Some(found);
        }
        let next = u16::try_from(self.0.len()).ok().filter(|next| *next != u16::MAX)?;
        self.0.push(uri.into());
        Some(Space(next))
    }

    /// The namespace of a URI.
    pub fn find(&self, uri: &str) -> Space {
        // Few namespaces, and longer than they differ: a scan over lengths and texts beats hashing them.
        self.0.iter().position(|known| &**known == uri).map_or(Space::UNKNOWN, |at| Space(at as u16))
    }

    /// The URI of a namespace.
    pub fn uri(&self, space: Space) -> &str {
        self.0.get(usize::from(space.0)).map_or("", |uri| uri)
    }

    /// The prefix that our envelopes give a namespace; empty for unqualified names.
    pub fn prefix(space: Space) -> String {
        match space {
            Space::NONE => String::new(),
            Space::SOAP_11 | Space::SOAP_12 => "soapenv".into(),
            Space::XSI => "xsi".into(),
            Space::XML => "xml".into(),
            Space::XSD => "xsd".into(),
            Space::WSSE => "wsse".into(),
            Space(number) => format!("n{}", number - Space::RESERVED + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_a_prefix_of_its_own() {
        let mut spaces = Spaces::default();
        let own = [spaces.add("urn:a"), spaces.add("urn:b")];
        // Both envelopes have the same: no message has both.
        let reserved = (0..Space::RESERVED).map(Space).filter(|space| *space != Space::SOAP_12);
        let prefixes: Vec<String> = reserved.chain(own.into_iter().flatten()).map(Spaces::prefix).collect();
        assert_eq!(prefixes, ["", "soapenv", "xsi", "xml", "xsd", "wsse", "n1", "n2"]);
    }
}
