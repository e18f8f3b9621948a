use adapter_api::OperationSpec;
use adapter_api::document::{Fault, Place};

use super::{binding, envelope, headers};
use crate::mapping::{OperationMapping, ProblemRule};
use crate::operation::{DeclaredFault, ErrorWhen, Operation, Output, Refusal};
use crate::plan::{Element, TypeRef};
use crate::schema::Compiler;
use crate::wsdl::{self, Part, Port, Wsdl};

/// One operation while it is compiled.
pub(crate) struct Compiling<'a, 's> {
    pub(crate) wsdl: &'a Wsdl,
    pub(crate) port: &'a Port,
    pub(crate) spec: &'a OperationSpec,
    pub(crate) mapped: Option<&'a OperationMapping>,
    /// Where the mapping speaks of it, or should.
    pub(crate) place: &'a Place,
    pub(crate) compiler: &'a mut Compiler<'s>,
}

impl Compiling<'_, '_> {
    /// The operation and what somebody should look at, or everything that is wrong with it.
    pub(crate) fn run(mut self, name: &str) -> Result<(Operation, Vec<Fault>), Vec<Fault>> {
        let described = self.wsdl.operation(self.port, name).map_err(|fault| vec![fault])?;
        let mut faults = Vec::new();
        let input = described.input.body.as_ref().map(|part| self.element(part, &mut faults));
        let answer = described.output.as_ref().and_then(|output| output.body.as_ref());
        let answer = answer.map(|part| self.element(part, &mut faults));
        // With a type missing, what the mapping says of its members cannot be judged.
        if !faults.is_empty() {
            return Err(faults);
        }
        let (input, answer) = (input.flatten(), answer.flatten());
        let mut warnings = Vec::new();
        let input = binding::input(&self.compiler.plan, self.spec, self.mapped, self.place, input, &mut faults);
        let output = match answer {
            Some(element) => self.output(element, &mut faults),
            None if described.output.is_some() => Output::Empty,
            None => Output::OneWay,
        };
        let headers = self.headers(&described, &mut faults);
        let declared = self.declared_faults(&described, &mut warnings);
        let fault_rules = self.fault_rules(&declared, &mut warnings);
        let understood = self.understood(&described);
        let error_when = self.error_when(&output, &mut faults);
        if !faults.is_empty() {
            return Err(faults);
        }
        let version = self.port.version;
        let prologue = envelope::prologue(&self.compiler.plan, version, input.as_ref(), &headers);
        let operation = Operation {
            version,
            headers: envelope::http_headers(version, &described.action).map_err(|why| vec![described.at.fault(why)])?,
            prologue,
            epilogue: b"</soapenv:Body></soapenv:Envelope>",
            input,
            output,
            understood,
            faults: declared,
            fault_rules,
            error_when,
        };
        Ok((operation, warnings))
    }

    /// The element of a part, with whatever is wrong in everything it can hold.
    fn element(&mut self, part: &Part, faults: &mut Vec<Fault>) -> Option<Element> {
        match self.compiler.global(&part.element, &part.at) {
            Ok(element) => {
                faults.extend(self.compiler.faults(element.content));
                Some(element)
            }
            Err(fault) => {
                faults.push(fault);
                None
            }
        }
    }

    fn output(&self, element: Element, faults: &mut Vec<Fault>) -> Output {
        let response = self.mapped.and_then(|mapped| mapped.response.as_ref());
        let unwrap = response.and_then(|(name, place)| {
            let complex = match element.content {
                TypeRef::Complex(id) => Some(self.compiler.plan.complex(id)),
                TypeRef::Simple(_) => None,
            };
            let found = complex.and_then(|complex| complex.elements.iter().position(|member| &*member.name == name.as_str()));
            if found.is_none() {
                let names = complex.map(|complex| complex.elements.iter().map(|member| format!("`{}`", member.name)).collect::<Vec<_>>());
                let names = names.filter(|names| !names.is_empty()).map_or("nothing".into(), |names| names.join(", "));
                let fault = Fault::error(place.clone(), format!("`{}` holds no element `{name}`", element.name));
                faults.push(fault.hint(format!("it holds {names}")));
            }
            found.map(|at| at as u16)
        });
        Output::Element { element, unwrap }
    }

    fn headers(&mut self, described: &wsdl::Operation, faults: &mut Vec<Fault>) -> Vec<(Element, Box<str>)> {
        let rules = self.mapped.map(|mapped| mapped.headers.as_slice()).unwrap_or_default();
        headers::constants(self.compiler, &described.input.headers, rules, faults)
    }

    fn understood(&mut self, described: &wsdl::Operation) -> Vec<(crate::plan::Space, Box<str>)> {
        let headers = described.output.iter().flat_map(|output| &output.headers);
        let mut understood = Vec::new();
        for part in headers {
            if let Ok(space) = self.compiler.space(&part.element.space, &part.at) {
                understood.push((space, part.element.local.clone()));
            }
        }
        understood
    }

    /// The declared faults. One whose detail cannot be mapped is still known by its name: that is worth a warning, no more.
    fn declared_faults(&mut self, described: &wsdl::Operation, warnings: &mut Vec<Fault>) -> Vec<DeclaredFault> {
        let mut declared = Vec::new();
        for part in &described.faults {
            let mut wrong = Vec::new();
            let element = self.element(part, &mut wrong).filter(|_| wrong.is_empty());
            let Ok(space) = self.compiler.space(&part.element.space, &part.at) else { continue };
            for fault in wrong {
                let message = format!("the detail of the fault `{}` will not be told: {}", part.element.local, fault.message);
                warnings.push(Fault { hint: fault.hint, ..Fault::warning(fault.place, message) });
            }
            declared.push(DeclaredFault { space, local: part.element.local.clone(), element });
        }
        declared
    }

    fn fault_rules(&self, declared: &[DeclaredFault], warnings: &mut Vec<Fault>) -> Vec<(Box<str>, Refusal)> {
        let rules = self.mapped.map(|mapped| mapped.faults.as_slice()).unwrap_or_default();
        for rule in rules {
            if !declared.iter().any(|known| *known.local == *rule.name) {
                let names = declared.iter().map(|known| format!("`{}`", known.local)).collect::<Vec<_>>();
                let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
                let message = format!("the operation declares no fault `{}`", rule.name);
                let hint = format!("it declares {known}; the rule will match an undeclared fault by its detail or code");
                warnings.push(Fault::warning(rule.place.clone(), message).hint(hint));
            }
        }
        rules.iter().map(|rule| (rule.name.as_str().into(), refusal(&rule.problem))).collect()
    }

    fn error_when(&self, output: &Output, faults: &mut Vec<Fault>) -> Option<ErrorWhen> {
        let rule = self.mapped?.error_when.as_ref()?;
        let path: Box<[Box<str>]> = rule.path.split('.').map(Into::into).collect();
        // The path is of the JSON that is answered, so that it begins inside an unwrapped member.
        let root = match output {
            Output::Element { element, unwrap: Some(at) } => match element.content {
                TypeRef::Complex(id) => self.compiler.plan.complex(id).elements.get(usize::from(*at)).map(|member| member.content),
                TypeRef::Simple(_) => None,
            },
            Output::Element { element, unwrap: None } => Some(element.content),
            Output::OneWay | Output::Empty => None,
        };
        let leads = path.iter().try_fold(root, |at, name| match at? {
            TypeRef::Complex(id) => {
                let complex = self.compiler.plan.complex(id);
                let slot = complex.slot(name, usize::MAX)?;
                let element = slot.checked_sub(complex.attributes.len()).and_then(|at| complex.elements.get(at));
                Some(element.filter(|element| !element.array).map(|element| element.content))
            }
            TypeRef::Simple(_) => None,
        });
        if leads.is_none() {
            let fault = Fault::error(rule.place.clone(), format!("the answer has no member `{}`", rule.path));
            faults.push(fault.hint("a path leads from the answer's JSON through members that are not repeated, as `a.b`"));
        }
        Some(ErrorWhen { path, equals: rule.equals.as_str().into(), refusal: refusal(&rule.problem) })
    }
}

fn refusal(rule: &ProblemRule) -> Refusal {
    let boxed = |text: &Option<String>| text.as_deref().map(Into::into);
    Refusal { status: rule.status, kind: boxed(&rule.kind), title: boxed(&rule.title) }
}
