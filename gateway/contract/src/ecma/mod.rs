//! Patterns as the engine reads them: what JSON Schema has are regular expressions of ECMA-262 with the flag `u`, and the engine has its own
//! syntax.
//!
//! Both read most patterns alike, and some otherwise: `\d` is ASCII in the one and any digit in the other, `.` leaves out other line ends,
//! `\A` and `(?i)` mean something to one only. Here each part is read as ECMA-262 has it and written so that nothing is left to be read
//! otherwise: no class in a class, no short names of classes, no group with a name. What is an error with the flag `u` and has one meaning
//! without it (ECMA-262 Annex B.1.2) is taken. What no engine can match in linear time is a fault.

use std::fmt::Write as _;

use jsonschema::PatternOptions;
use serde_json::json;

use self::class::{Class, DIGITS, Item, LAST, LINE_ENDS, Range, SPACES, WORD, others};

pub(crate) use self::fault::PatternFault;

mod class;
mod fault;

/// A pattern in the engine's syntax.
pub(crate) fn translate(pattern: &str) -> Result<String, PatternFault> {
    Reader { rest: pattern, written: String::new(), open: 0, repeats: false, has_inner: false }.read()
}

/// A pattern in the engine's syntax, of which the engine can make what it needs.
pub(crate) fn usable(pattern: &str) -> Result<String, PatternFault> {
    let translated = translate(pattern)?;
    let options = jsonschema::options().offline().with_pattern_options(PatternOptions::regex());
    options.build(&json!({ "pattern": translated })).map_err(|_| PatternFault::TooLarge)?;
    Ok(translated)
}

/// Reads a pattern from its beginning to its end, and never goes back.
struct Reader<'p> {
    rest: &'p str,
    written: String,
    /// Groups that are open.
    open: usize,
    /// Whether what was read last may be repeated.
    repeats: bool,
    /// Whether a class had a bracket in it, as classes do that are meant to have a class in them.
    has_inner: bool,
}

impl<'p> Reader<'p> {
    fn read(mut self) -> Result<String, PatternFault> {
        while let Some(symbol) = self.next() {
            self.repeats = match symbol {
                '(' => self.group()?,
                ')' => self.end_of_group()?,
                '[' => self.class()?,
                ']' if self.has_inner => return Err(PatternFault::ClassInClass),
                '\\' => self.escape()?,
                '.' => self.one_of(&Class { negated: true, ranges: LINE_ENDS.into(), ..Class::default() }),
                '*' | '+' | '?' => self.repetition(symbol.to_string())?,
                '{' => self.brace()?,
                '|' | '^' | '$' => {
                    self.written.push(symbol);
                    false
                }
                _ => self.character(symbol.into()),
            };
        }
        if self.open == 0 { Ok(self.written) } else { Err(PatternFault::Unclosed("a group")) }
    }

    fn next(&mut self) -> Option<char> {
        let symbol = self.rest.chars().next()?;
        self.rest = &self.rest[symbol.len_utf8()..];
        Some(symbol)
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// What stands before an end, which is read as well.
    fn until(&mut self, end: char) -> Option<&'p str> {
        let (text, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(text)
    }

    fn group(&mut self) -> Result<bool, PatternFault> {
        let begins = self.rest;
        if self.eat("?:") {
            self.written.push_str("(?:");
        } else if ["?=", "?!", "?<=", "?<!"].iter().any(|look| begins.starts_with(look)) {
            return Err(PatternFault::LooksAround);
        } else if self.eat("?<") {
            // Nothing asks for what it matched: its name is left out, and with it what names may be made of.
            let name = self.until('>').filter(|name| is_name(name));
            name.ok_or_else(|| PatternFault::Group("(?<".into()))?;
            self.written.push('(');
        } else if begins.starts_with('?') {
            return Err(PatternFault::Group(format!("({}", begins.chars().take(2).collect::<String>())));
        } else {
            self.written.push('(');
        }
        self.open += 1;
        Ok(false)
    }

    fn end_of_group(&mut self) -> Result<bool, PatternFault> {
        self.open = self.open.checked_sub(1).ok_or(PatternFault::Unclosed("a group"))?;
        self.written.push(')');
        Ok(true)
    }

    /// Whether as little as possible is taken changes nothing of whether there is a match: that is left out.
    fn repetition(&mut self, times: String) -> Result<bool, PatternFault> {
        if !self.repeats {
            return Err(PatternFault::Repeats(times));
        }
        self.written.push_str(&times);
        self.eat("?");
        Ok(false)
    }

    /// A brace that begins nothing like bounds is one (Annex B.1.2).
    fn brace(&mut self) -> Result<bool, PatternFault> {
        let is_bound = |symbol: char| symbol.is_ascii_digit() || symbol == ',';
        if !self.rest.starts_with(is_bound) {
            return Ok(self.character('{'.into()));
        }
        let part = &self.rest[..self.rest.find('}').map_or(self.rest.len(), |end| end + 1)];
        let fault = || PatternFault::Bounds(format!("{{{part}"));
        let text = self.until('}').ok_or_else(fault)?;
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
            if is_number { text.parse::<u32>().map_err(|_| PatternFault::TooLarge) } else { Err(fault()) }
        };
        let times = match text.split_once(',') {
            None => format!("{{{}}}", number(text)?),
            Some((least, "")) => format!("{{{},}}", number(least)?),
            Some((least, most)) if number(least)? <= number(most)? => format!("{{{},{}}}", number(least)?, number(most)?),
            Some(_) => return Err(fault()),
        };
        self.repetition(times)
    }

    fn escape(&mut self) -> Result<bool, PatternFault> {
        let symbol = self.next().ok_or(PatternFault::Unclosed("an escape"))?;
        match symbol {
            // Words are of ASCII. A boundary has no width, so that there is nothing to repeat.
            'b' | 'B' => {
                write!(self.written, "(?-u:\\{symbol})").expect("a text grows");
                Ok(false)
            }
            'k' | '1'..='9' => Err(PatternFault::RefersBack),
            _ => Ok(match self.escaped(symbol)? {
                Item::Character(character) => self.character(character),
                Item::Set(ranges) => self.one_of(&Class { ranges, ..Class::default() }),
                Item::Property(property) => {
                    self.written.push_str(&property);
                    true
                }
            }),
        }
    }

    /// What an escape means both in classes and outside; its backslash and first symbol were read.
    fn escaped(&mut self, symbol: char) -> Result<Item, PatternFault> {
        let set = |ranges: &[Range], negated: bool| Item::Set(if negated { others(ranges) } else { ranges.to_vec() });
        let begins = self.rest;
        Ok(match symbol {
            'd' | 'D' => set(&DIGITS, symbol == 'D'),
            'w' | 'W' => set(&WORD, symbol == 'W'),
            's' | 'S' => set(&SPACES, symbol == 'S'),
            'p' | 'P' => Item::Property(self.property(symbol)?),
            'f' => Item::Character(0xc),
            'n' => Item::Character(0xa),
            'r' => Item::Character(0xd),
            't' => Item::Character(0x9),
            'v' => Item::Character(0xb),
            '0' if !begins.starts_with(|next: char| next.is_ascii_digit()) => Item::Character(0),
            'c' => {
                let letter = self.next().filter(char::is_ascii_alphabetic).ok_or_else(|| PatternFault::Escape("\\c".into()))?;
                Item::Character(u32::from(letter) % 32)
            }
            'x' => Item::Character(self.digits(2).ok_or_else(|| PatternFault::Escape("\\x".into()))?),
            'u' => Item::Character(self.code_point().ok_or_else(|| PatternFault::Escape("\\u".into()))?),
            // With the flag `u` only what means something else is escaped; without it anything that would mean nothing.
            _ if !symbol.is_ascii_alphanumeric() => Item::Character(symbol.into()),
            _ => return Err(PatternFault::Escape(format!("\\{symbol}"))),
        })
    }

    /// So many hexadecimal digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let digits = self.rest.get(..count).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        self.rest = &self.rest[count..];
        u32::from_str_radix(digits, 16).ok()
    }

    /// What follows `\u`: four digits, two times four that are a surrogate pair, or any in braces.
    fn code_point(&mut self) -> Option<u32> {
        if self.eat("{") {
            let digits = self.until('}').filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
            return u32::from_str_radix(digits, 16).ok().filter(|number| *number <= LAST);
        }
        let first = self.digits(4)?;
        let rest = self.rest;
        if (0xd800..0xdc00).contains(&first) && self.eat("\\u") {
            match self.digits(4) {
                Some(second @ 0xdc00..=0xdfff) => return Some(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)),
                _ => self.rest = rest,
            }
        }
        Some(first)
    }

    /// `\p{…}`. The engine reads names in more ways than ECMA-262, and has those of scripts without `Script=`.
    fn property(&mut self, symbol: char) -> Result<String, PatternFault> {
        let fault = |name: &str| PatternFault::Property(format!("\\{symbol}{{{name}}}"));
        let inner = if self.eat("{") { self.until('}') } else { None };
        let inner = inner.ok_or_else(|| fault(""))?;
        let (property, value) = inner.split_once('=').map_or((None, inner), |(property, value)| (Some(property), value));
        let is_known = |query: String| regex_syntax::parse(&format!("\\p{{{query}}}")).is_ok();
        let is_one = match property {
            Some("General_Category" | "gc") => is_known(format!("gc={value}")),
            Some("Script" | "sc" | "Script_Extensions" | "scx") => is_known(format!("sc={value}")),
            Some(_) => false,
            None => is_known(format!("gc={value}")) || (is_known(value.into()) && !is_known(format!("sc={value}"))),
        };
        if !is_one || !is_written_as_in_unicode(value) {
            return Err(fault(inner));
        }
        Ok(format!("\\{symbol}{{{inner}}}"))
    }

    fn class(&mut self) -> Result<bool, PatternFault> {
        let mut class = Class { negated: self.eat("^"), ..Class::default() };
        while !self.eat("]") {
            let begins = self.rest;
            let first = self.item()?;
            if self.rest.starts_with("-]") || !self.eat("-") {
                class.add(first);
                continue;
            }
            match (first, self.item()?) {
                (Item::Character(first), Item::Character(last)) if first <= last => class.ranges.push((first, last)),
                (Item::Character(_), Item::Character(_)) => {
                    return Err(PatternFault::Range(begins[..begins.len() - self.rest.len()].to_owned()));
                }
                // What is not one character bounds no range: the hyphen is one (Annex B.1.2).
                (first, last) => [first, Item::Character('-'.into()), last].into_iter().for_each(|item| class.add(item)),
            }
        }
        Ok(self.one_of(&class))
    }

    fn item(&mut self) -> Result<Item, PatternFault> {
        match self.next().ok_or(PatternFault::Unclosed("a class"))? {
            '\\' => match self.next().ok_or(PatternFault::Unclosed("a class"))? {
                'b' => Ok(Item::Character(0x8)),
                symbol => self.escaped(symbol),
            },
            symbol => {
                self.has_inner |= symbol == '[';
                Ok(Item::Character(symbol.into()))
            }
        }
    }

    /// Writes a character that stands for itself.
    fn character(&mut self, character: u32) -> bool {
        match char::from_u32(character) {
            Some(symbol) if "\\.+*?()|[]{}^$".contains(symbol) => self.written.extend(['\\', symbol]),
            Some(symbol) if !symbol.is_control() => self.written.push(symbol),
            Some(_) => write!(self.written, "\\x{{{character:x}}}").expect("a text grows"),
            // Half of a surrogate pair.
            None => return self.one_of(&Class::default()),
        }
        true
    }

    fn one_of(&mut self, class: &Class) -> bool {
        class.write(&mut self.written);
        true
    }
}

/// What ECMA-262 takes as the name of a group, but for escapes in it.
fn is_name(name: &str) -> bool {
    let begins = |symbol: char| symbol.is_alphabetic() || "$_".contains(symbol);
    name.starts_with(begins) && name.chars().all(|symbol| begins(symbol) || symbol.is_numeric())
}

/// `Lowercase_Letter`, not `lowercase letter`: each word begins with a capital letter, but for some short names.
fn is_written_as_in_unicode(name: &str) -> bool {
    let is_word =
        |word: &str| word.starts_with(|first: char| first.is_ascii_uppercase()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ["cntrl", "digit", "punct", "space"].contains(&name) || name.split('_').all(is_word)
}

#[cfg(test)]
mod tests;
