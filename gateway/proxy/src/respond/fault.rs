//! A problem as a SOAP fault (SOAP 1.1 §4.4, SOAP 1.2 part 1 §5.4).
//!
//! A 4xx is the sender's fault, a 5xx the receiver's. The detail holds the problem as an element of `urn:ietf:rfc:7807`
//! (RFC 9457 appendix B), so that a generic client can read it.

use exchange::Problem;

pub(super) fn soap11(problem: &Problem, base: &str, instance: &str) -> Vec<u8> {
    let code = if problem.status < 500 { "Client" } else { "Server" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
         <faultcode>soap:{code}</faultcode><faultstring xml:lang=\"en\">{}</faultstring>\
         <detail>{}</detail></soap:Fault></soap:Body></soap:Envelope>",
        escape(&problem.title),
        detail(problem, base, instance),
    )
    .into_bytes()
}

pub(super) fn soap12(problem: &Problem, base: &str, instance: &str) -> Vec<u8> {
    let code = if problem.status < 500 { "Sender" } else { "Receiver" };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soap:Envelope xmlns:soap=\"http://www.w3.org/2003/05/soap-envelope\"><soap:Body><soap:Fault>\
         <soap:Code><soap:Value>soap:{code}</soap:Value></soap:Code>\
         <soap:Reason><soap:Text xml:lang=\"en\">{}</soap:Text></soap:Reason>\
         <soap:Detail>{}</soap:Detail></soap:Fault></soap:Body></soap:Envelope>",
        escape(&problem.title),
        detail(problem, base, instance),
    )
    .into_bytes()
}

fn detail(problem: &Problem, base: &str, instance: &str) -> String {
    let mut xml = format!(
        "<problem xmlns=\"urn:ietf:rfc:7807\"><type>{}</type><title>{}</title><status>{}</status>",
        escape(&format!("{base}{}", problem.kind)),
        escape(&problem.title),
        problem.status,
    );
    if let Some(text) = &problem.detail {
        xml += &format!("<detail>{}</detail>", escape(text));
    }
    xml + &format!("<instance>{}</instance></problem>", escape(instance))
}

/// Escapes text for XML; what XML 1.0 cannot hold becomes U+FFFD, because a fault must always be readable.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'.. => out.push(letter),
            _ => out.push('\u{fffd}'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_faults_of_both_versions() {
        let problem = Problem::new(404, "no-operation", "no operation <here>").detail("a & b");
        let detail = "<problem xmlns=\"urn:ietf:rfc:7807\"><type>urn:x:no-operation</type><title>no operation &lt;here&gt;</title>\
                      <status>404</status><detail>a &amp; b</detail><instance>urn:uuid:1</instance></problem>";
        let one = String::from_utf8(soap11(&problem, "urn:x:", "urn:uuid:1")).expect("UTF-8");
        assert!(one.contains("<faultcode>soap:Client</faultcode>") && one.contains(detail), "{one}");
        let two = String::from_utf8(soap12(&Problem { status: 503, ..problem }, "urn:x:", "urn:uuid:1")).expect("UTF-8");
        assert!(two.contains("<soap:Value>soap:Receiver</soap:Value>"), "{two}");
    }
}
