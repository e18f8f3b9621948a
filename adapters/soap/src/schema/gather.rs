use std::sync::Arc;

use adapter_api::document::Faults;

use super::{Component, Document, Schemas, Symbol};
use crate::plan::XSD;
use crate::source::{Element, Files, QName};

impl Schemas {
    /// Adds an `xs:schema` and everything that it includes and imports.
    pub(crate) fn gather(&mut self, root: &Arc<Element>, files: &mut Files, faults: &mut Faults) {
        let mut left = vec![(root.clone(), None)];
        while let Some((schema, includer)) = left.pop() {
            if !schema.is(XSD, "schema") {
                faults.push(schema.fault(format!("a schema was expected here, not `{}`", schema.name)));
                continue;
            }
            let own: Option<Arc<str>> = schema.attr("targetNamespace").map(Into::into);
            let chameleon = own.is_none() && includer.is_some();
            let target = own.or(includer).unwrap_or_else(|| "".into());
            if self.seen.insert((Arc::as_ptr(&schema).addr(), target.clone())) {
                self.document(&schema, &target, chameleon, files, faults, &mut left);
            }
        }
    }

    fn document(
        &mut self,
        schema: &Arc<Element>,
        target: &Arc<str>,
        chameleon: bool,
        files: &mut Files,
        faults: &mut Faults,
        left: &mut Vec<(Arc<Element>, Option<Arc<str>>)>,
    ) {
        let document = self.documents.len();
        self.documents.push(Document {
            target: target.clone(),
            qualified_elements: schema.attr("elementFormDefault") == Some("qualified"),
            qualified_attributes: schema.attr("attributeFormDefault") == Some("qualified"),
            chameleon,
        });
        for child in schema.children_of(XSD) {
            match &*child.name.local {
                "include" => left.extend(self.other(child, target, files, faults).map(|schema| (schema, Some(target.clone())))),
                "import" => {
                    let space: Arc<str> = child.attr("namespace").unwrap_or_default().into();
                    left.extend(self.other(child, &space, files, faults).map(|schema| (schema, None)));
                }
                "redefine" | "override" => {
                    let why = format!("`xs:{}` is not read", child.name.local);
                    self.missing.insert(target.clone(), (child.place(), why));
                }
                local => self.define(local, child, document, target),
            }
        }
    }

    fn other(&mut self, child: &Element, space: &Arc<str>, files: &mut Files, faults: &mut Faults) -> Option<Arc<Element>> {
        let location = child.attr("schemaLocation");
        let by_space = (&*child.name.local == "import").then_some(&**space);
        let Some(path) = files.locate(location, by_space, child) else {
            let why = match location {
                Some(location) => format!("`{location}` is neither a file beside this one nor in `catalog`, and nothing is fetched"),
                None => "the import names no location, and `catalog` does not have the namespace".to_owned(),
            };
            self.missing.entry(space.clone()).or_insert((child.place(), why));
            return None;
        };
        faults.keep(files.read(&path))
    }

    fn define(&mut self, local: &str, child: &Arc<Element>, document: usize, target: &Arc<str>) {
        let symbol = match local {
            "complexType" | "simpleType" => Symbol::Type,
            "element" => Symbol::Element,
            "attribute" => Symbol::Attribute,
            "group" => Symbol::Group,
            "attributeGroup" => Symbol::AttributeGroup,
            _ => return,
        };
        let Some(name) = child.attr("name") else { return };
        if let Some(Ok(head)) = child.attr("substitutionGroup").map(|head| self.qname(head, child, document)) {
            self.heads.insert(head);
        }
        let name = QName { space: target.clone(), local: name.into() };
        // One namespace may stand in several files, and one file may be reached by two names: the first definition is kept.
        self.components.entry((symbol, name)).or_insert_with(|| Component { element: child.clone(), document });
    }
}
