//! WSDL 1.1: which operations a service has, and which elements its messages hold.

mod operation;
mod port;

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use adapter_api::document::{Fault, Faults, Severity};

use crate::plan::XSD;
use crate::schema::Schemas;
use crate::source::{Element, Files, QName};

pub(crate) use operation::{Operation, Part};
pub(crate) use port::{Port, Selection};

const WSDL: &str = "http://schemas.xmlsoap.org/wsdl/";
const WSDL_20: &str = "http://www.w3.org/ns/wsdl";
const BINDING_11: &str = "http://schemas.xmlsoap.org/wsdl/soap/";
const BINDING_12: &str = "http://schemas.xmlsoap.org/wsdl/soap12/";
const MIME: &str = "http://schemas.xmlsoap.org/wsdl/mime/";

/// Which SOAP is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoapVersion {
    /// SOAP 1.1.
    V11,
    /// SOAP 1.2.
    V12,
}

impl SoapVersion {
    fn binding(self) -> &'static str {
        match self {
            Self::V11 => BINDING_11,
            Self::V12 => BINDING_12,
        }
    }
}

/// The definitions of a WSDL and of those that it imports.
#[derive(Debug)]
pub(crate) struct Wsdl {
    root: Arc<Element>,
    messages: HashMap<QName, Arc<Element>>,
    port_types: HashMap<QName, Arc<Element>>,
    bindings: Vec<(QName, Arc<Element>)>,
    services: Vec<Arc<Element>>,
    pub(crate) schemas: Schemas,
}

impl Wsdl {
    /// Reads a WSDL with everything that it imports. Cycles are allowed: some toolkits write them.
    pub(crate) fn read(path: &Path, files: &mut Files, faults: &mut Faults) -> Option<Self> {
        let root = faults.keep(files.read(path))?;
        let mut wsdl = Self {
            root: root.clone(),
            messages: HashMap::new(),
            port_types: HashMap::new(),
            bindings: Vec::new(),
            services: Vec::new(),
            schemas: Schemas::default(),
        };
        let before = faults.len();
        let mut seen = HashSet::new();
        let mut left = vec![root];
        while let Some(next) = left.pop() {
            if seen.insert(Arc::as_ptr(&next).addr()) {
                wsdl.add(&next, files, faults, &mut left);
            }
        }
        let failed = faults.iter().skip(before).any(|fault| fault.severity == Severity::Error);
        (!failed).then_some(wsdl)
    }

    fn add(&mut self, root: &Arc<Element>, files: &mut Files, faults: &mut Faults, left: &mut Vec<Arc<Element>>) {
        if !root.is(WSDL, "definitions") {
            faults.push(match &*root.name.space {
                WSDL_20 => root.fault("WSDL 2.0 cannot be mapped").hint("ask for the WSDL 1.1 of the service"),
                _ => root.fault(format!("a WSDL begins with `definitions`, not `{}`", root.name)),
            });
            return;
        }
        let target: Arc<str> = root.attr("targetNamespace").unwrap_or_default().into();
        let named = |child: &Element| child.attr("name").map(|name| QName { space: target.clone(), local: name.into() });
        for child in root.children_of(WSDL) {
            match (&*child.name.local, named(child)) {
                ("message", Some(name)) => _ = self.messages.insert(name, child.clone()),
                ("portType", Some(name)) => _ = self.port_types.insert(name, child.clone()),
                ("binding", Some(name)) => self.bindings.push((name, child.clone())),
                ("service", _) => self.services.push(child.clone()),
                ("types", _) => child.named(XSD, "schema").for_each(|schema| self.schemas.gather(schema, files, faults)),
                ("import", _) => self.import(child, files, faults, left),
                _ => {}
            }
        }
    }

    fn import(&mut self, child: &Element, files: &mut Files, faults: &mut Faults, left: &mut Vec<Arc<Element>>) {
        let location = child.attr("location");
        let Some(path) = files.locate(location, child.attr("namespace"), child) else {
            let name = location.unwrap_or("(no location)");
            let fault = child.fault(format!("the imported `{name}` is neither a file beside this one nor in `catalog`"));
            faults.push(fault.hint("nothing is fetched: add a line to `catalog`"));
            return;
        };
        let Some(root) = faults.keep(files.read(&path)) else { return };
        if root.is(XSD, "schema") {
            // WS-I forbids it (R2001), toolkits accept it.
            faults.push(Fault::warning(child.place(), "a schema is imported as if it were a WSDL"));
            self.schemas.gather(&root, files, faults);
        } else {
            left.push(root);
        }
    }
}
