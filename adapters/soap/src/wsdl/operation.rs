use std::sync::Arc;

use adapter_api::document::Fault;

use super::{MIME, Port, WSDL, Wsdl};
use crate::schema::refuse;
use crate::source::{Element, QName};

/// An operation of a port: document style, literal.
#[derive(Debug)]
pub(crate) struct Operation {
    /// Where its binding stands.
    pub(crate) at: Arc<Element>,
    pub(crate) action: String,
    pub(crate) input: Message,
    /// None for a one-way operation.
    pub(crate) output: Option<Message>,
    pub(crate) faults: Vec<Part>,
}

/// What a message holds.
#[derive(Debug, Default)]
pub(crate) struct Message {
    /// The only child of the SOAP body; none where the body is empty.
    pub(crate) body: Option<Part>,
    pub(crate) headers: Vec<Part>,
}

/// A part of a message: the name of an element, and where the description says so.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) element: QName,
    pub(crate) at: Arc<Element>,
}

impl Port {
    /// The names of its operations, in order.
    pub(crate) fn operations(&self) -> Vec<String> {
        self.binding.named(WSDL, "operation").filter_map(|operation| operation.attr("name").map(str::to_owned)).collect()
    }
}

impl Wsdl {
    /// One operation of a port.
    pub(crate) fn operation(&self, port: &Port, name: &str) -> Result<Operation, Fault> {
        let mut bound = port.binding.named(WSDL, "operation").filter(|operation| operation.attr("name") == Some(name));
        let at = bound.next().ok_or_else(|| port.binding.fault(format!("the binding has no operation `{name}`")))?.clone();
        if let Some(other) = bound.next() {
            return Err(refuse(other, &format!("the overloaded operation `{name}`"), "WS-I forbids two operations of one name (R2304)"));
        }
        let soap = port.version.binding();
        let settings = at.named(soap, "operation").next();
        let style = settings.and_then(|settings| settings.attr("style"));
        let style = style.or_else(|| port.binding.named(soap, "binding").next().and_then(|binding| binding.attr("style")));
        if style == Some("rpc") {
            return Err(refuse(&at, "the style `rpc`", "only document style with literal messages is mapped yet"));
        }
        let declared = self.declared(port, name, &at)?;
        let input = declared
            .named(WSDL, "input")
            .next()
            .ok_or_else(|| refuse(&declared, "an operation without an input (a notification)", "the gateway asks, the upstream answers"))?;
        let first = declared.children_of(WSDL).find(|child| matches!(&*child.name.local, "input" | "output"));
        if first.is_some_and(|first| &*first.name.local == "output") {
            return Err(refuse(&declared, "an operation whose output comes first", "the gateway asks, the upstream answers"));
        }
        let bound = |side| at.named(WSDL, side).next();
        let output = declared.named(WSDL, "output").next();
        Ok(Operation {
            action: settings.and_then(|settings| settings.attr("soapAction")).unwrap_or_default().to_owned(),
            input: self.message(input, bound("input"), soap)?,
            output: output.map(|output| self.message(output, bound("output"), soap)).transpose()?,
            faults: declared.named(WSDL, "fault").map(|fault| self.fault(fault)).collect::<Result<_, _>>()?,
            at,
        })
    }

    fn declared(&self, port: &Port, name: &str, at: &Element) -> Result<Arc<Element>, Fault> {
        let port_type = self.port_types.get(&port.kind);
        let port_type = port_type.ok_or_else(|| port.binding.fault(format!("the port type `{}` is not defined", port.kind)))?;
        let found = port_type.named(WSDL, "operation").find(|operation| operation.attr("name") == Some(name));
        found.cloned().ok_or_else(|| at.fault(format!("the port type `{}` has no operation `{name}`", port.kind)))
    }

    fn message(&self, side: &Arc<Element>, bound: Option<&Arc<Element>>, soap: &str) -> Result<Message, Fault> {
        let message = self.message_of(side)?;
        let Some(bound) = bound else { return Err(side.fault("the binding says nothing of this message")) };
        if let Some(mime) = bound.children_of(MIME).next() {
            return Err(refuse(mime, "a message with attachments (`mime`)", "attachments are not mapped yet"));
        }
        let body = bound.named(soap, "body").next();
        let encoded = |part: &Arc<Element>| part.attr("use") == Some("encoded");
        if let Some(encoded) = bound.children_of(soap).find(|part| encoded(part)) {
            return Err(refuse(encoded, "a SOAP-encoded message (`use=\"encoded\"`)", "only literal messages are mapped"));
        }
        let mut headers = Vec::new();
        let mut taken = Vec::new();
        for header in bound.named(soap, "header") {
            let holder = self.message_of(header)?;
            let name = header.attr("part").ok_or_else(|| header.fault("a header needs its `part`"))?;
            let part = holder.named(WSDL, "part").find(|part| part.attr("name") == Some(name));
            let part = part.ok_or_else(|| header.fault(format!("the message has no part `{name}`")))?;
            if Arc::ptr_eq(&holder, &message) {
                taken.push(name);
            }
            headers.push(element_of(part)?);
        }
        let listed: Option<Vec<&str>> = body.and_then(|body| body.attr("parts")).map(|parts| parts.split_whitespace().collect());
        let in_body = |part: &&Arc<Element>| match (&listed, part.attr("name")) {
            (Some(listed), Some(name)) => listed.contains(&name),
            (None, Some(name)) => !taken.contains(&name),
            (_, None) => true,
        };
        let parts: Vec<_> = message.named(WSDL, "part").filter(in_body).collect();
        match parts.as_slice() {
            [] => Ok(Message { body: None, headers }),
            [part] => Ok(Message { body: Some(element_of(part)?), headers }),
            [_, second, ..] => Err(refuse(second, "a second part in one body", "WS-I allows one (R2201)")),
        }
    }

    fn message_of(&self, at: &Element) -> Result<Arc<Element>, Fault> {
        let name = at.attr("message").ok_or_else(|| at.fault("a `message` is missing here"))?;
        let name = at.qname(name)?;
        self.messages.get(&name).cloned().ok_or_else(|| at.fault(format!("the message `{name}` is not defined")))
    }

    fn fault(&self, fault: &Arc<Element>) -> Result<Part, Fault> {
        let message = self.message_of(fault)?;
        let part = message.named(WSDL, "part").next().ok_or_else(|| message.fault("the message of a fault needs a part"))?;
        element_of(part)
    }
}

fn element_of(part: &Arc<Element>) -> Result<Part, Fault> {
    match part.attr("element") {
        Some(name) => Ok(Part { element: part.qname(name)?, at: part.clone() }),
        None => Err(refuse(part, "a part given by `type` in document style", "WS-I wants `element` (R2204)")),
    }
}
