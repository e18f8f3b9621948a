use std::fmt::Write;
use std::sync::Arc;

use adapter_api::document::Fault;

use super::{SoapVersion, WSDL, Wsdl};
use crate::source::{Element, QName};

/// What a configuration says of the port to call.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Selection<'a> {
    pub(crate) service: Option<&'a str>,
    pub(crate) port: Option<&'a str>,
    /// Preferred where a port type is bound to both versions.
    pub(crate) version: Option<SoapVersion>,
}

/// A way to call a port type: a binding, under the name of a port.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) version: SoapVersion,
    pub(super) binding: Arc<Element>,
    /// The port type that the binding binds.
    pub(super) kind: QName,
}

impl Wsdl {
    /// The ports that speak SOAP.
    pub(crate) fn ports(&self) -> Vec<Port> {
        let mut ports = Vec::new();
        for service in &self.services {
            for port in service.named(WSDL, "port") {
                let binding = port.attr("binding").and_then(|name| port.qname(name).ok());
                let binding = self.bindings.iter().find(|(name, _)| Some(name) == binding.as_ref());
                let name = (service.attr("name").unwrap_or_default(), port.attr("name").unwrap_or_default());
                ports.extend(binding.and_then(|(_, binding)| soap(name, binding)));
            }
        }
        if self.services.is_empty() {
            ports.extend(self.bindings.iter().filter_map(|(name, binding)| soap(("", &name.local), binding)));
        }
        ports
    }

    /// The port that a configuration means.
    pub(crate) fn select(&self, selection: Selection<'_>) -> Result<Port, Fault> {
        let ports = self.ports();
        let fits =
            |port: &&Port| selection.service.is_none_or(|name| name == port.service) && selection.port.is_none_or(|name| name == port.name);
        let mut found: Vec<&Port> = ports.iter().filter(fits).collect();
        if ports.is_empty() {
            let fault = self.root.fault("no port or binding here speaks SOAP");
            return Err(fault.hint("only bindings of SOAP 1.1 and 1.2 over HTTP are mapped"));
        }
        if found.is_empty() {
            return Err(self.root.fault("no SOAP port has the name that `service` and `port` ask for").hint(list(&ports)));
        }
        if let Some(wanted) = selection.version {
            found.retain(|port| port.version == wanted);
            if found.is_empty() {
                return Err(self.root.fault("no port speaks the SOAP version that `soap_version` asks for").hint(list(&ports)));
            }
        }
        // The same operations by either version: 1.1 is what more software speaks.
        let first = found.iter().find(|port| port.version == SoapVersion::V11).or(found.first());
        match first {
            Some(first) if found.iter().all(|port| port.kind == first.kind) => Ok((*first).clone()),
            _ => {
                Err(self.root.fault("several ports offer different operations").hint(format!("set `service` and `port`: {}", list(&ports))))
            }
        }
    }
}

fn soap((service, name): (&str, &str), binding: &Arc<Element>) -> Option<Port> {
    let version = [SoapVersion::V11, SoapVersion::V12].into_iter();
    let version = version.into_iter().find(|version| binding.named(version.binding(), "binding").next().is_some())?;
    let kind = binding.attr("type").and_then(|name| binding.qname(name).ok())?;
    Some(Port { service: service.to_owned(), name: name.to_owned(), version, binding: binding.clone(), kind })
}

fn list(ports: &[Port]) -> String {
    let mut out = String::from("there are ");
    for (at, port) in ports.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        let version = if port.version == SoapVersion::V11 { "1.1" } else { "1.2" };
        // Writing to a String cannot fail.
        _ = write!(out, "{comma}service `{}` port `{}` (SOAP {version})", port.service, port.name);
    }
    out
}
