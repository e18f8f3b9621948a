//! What tells contracts apart.

use aws_lc_rs::digest::{Context, SHA256};
use serde_json::Value;

use crate::accept::Accept;
use crate::compile::{CompileOptions, Formats, Repeated, Unknown};
use crate::source::Source;

/// SHA-256 over the documents with their keys in order, and over what they were compiled with. References say which of them is which.
pub(crate) fn hash(source: &Source<'_>, options: &CompileOptions) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(b"contract 1\n");
    context.update(&[u8::from(options.unknown_query == Unknown::Refuse), u8::from(options.formats == Formats::Assert)]);
    if options.accept == Accept::Enforce {
        context.update(b"accept\n");
    }
    if options.repeated_query == Repeated::Allow {
        context.update(b"repeated\n");
    }
    feed(&mut context, source.root());
    for (pointer, text) in source.digits().all() {
        context.update(format!("{pointer} {text}\n").as_bytes());
    }
    let digest = |(_, raw)| {
        let mut context = Context::new(&SHA256);
        feed(&mut context, raw);
        context.finish().as_ref().to_vec()
    };
    let mut others: Vec<Vec<u8>> = source.documents().skip(1).map(digest).collect();
    others.sort_unstable();
    context.update(&others.concat());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

fn feed(context: &mut Context, value: &Value) {
    match value {
        Value::Array(items) => {
            context.update(b"[");
            for item in items {
                feed(context, item);
                context.update(b",");
            }
            context.update(b"]");
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            context.update(b"{");
            for (name, value) in sorted {
                context.update(Value::from(name.as_str()).to_string().as_bytes());
                context.update(b":");
                feed(context, value);
                context.update(b",");
            }
            context.update(b"}");
        }
        scalar => context.update(scalar.to_string().as_bytes()),
    }
}
