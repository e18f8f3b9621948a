use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use exchange::json::{Kind, Node};
use exchange::{Json, JsonLimits};

use crate::{Flaw, Malformed, Part};

/// Longer ids of keys than any issuer gives; what is remembered and logged of strangers stays small.
pub(crate) const LONGEST_KID: usize = 256;

/// Deep and wide enough for any token of a few KiB, and no more.
const LIMITS: JsonLimits = JsonLimits { depth: 8, number_length: 64, values: 512 };

/// A compact JWS (RFC 7515 §7.1) of which only the header was read.
pub(crate) struct Compact<'a> {
    header: Json,
    /// Header and payload with the dot between them, as they were signed.
    signed: &'a str,
    payload: &'a str,
    signature: &'a str,
}

impl<'a> Compact<'a> {
    pub(crate) fn read(token: &'a str, longest: usize) -> Result<Self, Malformed> {
        if token.len() > longest {
            return Err(Malformed::new(Part::Token, Flaw::TooLong(longest)));
        }
        let (signed, header, payload, signature) = split(token).ok_or(Malformed::new(Part::Token, Flaw::NotThreeParts))?;
        Ok(Self { header: object(header, Part::Header)?, signed, payload, signature })
    }

    /// A member of the header that must be a text.
    pub(crate) fn text(&self, name: &'static str) -> Result<&str, Malformed> {
        let text = self.member(name).and_then(Node::as_str);
        text.ok_or(Malformed::new(Part::Header, Flaw::Member(name)))
    }

    pub(crate) fn member(&self, name: &str) -> Option<Node<'_>> {
        self.header.root().get(name)
    }

    pub(crate) fn header(&self) -> Node<'_> {
        self.header.root()
    }

    /// The id of the key, which names it and proves nothing.
    pub(crate) fn kid(&self) -> Result<&str, Malformed> {
        let kid = self.text("kid")?;
        if kid.is_empty() || kid.len() > LONGEST_KID {
            return Err(Malformed::new(Part::Header, Flaw::Member("kid")));
        }
        Ok(kid)
    }

    pub(crate) fn signed(&self) -> &'a [u8] {
        self.signed.as_bytes()
    }

    /// The claims, believed by nobody before the signature is verified.
    pub(crate) fn payload(&self) -> Result<Json, Malformed> {
        object(self.payload, Part::Payload)
    }

    pub(crate) fn signature(&self) -> Result<Vec<u8>, Malformed> {
        decode(self.signature, Part::Signature)
    }
}

fn split(token: &str) -> Option<(&str, &str, &str, &str)> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    (!payload.contains('.')).then_some((signed, header, payload, signature))
}

/// Strictly: no padding, and no bits left over that two texts of one value could differ in.
fn decode(text: &str, part: Part) -> Result<Vec<u8>, Malformed> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Malformed::new(part, Flaw::NotBase64))
}

fn object(text: &str, part: Part) -> Result<Json, Malformed> {
    let bytes = Bytes::from(decode(text, part)?);
    let json = Json::read(bytes, &LIMITS).map_err(|error| Malformed::new(part, Flaw::NotJson(error.kind)))?;
    if json.root().kind() == Kind::Object { Ok(json) } else { Err(Malformed::new(part, Flaw::NotAnObject)) }
}
