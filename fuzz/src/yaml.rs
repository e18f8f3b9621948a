//! The reader of configurations, mappings and OpenAPI documents: nothing a file holds may do more than be refused.

use adapter_api::document::{Node, Tree};
use bytes::Bytes;
use exchange::{Json, JsonLimits};

/// The input is the text of a file.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let tree = match Tree::parse("varco.yaml", text) {
        Ok(tree) => tree,
        Err(fault) => return assert!(!fault.to_string().is_empty()),
    };
    let lines = text.bytes().filter(|&byte| matches!(byte, b'\n' | b'\r')).count() as u32 + 1;
    check_places(&tree.root, lines);
    let value = tree.root.to_json();
    assert_eq!(tree.root.pointer("").map(Node::to_json), Some(value.clone()));
    _ = tree.locate("/a/0/b~1c");
    // YAML 1.2 takes JSON as it is. It knows no surrogate pairs, and a number that serde cannot hold stays a text.
    let json = Json::read(Bytes::copy_from_slice(data), &JsonLimits::default());
    if let Ok(json) = json
        && !text.contains("\\u")
        && !text.contains(['e', 'E'])
    {
        assert_eq!(value, json.root().to_value(), "one text, two values");
    }
}

/// Every value stands in a line of the text; a value named by an alias, where it was written first.
fn check_places(node: &Node, lines: u32) {
    assert!((1..=lines).contains(&node.position.line) && node.position.column > 0, "{:?} of {lines} lines", node.position);
    let members = node.pairs().iter().map(|(_, member)| member);
    for child in members.chain(node.items()) {
        check_places(child, lines);
    }
}
