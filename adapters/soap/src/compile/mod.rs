//! From configuration to an adapter: the WSDL, its schemas and the mapping are read, held against the contract's operations
//! and compiled into plans. Everything that can be wrong is found here, all of it, with its place.

mod binding;
mod envelope;
mod headers;
mod operation;

pub(crate) use operation::Compiling;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use adapter_api::document::{Fault, Faults, Place, Section};
use adapter_api::{OperationIndex, OperationSpec};

use crate::adapter::SoapAdapter;
use crate::mapping::Mapping;
use crate::schema::Compiler;
use crate::source::Files;
use crate::wsdl::{Port, Selection, SoapVersion, Wsdl};

/// Compiles the mapping `soap` of an e-service's adapter. `section` has the keys `wsdl`, `mapping`, `catalog`, `service`,
/// `port` and `soap_version`; the caller asks it for the keys that are its own (`url`) beforehand. Paths are relative to
/// `base_dir`. Files are read, nothing is fetched. `served` is an operation that the gateway answers itself (`/status`): it needs
/// no counterpart in the WSDL. Without `operations`, since the contract cannot be read, each file is checked by itself.
///
/// Every fault found goes to the section's list; with an error among them there is no adapter.
pub fn compile(
    section: Section<'_>,
    base_dir: &Path,
    operations: Option<&[OperationSpec]>,
    served: Option<OperationIndex>,
) -> Option<SoapAdapter> {
    let faults = section.faults();
    let wsdl_path = section.required_text("wsdl").map(|path| section.existing("wsdl", base_dir.join(path)));
    let mapping_path = section.text("mapping").map(|path| section.existing("mapping", base_dir.join(path)));
    let catalog = catalog(&section, base_dir);
    let selection = selection(&section);
    let mapping_place = section.place("mapping");
    drop(section);

    // What is wrong with one of the two says nothing of the other: both are read.
    let mapping = match &mapping_path {
        Some(path) => path.as_ref().and_then(|path| Mapping::read(path, faults)),
        None => Some(Mapping::default()),
    };
    let (mut found, mut files) = (Faults::new(), Files::new(catalog));
    let adapter = Wsdl::read(&wsdl_path??, &mut files, &mut found).and_then(|wsdl| {
        let port = found.keep(wsdl.select(selection))?;
        let mapping = mapping?;
        let compilation = Compilation { wsdl: &wsdl, port: &port, mapping: &mapping, mapping_place, faults: &mut found };
        match operations {
            Some(operations) => compilation.run(operations, served),
            None => compilation.check_names(),
        }
    });
    let failed = found.has_errors();
    faults.borrow_mut().extend(found.sorted());
    let files = files.into_paths().into_iter().chain(mapping_path.flatten()).collect();
    adapter.filter(|_| !failed).map(|adapter| adapter.compiled_from(files))
}

fn catalog(section: &Section<'_>, base_dir: &Path) -> HashMap<String, PathBuf> {
    let Some(node) = section.node("catalog") else { return HashMap::new() };
    let mut catalog = HashMap::new();
    for (key, node) in node.pairs() {
        match node.as_str() {
            Some(path) => _ = catalog.insert(key.text.clone(), base_dir.join(path)),
            None => section.report(Fault::error(
                Place::at(section.file(), key.position),
                format!("`{}.catalog` maps locations or namespaces to files, but `{}` has {}", section.name(), key.text, node.kind()),
            )),
        }
    }
    catalog
}

fn selection<'a>(section: &Section<'a>) -> Selection<'a> {
    let version = section.text("soap_version").and_then(|version| match version {
        "1.1" => Some(SoapVersion::V11),
        "1.2" => Some(SoapVersion::V12),
        _ => {
            section.report(Fault::error(section.place("soap_version"), "`soap_version` is 1.1 or 1.2"));
            None
        }
    });
    Selection { service: section.text("service"), port: section.text("port"), version }
}

struct Compilation<'a> {
    wsdl: &'a Wsdl,
    port: &'a Port,
    mapping: &'a Mapping,
    mapping_place: Place,
    faults: &'a mut Faults,
}

impl Compilation<'_> {
    fn run(self, specs: &[OperationSpec], served: Option<OperationIndex>) -> Option<SoapAdapter> {
        for mapped in &self.mapping.operations {
            if !specs.iter().any(|spec| *spec.id == *mapped.id) {
                let fault = Fault::error(mapped.place.clone(), format!("the contract has no operation `{}`", mapped.id));
                let ids = specs.iter().map(|spec| format!("`{}`", spec.id)).collect::<Vec<_>>();
                self.faults.push(fault.hint(format!("it has {}", ids.join(", "))));
            }
        }
        let mut compiler = Compiler::new(&self.wsdl.schemas, self.mapping.numbers);
        compiler.plan.leniency = self.mapping.leniency;
        // One type may be needed by many operations: what is wrong with it is told once, with all of them.
        let mut refused: BTreeMap<(Place, String), (Fault, Vec<String>)> = BTreeMap::new();
        let mut compiled = Vec::new();
        for (index, spec) in specs.iter().enumerate() {
            let mapped = self.mapping.operations.iter().find(|mapped| *mapped.id == *spec.id);
            if served == Some(index) && mapped.is_none() {
                compiled.push(None);
                continue;
            }
            let place = mapped.map_or(&self.mapping_place, |mapped| &mapped.place);
            let name = match self.name(spec, mapped, place) {
                Ok(name) => name,
                Err(fault) => {
                    self.faults.push(fault);
                    continue;
                }
            };
            let result = Compiling { wsdl: self.wsdl, port: self.port, spec, mapped, place, compiler: &mut compiler }.run(&name);
            match result {
                Ok((operation, warnings)) => {
                    self.faults.extend(warnings);
                    compiled.push(Some(operation));
                }
                Err(faults) => {
                    for fault in faults {
                        let key = (fault.place.clone(), fault.message.clone());
                        let (_, names) = refused.entry(key).or_insert_with(|| (fault, Vec::new()));
                        if names.last() != Some(&name) {
                            names.push(name.clone());
                        }
                    }
                }
            }
        }
        for (mut fault, names) in refused.into_values() {
            fault.message = format!("{} ({})", fault.message, needed_by(&names));
            self.faults.push(fault);
        }
        (compiled.len() == specs.len()).then(|| SoapAdapter::new(compiler.plan, compiled, self.mapping.exposed))
    }

    /// Holds the names of the mapping against the port: all that can be said without a contract.
    fn check_names(self) -> Option<SoapAdapter> {
        for (name, place) in self.mapping.operations.iter().filter_map(|mapped| mapped.soap.as_ref()) {
            if let Err(fault) = self.named(name, place) {
                self.faults.push(fault);
            }
        }
        None
    }

    /// The port's operation that a mapping names.
    fn named(&self, name: &str, place: &Place) -> Result<String, Fault> {
        let known = self.port.operations().into_iter().find(|known| known == name);
        known.ok_or_else(|| {
            Fault::error(place.clone(), format!("the port `{}` has no operation `{name}`", self.port.name)).hint(self.list())
        })
    }

    fn list(&self) -> String {
        format!("the port has {}", self.port.operations().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
    }

    /// The WSDL's operation for one of the contract's.
    fn name(&self, spec: &OperationSpec, mapped: Option<&crate::mapping::OperationMapping>, place: &Place) -> Result<String, Fault> {
        if let Some((name, place)) = mapped.and_then(|mapped| mapped.soap.as_ref()) {
            return self.named(name, place);
        }
        let known = self.port.operations();
        let exact = known.iter().find(|name| ***name == *spec.id);
        let found = exact.or_else(|| known.iter().find(|name| same_but_first(name, &spec.id)));
        found.cloned().ok_or_else(|| {
            let message = format!("no operation of the WSDL has the name of the contract's `{}`", spec.id);
            Fault::error(place.clone(), message).hint(format!("name it with `operations.{}.soap`; {}", spec.id, self.list()))
        })
    }
}

/// Whether two names differ at most in the case of their first letter: `CercaResidenza` and `cercaResidenza`.
fn same_but_first(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.chars(), other.chars());
    let first = one.next().zip(other.next()).is_some_and(|(one, other)| one.to_lowercase().eq(other.to_lowercase()));
    first && one.eq(other)
}

fn needed_by(names: &[String]) -> String {
    let list = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names {
        [one] => format!("operation `{one}`"),
        [_, _] | [_, _, _] => format!("operations {}", list(names)),
        [first, second, rest @ ..] => format!("operations {} and {} more", list(&[first.clone(), second.clone()]), rest.len()),
        [] => "no operation".into(),
    }
}
