use super::NAMESPACE;
use super::envelope::{Page, Version};

/// What the department answers where it does not do what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    reason: String,
    detail: Option<Detail>,
}

/// A fault that the WSDL declares: the element in the detail and its children.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Detail {
    name: &'static str,
    children: [(&'static str, String); 2],
}

impl Fault {
    /// The message is wrong; no declared fault.
    pub(crate) fn client(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), detail: None }
    }

    /// `CittadinoNonTrovato`
    pub(crate) fn not_found(operation: String) -> Self {
        let children = [("idOperazioneAnagrafe", operation), ("messaggio", "nessun cittadino corrisponde ai criteri".into())];
        Self { reason: "cittadino non trovato".into(), detail: Some(Detail { name: "CittadinoNonTrovato", children }) }
    }

    /// `AggiornamentoNonConsentito`
    pub(crate) fn not_allowed(operation: String, reason: &str) -> Self {
        let children = [("idOperazioneAnagrafe", operation), ("motivo", reason.into())];
        Self { reason: "aggiornamento non consentito".into(), detail: Some(Detail { name: "AggiornamentoNonConsentito", children }) }
    }

    /// The envelope: SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4.
    pub(crate) fn page(&self, version: Version) -> Vec<u8> {
        let mut page = Page::new(version);
        page.open("soapenv:Fault");
        match version {
            Version::Soap11 => {
                page.text("faultcode", "soapenv:Client");
                page.text("faultstring", &self.reason);
                self.write_detail(&mut page, "detail");
            }
            Version::Soap12 => {
                page.open("soapenv:Code");
                page.text("soapenv:Value", "soapenv:Sender");
                page.close();
                page.open("soapenv:Reason");
                page.text_with("soapenv:Text", &[("xml:lang", "it")], &self.reason);
                page.close();
                self.write_detail(&mut page, "soapenv:Detail");
            }
        }
        page.end()
    }

    fn write_detail(&self, page: &mut Page, name: &str) {
        let Some(detail) = &self.detail else { return };
        page.open(name);
        page.open_with(&format!("ana:{}", detail.name), &[("xmlns:ana", NAMESPACE)]);
        for (name, text) in &detail.children {
            page.text(&format!("ana:{name}"), text);
        }
        page.close();
        page.close();
    }
}
