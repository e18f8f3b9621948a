//! Tables of nodes made of lowered schemas, once, at load.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{Array, Beside, Member, Object, Others, Quick, Rules, RulesId, Types};
use crate::bounds::{Bounds, NUMBER};
use crate::definitions::SchemaId;
use crate::digits::DIGITS;
use crate::instance::Validator;
use crate::listed::{CONST, ENUM, Listed};
use crate::references::named;
use crate::text::{TEXT, Text};

/// Keywords that say something of one value by itself: the validator looks at them.
const OF_ONE: [&str; 4] = ["format", "pattern", "uniqueItems", "dependentRequired"];
/// Keywords that say something of what is in a value.
const OF_OBJECTS: [&str; 5] = ["properties", "required", "additionalProperties", "minProperties", "maxProperties"];
const OF_ARRAYS: [&str; 4] = ["items", "prefixItems", "minItems", "maxItems"];
/// Keywords that say nothing by themselves.
const SILENT: [&str; 7] = ["$schema", "$dynamicAnchor", "then", "else", "minContains", "maxContains", DIGITS];

/// From this many on, members are looked up by a table.
const MANY: usize = 16;
/// As many as there are bits.
const MOST_REQUIRED: usize = 64;
/// How many nodes one value, and one in each that is in it, may come by.
const MOST_VISITS: u64 = 1024;

/// Makes a table.
pub(crate) struct Builder<'b> {
    /// The lowered schemas as they are compiled.
    definitions: &'b [Value],
    /// Makes a validator of the keywords of one value.
    compile: &'b dyn Fn(&Value) -> Option<Validator>,
    nodes: Vec<Node>,
    compiled: HashMap<String, Option<Arc<Validator>>>,
}

/// A keyword is of a kind that is not looked at here.
struct NotQuick;

/// A node, while its neighbours may not be known to be usable.
struct Node {
    /// `None` where a keyword is of a kind that is not looked at here.
    rules: Option<Rules>,
    /// The nodes that it leads to: of the same value, and of what is in it.
    beside: Vec<RulesId>,
    within: Vec<RulesId>,
}

impl<'b> Builder<'b> {
    /// A table of these schemas, and their places in it; `None` for those that have none.
    pub(crate) fn build(definitions: &'b [Value], compile: &'b dyn Fn(&Value) -> Option<Validator>) -> (Quick, Vec<Option<RulesId>>) {
        let mut builder = Self { definitions, compile, nodes: Vec::new(), compiled: HashMap::new() };
        // Each has its own number, so that references are known before what they lead to.
        builder.nodes.resize_with(definitions.len(), || Node { rules: None, beside: Vec::new(), within: Vec::new() });
        for (id, schema) in definitions.iter().enumerate() {
            builder.nodes[id] = builder.read(schema);
        }
        builder.finish()
    }

    /// Leaves out what leads to nodes without rules, in circles, or to some nodes in too many ways.
    fn finish(self) -> (Quick, Vec<Option<RulesId>>) {
        let mut cost: Vec<Option<u64>> = vec![None; self.nodes.len()];
        for at in self.leaves_first() {
            let node = &self.nodes[at];
            let of = |to: &RulesId| cost[*to as usize];
            let beside = node.beside.iter().map(of).try_fold(1_u64, |sum, cost| sum.checked_add(cost?));
            let within = node.within.iter().map(of).try_fold(0_u64, |most, cost| Some(most.max(cost?)));
            let all = beside.zip(within).and_then(|(beside, within)| beside.checked_add(within));
            cost[at] = all.filter(|all| *all <= MOST_VISITS && node.rules.is_some());
        }
        let places = (0..self.definitions.len()).map(|id| cost[id].map(|_| id as RulesId)).collect();
        let kept =
            self.nodes.into_iter().zip(cost).map(|(node, cost)| node.rules.filter(|_| cost.is_some()).unwrap_or_else(Rules::nothing));
        (Quick(kept.collect()), places)
    }

    /// The nodes that are in no circle and lead to none, each after those that it leads to.
    fn leaves_first(&self) -> Vec<usize> {
        let mut left: Vec<usize> = self.nodes.iter().map(|node| node.beside.len() + node.within.len()).collect();
        let mut led_from: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (at, node) in self.nodes.iter().enumerate() {
            for to in node.beside.iter().chain(&node.within) {
                led_from[*to as usize].push(at);
            }
        }
        let mut order: Vec<usize> = (0..left.len()).filter(|at| left[*at] == 0).collect();
        let mut next = 0;
        while let Some(at) = order.get(next).copied() {
            next += 1;
            for from in std::mem::take(&mut led_from[at]) {
                left[from] -= 1;
                if left[from] == 0 {
                    order.push(from);
                }
            }
        }
        order
    }

    fn add(&mut self, schema: &Value) -> RulesId {
        if let Some(id) = only_reference(schema) {
            return id as RulesId;
        }
        let node = self.read(schema);
        self.nodes.push(node);
        (self.nodes.len() - 1) as RulesId
    }

    fn read(&mut self, schema: &Value) -> Node {
        let (mut beside, mut within) = (Vec::new(), Vec::new());
        let rules = match schema {
            Value::Bool(true) => Some(Rules::nothing()),
            Value::Bool(false) => Some(Rules { types: Types::NONE, ..Rules::nothing() }),
            Value::Object(keywords) => self.rules(keywords, &mut beside, &mut within).ok(),
            _ => None,
        };
        Node { rules, beside, within }
    }

    fn rules(&mut self, keywords: &Map<String, Value>, beside: &mut Vec<RulesId>, within: &mut Vec<RulesId>) -> Result<Rules, NotQuick> {
        let mut rules = Rules::nothing();
        let mut rest = Map::new();
        let mut is_beside = Vec::new();
        for (keyword, value) in keywords {
            match (keyword.as_str(), value) {
                ("type", value) => rules.types = types(value).ok_or(NotQuick)?,
                (NUMBER, bounds) => rules.bounds = Some(Bounds::read(bounds)),
                (TEXT, text) => rules.text = Some(Text::read(text)),
                (ENUM, values) => rules.listed.push(Listed::of_enum(values, keywords.get(DIGITS))),
                (CONST, value) => rules.listed.push(Listed::of_const(value, keywords.get(DIGITS))),
                // Read below, those that belong together at once.
                (name, _) if OF_OBJECTS.contains(&name) || OF_ARRAYS.contains(&name) => {}
                ("$ref", Value::String(reference)) => is_beside.push(Beside::All(named(reference).ok_or(NotQuick)? as RulesId)),
                ("allOf", Value::Array(schemas)) => is_beside.extend(schemas.iter().map(|schema| Beside::All(self.add(schema)))),
                ("anyOf", Value::Array(schemas)) => is_beside.push(Beside::Any(schemas.iter().map(|schema| self.add(schema)).collect())),
                ("oneOf", Value::Array(schemas)) => is_beside.push(Beside::One(schemas.iter().map(|schema| self.add(schema)).collect())),
                ("not", schema) => is_beside.push(Beside::Not(self.add(schema))),
                ("if", schema) => {
                    let mut branch = |name: &str| keywords.get(name).map(|schema| self.add(schema));
                    let (then, otherwise) = (branch("then"), branch("else"));
                    is_beside.push(Beside::If { asked: self.add(schema), then, otherwise });
                }
                (name, _) if SILENT.contains(&name) => {}
                (name, value) if OF_ONE.contains(&name) => {
                    rest.insert(name.to_owned(), value.clone());
                }
                _ => return Err(NotQuick),
            }
        }
        if rules.text.as_ref().is_some_and(Text::is_only) {
            rules.types = Types::STRING;
        }
        rules.object = self.object(keywords, within)?;
        rules.array = self.array(keywords, within)?;
        rules.rest = if rest.is_empty() { None } else { Some(self.compiled(rest)?) };
        beside.extend(is_beside.iter().flat_map(Beside::leads_to));
        rules.beside = is_beside.into();
        Ok(rules)
    }

    fn compiled(&mut self, keywords: Map<String, Value>) -> Result<Arc<Validator>, NotQuick> {
        let schema = Value::Object(keywords);
        let compile = self.compile;
        self.compiled.entry(schema.to_string()).or_insert_with(|| compile(&schema).map(Arc::new)).clone().ok_or(NotQuick)
    }

    fn object(&mut self, keywords: &Map<String, Value>, within: &mut Vec<RulesId>) -> Result<Option<Box<Object>>, NotQuick> {
        if !OF_OBJECTS.iter().any(|name| keywords.contains_key(*name)) {
            return Ok(None);
        }
        let mut members: Vec<Member> = Vec::new();
        for (name, schema) in keywords.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let rules = self.add(schema);
            within.push(rules);
            members.push(Member { name: name.as_bytes().into(), rules: Some(rules), bit: 0 });
        }
        let mut required = 0_u64;
        for (at, name) in keywords.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).enumerate() {
            if at >= MOST_REQUIRED {
                return Err(NotQuick);
            }
            let place = members.iter().position(|member| *member.name == *name.as_bytes()).unwrap_or_else(|| {
                members.push(Member { name: name.as_bytes().into(), rules: None, bit: 0 });
                members.len() - 1
            });
            // A name may be listed twice.
            if members[place].bit == 0 {
                members[place].bit = 1 << at;
                required |= 1 << at;
            }
        }
        let others = match keywords.get("additionalProperties") {
            None | Some(Value::Bool(true)) => Others::Any,
            Some(Value::Bool(false)) => Others::Never,
            Some(schema) => {
                let rules = self.add(schema);
                within.push(rules);
                Others::Are(rules)
            }
        };
        let by_name = members.iter().enumerate().map(|(at, member)| (member.name.clone(), at as u32));
        let by_name = if members.len() > MANY { Some(by_name.collect()) } else { None };
        let (least, most) = limits(keywords, "minProperties", "maxProperties")?;
        Ok(Some(Box::new(Object { members: members.into(), by_name, required, others, least, most })))
    }

    fn array(&mut self, keywords: &Map<String, Value>, within: &mut Vec<RulesId>) -> Result<Option<Box<Array>>, NotQuick> {
        if !OF_ARRAYS.iter().any(|name| keywords.contains_key(*name)) {
            return Ok(None);
        }
        let first: Vec<RulesId> =
            keywords.get("prefixItems").and_then(Value::as_array).into_iter().flatten().map(|schema| self.add(schema)).collect();
        let rest = keywords.get("items").map(|schema| self.add(schema));
        within.extend(first.iter().chain(&rest));
        let (least, most) = limits(keywords, "minItems", "maxItems")?;
        Ok(Some(Box::new(Array { first: first.into(), rest, least, most })))
    }
}

impl Rules {
    fn nothing() -> Self {
        Self {
            types: Types::ALL,
            text: None,
            listed: Vec::new(),
            bounds: None,
            object: None,
            array: None,
            beside: Box::default(),
            rest: None,
        }
    }
}

impl Beside {
    fn leads_to(&self) -> Vec<RulesId> {
        match self {
            Self::All(rules) | Self::Not(rules) => vec![*rules],
            Self::Any(list) | Self::One(list) => list.to_vec(),
            Self::If { asked, then, otherwise } => [Some(*asked), *then, *otherwise].into_iter().flatten().collect(),
        }
    }
}

/// The definition that a schema is nothing but a reference to.
fn only_reference(schema: &Value) -> Option<SchemaId> {
    let keywords = schema.as_object().filter(|keywords| keywords.len() == 1)?;
    named(keywords.get("$ref")?.as_str()?)
}

fn types(value: &Value) -> Option<Types> {
    let of = |name: &Value| {
        Some(match name.as_str()? {
            "null" => Types::NULL,
            "boolean" => Types::BOOL,
            "integer" => Types::INTEGER,
            "number" => Types::NUMBER,
            "string" => Types::STRING,
            "array" => Types::ARRAY,
            "object" => Types::OBJECT,
            _ => return None,
        })
    };
    match value {
        Value::Array(names) => names.iter().try_fold(Types::NONE, |types, name| Some(types.or(of(name)?))),
        name => of(name),
    }
}

/// How many members or items there may be. Bounds that are no plain numbers are left to the validator.
fn limits(keywords: &Map<String, Value>, least: &str, most: &str) -> Result<(usize, usize), NotQuick> {
    let read = |name: &str, unsaid: usize| keywords.get(name).map_or(Some(unsaid), |value| usize::try_from(value.as_u64()?).ok());
    read(least, 0).zip(read(most, usize::MAX)).ok_or(NotQuick)
}
