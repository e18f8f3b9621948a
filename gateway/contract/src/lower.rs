//! Schema Objects made into JSON Schema 2020-12, once, at load.
//!
//! OpenAPI 3.0 has a dialect of its own that no validator knows; from 3.1 on it is 2020-12, but for `readOnly` and
//! `writeOnly`. Only what some operation reaches is lowered, each target of a reference once, under a short name; what
//! constrains nothing is left out, so that it costs no memory.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::{Map, Value};

use crate::compile::Formats;
use crate::definitions::{Context, Definition, SchemaId};
use crate::discriminator::Discriminator;
use crate::ecma::{self, PatternFault};
use crate::formats;
use crate::keywords::{MANY, NAMED, ONE};
use crate::marks::{self, Marked, Marks};
use crate::names::Names;
use crate::parameter::Kinds;
use crate::source::{Source, child};
use crate::version::Version;

/// How deep schemas may nest without a reference between.
pub(crate) const DEEPEST: usize = 128;

/// Keywords that constrain, and are taken as they are.
pub(crate) const PLAIN: [&str; 21] = [
    "type",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "required",
    "dependentRequired",
    "format",
];

/// For which messages a schema is lowered: what is read-only is not required of a request, what is write-only not of an
/// answer (OpenAPI 3.0.3 §4.7.24.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Variant {
    Request,
    Answer,
}

impl Variant {
    /// The keyword that takes a member out of what this variant requires.
    pub(crate) fn flag(self) -> &'static str {
        match self {
            Self::Request => "readOnly",
            Self::Answer => "writeOnly",
        }
    }
}

/// The members of a value that need not be there, because something else that speaks of it marks them.
#[derive(Clone, Copy)]
struct Hidden<'h> {
    names: &'h BTreeSet<String>,
    /// Whether those are among them that the schema marks itself.
    is_all: bool,
}

/// What is being lowered.
pub(crate) struct Current {
    /// The definition, and the length of its pointer.
    pub(crate) id: SchemaId,
    pub(crate) length: usize,
    pub(crate) variant: Variant,
    pub(crate) is_condition: bool,
    /// Whether it is lowered for the first time: then its faults are told.
    is_first: bool,
}

/// Lowers schemas; what is asked for is queued, so that circles end.
pub(crate) struct Lowering<'s, 'a> {
    pub(crate) source: &'s Source<'a>,
    pub(crate) version: Version,
    /// The kinds of values that definitions allow, as far as they were asked for.
    pub(crate) kinds: RefCell<HashMap<(Variant, SchemaId), Kinds>>,
    formats: Formats,
    pub(crate) definitions: Vec<Definition>,
    /// The member names that schemas speak of.
    pub(crate) names: Names,
    pub(crate) ids: HashMap<(String, Context), SchemaId>,
    /// The places of which all faults were told.
    told: HashSet<String>,
    /// How many definitions hide something.
    pub(crate) hiding: usize,
    /// What was found of marks so far.
    marked: RefCell<Marked>,
    /// How many definitions are lowered.
    done: usize,
    /// Patterns as the engine reads them, by what the document writes.
    pub(crate) patterns: HashMap<String, Result<String, PatternFault>>,
    /// Whether the document marks any member at all.
    marks: bool,
    /// Whether some reference is decided only by the way that leads to it.
    pub(crate) has_dynamic_references: bool,
    /// Whether some body is XML: then schemas keep what they say of it.
    is_of_xml: bool,
    pub(crate) current: Current,
    pub(crate) refers: BTreeSet<SchemaId>,
    pub(crate) beside: Vec<SchemaId>,
}

impl<'s, 'a> Lowering<'s, 'a> {
    pub(crate) fn new(source: &'s Source<'a>, version: Version, formats: Formats, is_of_xml: bool) -> Self {
        Self {
            source,
            version,
            kinds: RefCell::default(),
            formats,
            definitions: Vec::new(),
            names: Names::default(),
            ids: HashMap::new(),
            told: HashSet::new(),
            hiding: 0,
            marked: RefCell::default(),
            done: 0,
            patterns: HashMap::new(),
            marks: source.documents().any(|(_, raw)| marks::any(raw)),
            has_dynamic_references: false,
            is_of_xml,
            current: Current { id: 0, length: 0, variant: Variant::Request, is_condition: false, is_first: true },
            refers: BTreeSet::new(),
            beside: Vec::new(),
        }
    }

    /// Asks for the schema at a pointer. One that is nothing but a reference is the schema that it leads to.
    pub(crate) fn root(&mut self, pointer: &str) -> Option<SchemaId> {
        let pointer = self.source.follow_schema(pointer)?;
        Some(self.name(pointer))
    }

    /// Lowers everything asked for, and everything that it refers to.
    pub(crate) fn run(&mut self) {
        while self.lower_next().is_some() {}
    }

    fn lower_next(&mut self) -> Option<&mut Definition> {
        let Definition { pointer, context, .. } = self.definitions.get(self.done)?;
        let (pointer, Context { is_condition, hidden }) = (pointer.clone(), context.clone());
        let raw = self.source.at(&pointer)?;
        let is_first = self.told.insert(pointer.clone());
        self.current = Current { id: self.done, length: pointer.len(), variant: Variant::Request, is_condition, is_first };
        let differs = self.marks && !is_condition && hidden.is_none();
        let (variant, hidden) = hidden.unwrap_or((Variant::Request, BTreeSet::new()));
        let request = self.lowered(variant, raw, &pointer, &hidden);
        let mut beside = std::mem::take(&mut self.beside);
        if self.current.is_first {
            self.check(&request, &pointer);
        }
        self.current.is_first = false;
        let answer = if differs { Some(self.lowered(Variant::Answer, raw, &pointer, &hidden)) } else { None };
        // What both refer to is looked at once.
        let mut of_answer = std::mem::take(&mut self.beside);
        of_answer.retain(|id| !beside.contains(id));
        beside.append(&mut of_answer);
        let definition = &mut self.definitions[self.done];
        definition.answer = answer.filter(|answer| *answer != request);
        definition.request = request;
        definition.refers = std::mem::take(&mut self.refers);
        definition.beside = beside;
        self.done += 1;
        Some(definition)
    }

    /// Lowers schemas that nothing asked for has led to, for the faults in them, and keeps nothing of them.
    pub(crate) fn check_others(mut self, pointers: Vec<String>) {
        // What is read-only or write-only makes no schema wrong.
        self.marks = false;
        for pointer in pointers {
            self.root(&pointer);
            while let Some(definition) = self.lower_next() {
                definition.request = Value::Null;
            }
        }
    }

    /// Whether a schema, or one that it refers to, differs between requests and answers.
    pub(crate) fn differing(&self) -> Vec<bool> {
        let mut differs: Vec<bool> = self.definitions.iter().map(|definition| definition.answer.is_some()).collect();
        loop {
            let reaches = |at: usize| self.definitions[at].refers.iter().any(|&id| differs[id]);
            let more: Vec<usize> = (0..differs.len()).filter(|&at| !differs[at] && reaches(at)).collect();
            if more.is_empty() {
                return differs;
            }
            for at in more {
                differs[at] = true;
            }
        }
    }

    fn lowered(&mut self, variant: Variant, raw: &Value, pointer: &str, hidden: &BTreeSet<String>) -> Value {
        self.current.variant = variant;
        self.schema(raw, pointer, Hidden { names: hidden, is_all: false }, 0)
    }

    /// Tells a fault once, although the schema is lowered twice and more.
    pub(crate) fn first_time(&self) -> bool {
        self.current.is_first
    }

    fn is_plain(&self) -> bool {
        self.definitions.get(self.current.id).is_some_and(|current| current.context == Context::default())
    }

    pub(crate) fn marks(&self) -> Marks<'_> {
        Marks::new(self.source, self.current.variant, self.version, &self.marked)
    }

    fn schema(&mut self, raw: &Value, at: &str, inherited: Hidden<'_>, depth: usize) -> Value {
        let Some(members) = raw.as_object() else { return raw.clone() };
        if depth > DEEPEST {
            self.source.error(at, format!("schemas nested deeper than {DEEPEST}"));
            return Value::Bool(false);
        }
        if self.version.is_of_2020_12() && self.first_time() {
            self.check_names(members, at);
        }
        // What is a resource of its own, or may stand for another schema, has a name of its own.
        let has_name = ["$id", "$dynamicAnchor"].iter().any(|name| members.contains_key(*name));
        if has_name && self.version.is_of_2020_12() && at.len() != self.current.length {
            let mut lowered = Map::new();
            let id = self.name(at.to_owned());
            self.refer(id, false, at, &mut lowered);
            return lowered.into();
        }
        let mut lowered = Map::new();
        let reference = members.get("$ref");
        let is_alone = reference.is_some() && !self.version.is_of_2020_12();
        let mut hidden = inherited.names.clone();
        // What says nothing of members hides none that what it refers to does not hide itself.
        let speaks = ["required", "properties", "allOf"].iter().any(|keyword| members.contains_key(*keyword));
        if self.marks && speaks && !inherited.is_all && !self.current.is_condition && !is_alone {
            hidden.extend(self.marks().found(raw, at).hidden.iter().cloned());
        }
        if let Some(reference) = reference {
            match reference.as_str() {
                Some(reference) => self.reference(reference, (at, !is_alone && members.len() > 1), &hidden, &mut lowered),
                None if self.first_time() => drop(self.source.reference(reference, at)),
                None => {}
            }
        }
        if is_alone {
            self.warn_of_siblings(members, at);
            return lowered.into();
        }
        for (keyword, value) in members {
            self.keyword(keyword, value, at, &hidden, depth, &mut lowered);
        }
        self.source.digits().put(at, &mut lowered);
        if !self.version.is_of_2020_12() {
            self.dialect_of_30(members, at, &mut lowered);
        }
        self.discriminator(raw, at);
        if self.first_time() {
            self.check_divisor(&lowered, at);
        }
        if self.formats == Formats::Assert {
            formats::bound_numbers(&mut lowered);
        }
        marks::require_less(&mut lowered, &hidden);
        lowered.into()
    }

    fn keyword(
        &mut self,
        keyword: &str,
        value: &Value,
        at: &str,
        hidden: &BTreeSet<String>,
        depth: usize,
        lowered: &mut Map<String, Value>,
    ) {
        let nothing = BTreeSet::new();
        let none = Hidden { names: &nothing, is_all: false };
        let here = || child(at, keyword);
        let made = match (keyword, value) {
            ("if" | "not", value) => {
                // Where nothing is marked, conditions are like all else.
                let around = std::mem::replace(&mut self.current.is_condition, self.marks);
                let made = self.schema(value, &here(), none, depth + 1);
                self.current.is_condition = around;
                made
            }
            (_, value) if ONE.contains(&keyword) => self.schema(value, &here(), none, depth + 1),
            (_, Value::Array(items)) if MANY.contains(&keyword) => {
                // What one branch of `allOf` marks read-only, another may require.
                let hidden = if keyword == "allOf" { Hidden { names: hidden, is_all: true } } else { none };
                let lower = |(n, item)| self.schema(item, &format!("{}/{n}", here()), hidden, depth + 1);
                items.iter().enumerate().map(lower).collect()
            }
            (_, Value::Object(members)) if NAMED.contains(&keyword) => {
                let mut named = Map::new();
                for (name, value) in members {
                    let at = child(&here(), name);
                    match keyword {
                        "patternProperties" => self.pattern(name, &at),
                        _ => self.names.insert(name),
                    }
                    named.insert(name.clone(), self.schema(value, &at, none, depth + 1));
                }
                named.into()
            }
            ("$dynamicRef", Value::String(reference)) if self.version.is_of_2020_12() => {
                self.dynamic_reference(reference, at, lowered);
                return;
            }
            // Of those that are the same but for where they are referred to, one is meant by the name.
            ("$dynamicAnchor", Value::String(_)) if self.version.is_of_2020_12() && self.is_plain() => value.clone(),
            ("$recursiveRef", _) if self.version.is_of_2020_12() => {
                self.source.error_with_hint(
                    &here(),
                    "`$recursiveRef` is of an older JSON Schema",
                    "2020-12 has `$dynamicRef` in its place",
                );
                return;
            }
            ("$schema", Value::String(dialect)) if self.version.is_of_2020_12() => {
                if !is_known_dialect(dialect) {
                    self.source.error(&here(), format!("the dialect `{dialect}` is not supported: schemas are JSON Schema 2020-12"));
                }
                return;
            }
            ("xml", Value::Object(_)) if self.is_of_xml => value.clone(),
            ("pattern", Value::String(pattern)) => {
                self.pattern(pattern, &here());
                value.clone()
            }
            ("required", Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).for_each(|name| self.names.insert(name));
                value.clone()
            }
            _ if PLAIN.contains(&keyword) || MANY.contains(&keyword) || NAMED.contains(&keyword) => value.clone(),
            _ => return,
        };
        lowered.insert(keyword.to_owned(), made);
    }

    fn discriminator(&mut self, raw: &Value, at: &str) {
        if self.first_time() {
            Discriminator::check(self.source, raw, at);
            self.check_xml(raw, at);
        }
        let Current { id, length: prefix, .. } = self.current;
        for keyword in ["oneOf", "anyOf"] {
            let alternatives = raw.get(keyword).and_then(Value::as_array);
            if let Some(discriminator) = alternatives.and_then(|alternatives| Discriminator::read(self.source, raw, at, alternatives)) {
                self.names.insert(&discriminator.property);
                let within = at.get(prefix..).unwrap_or_default();
                self.names.discriminators.insert(format!("/$defs/s{id}{within}/{keyword}"), discriminator);
            }
        }
    }

    fn pattern(&mut self, pattern: &str, at: &str) {
        if !self.patterns.contains_key(pattern) {
            let translated = ecma::usable(pattern);
            self.names.write_pattern(translated.as_deref().unwrap_or(pattern), pattern);
            self.patterns.insert(pattern.to_owned(), translated);
        }
        if let Some(Err(fault)) = self.patterns.get(pattern).filter(|_| self.first_time()) {
            self.source.error_with_hint(at, format!("the pattern `{pattern}` cannot be used: {fault}"), fault.hint());
        }
    }
}

/// Whether schemas of this dialect are read by the rules of 2020-12. OpenAPI dates its own (`…/oas/3.2/dialect/2025-09-17`); what it adds
/// are annotations, of which none constrains.
pub(crate) fn is_known_dialect(dialect: &str) -> bool {
    let dialect = dialect.trim_end_matches('#');
    let of_openapi = ["3.1", "3.2"]
        .iter()
        .find_map(|version| dialect.strip_prefix("https://spec.openapis.org/oas/")?.strip_prefix(version)?.strip_prefix("/dialect/"));
    let is_dated = |name: &str| name.len() == 10 && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    dialect == "https://json-schema.org/draft/2020-12/schema" || of_openapi.is_some_and(|name| name == "base" || is_dated(name))
}
