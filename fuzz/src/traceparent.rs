//! The trace context that a caller sends.

use exchange::TraceContext;

/// The input is the value of a `traceparent` header.
pub fn run(data: &[u8]) {
    let Ok(header) = std::str::from_utf8(data) else { return };
    let Some(context) = TraceContext::parse(header) else { return };
    let written = context.to_string();
    assert_eq!(TraceContext::parse(&written), Some(context), "what is passed on is another context");
    assert_eq!(written[2..], header[2..55], "trace, span or flags were changed");
}
