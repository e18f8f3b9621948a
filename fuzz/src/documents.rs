//! A document with those that it leads to, as somebody else wrote them: each reference is followed or is a fault, however they lead round.

use std::cell::RefCell;

use adapter_api::document::{Faults, Tree, Unread};
use contract::{CompileOptions, Contract, Documents};

/// What stands before the name of each document but the first.
const BETWEEN: &str = "\n%%% ";

/// The input is documents: the first, and then each after a line with its name.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut texts = text.split(BETWEEN);
    let Ok(first) = Tree::parse("api.yaml", texts.next().unwrap_or_default()) else { return };
    let others: Vec<(&str, &str)> = texts.filter_map(|text| text.split_once('\n')).collect();
    let read = |uri: &str| {
        let name = uri.strip_prefix("fuzz:///").unwrap_or(uri);
        let unread = |message: &str| Unread { message: message.into(), hint: String::new() };
        let (_, text) = others.iter().find(|(known, _)| *known == name).ok_or_else(|| unread("leads nowhere"))?;
        Tree::parse(name, text).map_err(|_| unread("leads to no document"))
    };
    let documents = Documents::read(first, "fuzz:///api.yaml", &read);
    let faults = RefCell::new(Faults::new());
    let contract = Contract::compile(&documents, &CompileOptions::default(), &faults);
    assert_eq!(contract.is_none(), faults.borrow().has_errors(), "a document is refused for its faults");
    let _ = contract::lint(&documents);
}
