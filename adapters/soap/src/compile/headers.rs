use std::borrow::Cow;

use adapter_api::document::Fault;

use crate::mapping::HeaderRule;
use crate::plan::{Element, TypeRef};
use crate::schema::{Compiler, refuse};
use crate::wsdl::Part;

/// The constant header blocks of a request: every one that the description lists needs a value, or the word that it is
/// left out.
pub(super) fn constants(
    compiler: &mut Compiler<'_>,
    parts: &[Part],
    rules: &[HeaderRule],
    faults: &mut Vec<Fault>,
) -> Vec<(Element, Box<str>)> {
    for rule in rules {
        if !parts.iter().any(|part| names(part, rule)) {
            let known = parts.iter().map(|part| format!("`{}`", part.element)).collect::<Vec<_>>();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let fault = Fault::error(rule.place.clone(), format!("the operation has no header `{}`", rule.name));
            faults.push(fault.hint(format!("it has {known}")));
        }
    }
    let mut constants = Vec::new();
    for part in parts {
        match rules.iter().find(|rule| names(part, rule)) {
            None => {
                // A header that the schemas do not have is a fault of the description, not of the mapping.
                if let Err(fault) = compiler.global(&part.element, &part.at) {
                    faults.push(fault);
                    continue;
                }
                let message = format!("the header `{}` has no value", part.element);
                let hint = format!("give it one under `soap_headers`: `\"{}\": {{ value: … }}`, or `omit: true`", part.element);
                faults.push(part.at.fault(message).hint(hint));
            }
            Some(HeaderRule { value: None, .. }) => {}
            Some(rule @ HeaderRule { value: Some(value), .. }) => match constant(compiler, part, rule, value) {
                Ok(constant) => constants.push(constant),
                Err(fault) => faults.push(fault),
            },
        }
    }
    constants
}

fn names(part: &Part, rule: &HeaderRule) -> bool {
    rule.name == part.element.to_string()
}

fn constant(compiler: &mut Compiler<'_>, part: &Part, rule: &HeaderRule, value: &str) -> Result<(Element, Box<str>), Fault> {
    let element = compiler.global(&part.element, &part.at)?;
    let TypeRef::Simple(id) = element.content else {
        let construct = format!("the header `{}`, which holds elements,", part.element.local);
        return Err(refuse(&part.at, &construct, "only headers that hold a text are mapped yet"));
    };
    match compiler.plan.settled(id, Cow::Borrowed(value)) {
        Ok(text) => Ok((element, text.into())),
        Err(wrong) => Err(Fault::error(rule.place.clone(), format!("the value of the header `{}` {wrong}", part.element.local))),
    }
}
