//! Lowered schemas made into validators.
//!
//! One validator has all schemas of a document that messages begin with, each as a property of an object that no message is: what many of them
//! refer to is compiled once, and time and memory grow with the document and not with its square.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Registry, Retrieve, ValidationError, ValidationOptions};
use serde_json::{Map, Value, json};

use crate::bounds::{Bounds, NUMBER};
use crate::circle::Circles;
use crate::compile::Formats;
use crate::definitions::SchemaId;
use crate::formats::FORMATS;
use crate::instance::{Arena, Instance, Under, Validator};
use crate::listed::{Allowed, CONST, ENUM};
use crate::lower::{Lowering, Variant};
use crate::merged::merged;
use crate::own::{Own, REQUIRED};
use crate::quick::{Builder, Quick, RulesId};
use crate::references::{local, uri};
use crate::required::Required;
use crate::resources::ResourceId;
use crate::source::Source;
use crate::text::{TEXT, Text};

/// A schema compiled.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Of all schemas, of which this one is a property.
    validator: Arc<Validator>,
    property: Box<str>,
    /// What tells without a reason whether a body is valid, where there is such.
    quick: Option<(Arc<Quick>, RulesId)>,
    /// See [`Circles::growth`].
    pub(crate) growth: u32,
    /// See [`Circles::ways`].
    pub(crate) ways: u64,
}

impl Schema {
    /// Whether a value is valid.
    pub(crate) fn is_valid(&self, value: Instance<'_>) -> bool {
        match (value, &self.quick) {
            (Instance::Value(node), Some((quick, rules))) => {
                let is_valid = quick.is_valid(*rules, node);
                debug_assert_eq!(is_valid, self.finds_valid(value), "both ways are the same");
                is_valid
            }
            _ => self.finds_valid(value),
        }
    }

    fn finds_valid(&self, value: Instance<'_>) -> bool {
        self.validator.is_valid(Instance::Under(&self.under(value)))
    }

    /// Tells the first things that are wrong with a value, at most so many; of a single one nothing more is looked for. Where they stand is
    /// asked with [`location`].
    pub(crate) fn each_error(&self, value: Instance<'_>, most: usize, mut tell: impl FnMut(&ValidationError<'_>)) {
        let under = self.under(value);
        match most {
            0 => {}
            1 => self.validator.validate(Instance::Under(&under)).err().iter().for_each(tell),
            _ => self.validator.iter_errors(Instance::Under(&under)).take(most).for_each(|error| tell(&error)),
        }
    }

    fn under<'v>(&'v self, value: Instance<'v>) -> Under<'v> {
        Under { name: &self.property, value }
    }
}

/// Where an error stands, as a JSON pointer into the value.
pub(crate) fn location<'e>(error: &'e ValidationError<'_>) -> &'e str {
    // The first token is that of the schema's own property.
    let path = error.instance_path().as_str();
    path.get(1..).and_then(|path| path.find('/')).map_or("", |at| &path[at + 1..])
}

type Compiled = HashMap<(Variant, SchemaId), Arc<Schema>>;

/// In how many ways one value may be held against a schema: beyond, a single one would take seconds.
const MOST_WAYS: u64 = 1 << 20;

/// Compiled schemas by name and variant.
pub(crate) struct Schemas(Compiled);

impl Schemas {
    /// Compiles a validator for each root. What cannot be compiled is a fault.
    pub(crate) fn compile(source: &Source<'_>, lowering: &Lowering<'_, '_>, roots: &[(Variant, SchemaId)], formats: Formats) -> Self {
        let mut validators = HashMap::new();
        // What is wrong in a schema was told with its place; a compiler would only repeat it with less.
        if source.has_errors() {
            return Self(validators);
        }
        let differs = lowering.differing();
        for variant in [Variant::Request, Variant::Answer] {
            // A schema that is the same for requests and answers has one validator.
            let apart = |id: SchemaId| variant == Variant::Request || differs[id];
            let wanted: Vec<SchemaId> =
                roots.iter().filter(|(of, id)| apart(*id) && (*of == variant || !differs[*id])).map(|(_, id)| *id).collect();
            compile(source, lowering, (variant, formats), &wanted, &mut validators);
        }
        let shared: Vec<_> = roots.iter().filter(|(of, id)| *of == Variant::Answer && !differs[*id]).collect();
        for &&(_, id) in &shared {
            if let Some(validator) = validators.get(&(Variant::Request, id)).cloned() {
                validators.insert((Variant::Answer, id), validator);
            }
        }
        Self(validators)
    }

    pub(crate) fn get(&self, variant: Variant, id: SchemaId) -> Option<Arc<Schema>> {
        self.0.get(&(variant, id)).cloned()
    }
}

fn compile(
    source: &Source<'_>,
    lowering: &Lowering<'_, '_>,
    (variant, formats): (Variant, Formats),
    wanted: &[SchemaId],
    validators: &mut Compiled,
) {
    if wanted.is_empty() {
        return;
    }
    let merged: Vec<Value> = (0..lowering.definitions.len()).map(|id| merged(lowering, variant, id)).collect();
    let plain = |schema: &Value| options(formats).build(schema).ok();
    let (quick, places) = Builder::build(&merged, &plain);
    let quick = Arc::new(quick);
    let mut documents: BTreeMap<ResourceId, Map<String, Value>> = BTreeMap::new();
    for ((id, definition), merged) in lowering.definitions.iter().enumerate().zip(merged) {
        documents.entry(definition.resource).or_default().insert(format!("s{id}"), merged);
    }
    let document = |definitions| json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": Value::Object(definitions)});
    let documents: Vec<(String, Value)> = documents.into_iter().map(|(resource, schemas)| (uri(resource), document(schemas))).collect();
    let added =
        documents.iter().try_fold(Registry::new().draft(Draft::Draft202012), |registry, (uri, document)| registry.add(uri, document));
    let prepared = added.and_then(jsonschema::RegistryBuilder::prepare);
    let registry = match prepared {
        Ok(registry) => registry,
        Err(error) => return source.error("", format!("the schemas cannot be compiled: {error}")),
    };
    let circles = Circles::of(&lowering.definitions);
    let told = |id: &SchemaId| {
        let is_bounded = circles.ways(*id) <= MOST_WAYS;
        if !is_bounded {
            let message = format!("one value may be held against the parts of this schema in more than {MOST_WAYS} ways");
            let hint = "branches that refer to the same schemas multiply: write them once";
            source.error_with_hint(&lowering.definitions[*id].pointer, message, hint);
        }
        is_bounded
    };
    let wanted: BTreeSet<SchemaId> = wanted.iter().copied().collect();
    let wanted: Vec<SchemaId> = wanted.into_iter().filter(told).collect();
    // What a dynamic reference leads to depends on where one comes from, and what is compiled once would come from one place only.
    let at_once = if lowering.has_dynamic_references { 1 } else { wanted.len().max(1) };
    let build = |schemas: &[SchemaId]| {
        let reference =
            |&id: &SchemaId| (property(id), json!({"$ref": format!("{}{}", uri(lowering.definitions[id].resource), local(id))}));
        let properties: Map<String, Value> = schemas.iter().map(reference).collect();
        options(formats).with_registry(&registry).build(&json!({"properties": properties})).map(Arc::new)
    };
    for schemas in wanted.chunks(at_once) {
        let Ok(validator) = build(schemas) else {
            for (id, error) in schemas.iter().filter_map(|id| Some((*id, build(&[*id]).err()?))) {
                source.error(&lowering.definitions[id].pointer, format!("this schema cannot be compiled: {error}"));
            }
            continue;
        };
        for &id in schemas {
            let schema = Schema {
                validator: validator.clone(),
                property: property(id).into(),
                quick: places[id].map(|rules| (quick.clone(), rules)),
                growth: circles.growth(id),
                ways: circles.ways(id),
            };
            validators.insert((variant, id), Arc::new(schema));
        }
    }
}

/// The property that a schema is of what a validator takes.
fn property(id: SchemaId) -> String {
    format!("s{id}")
}

/// How all validators read schemas.
pub(crate) fn options<'o>(formats: Formats) -> ValidationOptions<'o, Arc<dyn Retrieve>, Arena> {
    let options = jsonschema::options_for::<Arena>()
        .with_draft(Draft::Draft202012)
        .offline()
        .with_pattern_options(PatternOptions::regex())
        .with_keyword(TEXT, |_, merged, _| Ok(Box::new(Own(Text::read(merged)))))
        .with_keyword(NUMBER, |_, merged, _| Ok(Box::new(Own(Bounds::read(merged)))))
        .with_keyword(ENUM, |schema, values, _| Ok(Box::new(Own(Allowed::of_enum(schema, values)))))
        .with_keyword(CONST, |schema, value, _| Ok(Box::new(Own(Allowed::of_const(schema, value)))))
        .with_keyword(REQUIRED, |_, names, _| Ok(Box::new(Own(Required::read(names)))))
        .should_validate_formats(formats == Formats::Assert);
    FORMATS.into_iter().fold(options, |options, (name, has)| options.with_format(name, has))
}
