//! The contract of an e-service: its document, the options that it is compiled with, and what becomes of answers that break it.

use std::path::{Path, PathBuf};

use contract::{Accept, AnswerMode, AnswerModes, CompileOptions, Contract, Documents, Formats, Repeated, Unknown};
use document::{Fault, Library, Section, Tree, file_uri};

use super::eservice::StatusMode;
use super::files;

/// A document, and whatever it refers to that the library has or that lies beside it.
pub fn documents(path: &Path, library: Library) -> Result<Documents, Fault> {
    let tree = Tree::read(path)?;
    let library = library.with_folder(path.parent().unwrap_or(Path::new("")));
    Ok(Documents::read(tree, &file_uri(path), &|uri| library.read(uri)))
}

/// The contract, and the files that it was compiled from.
pub(super) fn compile(section: &Section<'_>, status: StatusMode, library: &Library) -> Option<(Contract, Vec<PathBuf>)> {
    // Every key is read before anything can fail: one that is not would be called unknown.
    let options = options(section, status);
    let path = section.existing("contract", files::resolve(section, section.required_text("contract")?))?;
    let documents = documents(&path, library.clone());
    let documents = section.faults().borrow_mut().keep(documents)?;
    let contract = Contract::compile(&documents, &options, section.faults())?;
    Some((contract, documents.files().map(PathBuf::from).collect()))
}

fn options(section: &Section<'_>, status: StatusMode) -> CompileOptions {
    CompileOptions {
        unknown_query: section.choice("unknown_query", &[("refuse", Unknown::Refuse), ("allow", Unknown::Allow)]).unwrap_or_default(),
        repeated_query: section.choice("repeated_query", &[("refuse", Repeated::Refuse), ("allow", Repeated::Allow)]).unwrap_or_default(),
        formats: section.choice("formats", &[("assert", Formats::Assert), ("ignore", Formats::Ignore)]).unwrap_or_default(),
        accept: section.choice("accept", &[("ignore", Accept::Ignore), ("enforce", Accept::Enforce)]).unwrap_or_default(),
        tell_values: section.flag("tell_values").unwrap_or(false),
        status: status == StatusMode::Served,
        ..CompileOptions::default()
    }
}

/// Callers who follow the document have to find what it describes.
pub(super) fn compare_paths(section: &Section<'_>, contract: &Contract, base_path: &str) {
    let paths = contract.base_paths();
    if !paths.is_empty() && !paths.iter().any(|path| path == base_path) {
        let told: Vec<String> = paths.iter().map(|path| format!("`{path}/`")).collect();
        let message =
            format!("the document says that its operations are under {}, and they are served under `{base_path}/`", told.join(", "));
        let hint = "mend the document's `servers`, or `base_path`";
        section.report(Fault::warning(section.place("base_path"), message).hint(hint));
    }
}

/// What becomes of answers: one word, or one for each status.
pub(super) fn answers(section: &Section<'_>, usual: AnswerMode) -> AnswerModes {
    const MODES: [(&str, AnswerMode); 3] = [("enforce", AnswerMode::Enforce), ("report", AnswerMode::Report), ("off", AnswerMode::Off)];
    if section.node("answers").is_none_or(|node| node.pairs().is_empty()) {
        return AnswerModes::all(section.choice("answers", &MODES).unwrap_or(usual));
    }
    let mut modes = AnswerModes::all(usual);
    for (status, word, place) in section.named_texts("answers") {
        match MODES.iter().find(|(known, _)| *known == word) {
            Some((_, mode)) if modes.set(&status.text, *mode) => {}
            Some(_) => {
                let fault = Fault::error(place, format!("`{}` is no status", status.text));
                section.report(fault.hint("write `404`, `4XX` or `default`"));
            }
            None => {
                let fault = Fault::error(place, format!("`{word}` is nothing that can become of answers"));
                section.report(fault.hint("write `enforce`, `report` or `off`"));
            }
        }
    }
    modes
}
