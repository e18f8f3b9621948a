//! Content codings (RFC 9110 §8.4): what is read here is read as it was before it was coded.
//!
//! What passes unread passes as it came. What is read is inflated within two limits, that of a body and that of how much larger than
//! it came it may become, so that a few bytes do not cost many.

use std::io::{self, Read};
use std::sync::Arc;

use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderName};

use crate::budget::{ByteBudget, Gathering, Lease};

/// A coding that is read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// RFC 1952.
    Gzip,
    /// RFC 1950; what some send under this name is bare RFC 1951.
    Deflate,
}

/// How much a coded body may cost.
#[derive(Clone, Copy, Debug)]
pub struct InflateLimits {
    /// The most bytes.
    pub most: u64,
    /// How many times larger than it came it may become.
    pub ratio: u64,
}

/// Why a body is not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotDecoded {
    /// It is larger than one of the limits.
    TooLarge,
    /// It is not what it says.
    Malformed,
    /// The process holds as many bytes as it may.
    NoRoom,
}

/// The coding of a message; `Err` for one that is not read here, or for several on top of each other.
pub fn of(headers: &HeaderMap) -> Result<Option<Coding>, ()> {
    let mut values = headers.get_all(CONTENT_ENCODING).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(());
    }
    match value.to_str().map_err(drop)?.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(None),
        "gzip" | "x-gzip" => Ok(Some(Coding::Gzip)),
        "deflate" => Ok(Some(Coding::Deflate)),
        _ => Err(()),
    }
}

/// Headers that describe the exact bytes of a body.
const ABOUT_THE_BYTES: [&str; 7] =
    ["etag", "digest", "content-digest", "repr-digest", "content-md5", "agid-jwt-signature", "last-modified"];

/// Takes out what was said of other bytes than those that go on.
pub fn forget_bytes(headers: &mut HeaderMap) {
    for name in ABOUT_THE_BYTES.map(HeaderName::from_static) {
        headers.remove(name);
    }
}

/// The same of bytes that were decoded.
pub fn forget(headers: &mut HeaderMap) {
    headers.remove(CONTENT_ENCODING);
    headers.remove(CONTENT_LENGTH);
    forget_bytes(headers);
}

/// Decodes a body that is held.
pub fn inflate(coding: Coding, coded: &Bytes, limits: InflateLimits, budget: &Arc<ByteBudget>) -> Result<(Bytes, Lease), NotDecoded> {
    let most = limits.most.min((coded.len() as u64).saturating_mul(limits.ratio));
    let bytes = &coded[..];
    // The first two bytes of RFC 1950 are a multiple of 31 and name method 8.
    let is_zlib = coded.get(..2).is_some_and(|head| head[0] & 15 == 8 && u16::from_be_bytes([head[0], head[1]]) % 31 == 0);
    // One stream and nothing behind it: each of many empty ones would cost a window, and give nothing that a limit could count.
    let (inflated, rest) = match coding {
        Coding::Gzip => {
            let mut decoder = GzDecoder::new(bytes);
            (gather(&mut decoder, most, budget)?, decoder.into_inner())
        }
        Coding::Deflate if is_zlib => {
            let mut decoder = ZlibDecoder::new(bytes);
            (gather(&mut decoder, most, budget)?, decoder.into_inner())
        }
        Coding::Deflate => {
            let mut decoder = DeflateDecoder::new(bytes);
            (gather(&mut decoder, most, budget)?, decoder.into_inner())
        }
    };
    if rest.is_empty() { Ok(inflated) } else { Err(NotDecoded::Malformed) }
}

/// How much is decoded before the limits are looked at again.
const PIECE: u64 = 64 << 10;

fn gather(decoder: &mut impl Read, most: u64, budget: &Arc<ByteBudget>) -> Result<(Bytes, Lease), NotDecoded> {
    let mut gathered = Gathering::begin(budget, None).ok_or(NotDecoded::NoRoom)?;
    let mut length = 0;
    loop {
        let mut piece = Vec::new();
        let read = decoder.by_ref().take(PIECE).read_to_end(&mut piece).map_err(|_: io::Error| NotDecoded::Malformed)?;
        if read == 0 {
            return Ok(gathered.finish());
        }
        length += read as u64;
        if length > most {
            return Err(NotDecoded::TooLarge);
        }
        if !gathered.add(piece.into()) {
            return Err(NotDecoded::NoRoom);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const LIMITS: InflateLimits = InflateLimits { most: 1 << 20, ratio: 100 };

    fn gzip(bytes: &[u8]) -> Bytes {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("it is coded");
        encoder.finish().expect("it is coded").into()
    }

    fn zlib(bytes: &[u8]) -> Bytes {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("it is coded");
        encoder.finish().expect("it is coded").into()
    }

    fn bare(bytes: &[u8]) -> Bytes {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("it is coded");
        encoder.finish().expect("it is coded").into()
    }

    fn inflated(coding: Coding, coded: &Bytes, limits: InflateLimits) -> Result<Bytes, NotDecoded> {
        inflate(coding, coded, limits, &ByteBudget::new(4 << 20)).map(|(bytes, _)| bytes)
    }

    #[test]
    fn is_read_as_it_was() {
        let text = b"{\"nome\":\"citt\xc3\xa0\"}".repeat(7);
        assert_eq!(inflated(Coding::Gzip, &gzip(&text), LIMITS).as_deref(), Ok(&text[..]));
        assert_eq!(inflated(Coding::Deflate, &zlib(&text), LIMITS).as_deref(), Ok(&text[..]));
        assert_eq!(inflated(Coding::Deflate, &bare(&text), LIMITS).as_deref(), Ok(&text[..]));
        assert_eq!(inflated(Coding::Gzip, &gzip(b""), LIMITS).as_deref(), Ok(&b""[..]));
    }

    #[test]
    fn a_bomb_costs_no_more_than_its_limit() {
        let bomb = gzip(&vec![0; 50 << 20]);
        assert_eq!(inflated(Coding::Gzip, &bomb, LIMITS), Err(NotDecoded::TooLarge));
        let zeros = gzip(&vec![0; 100_000]);
        assert_eq!(inflated(Coding::Gzip, &zeros, LIMITS), Err(NotDecoded::TooLarge), "a thousand times larger");
        assert_eq!(inflated(Coding::Gzip, &zeros, InflateLimits { ratio: 2000, ..LIMITS }).map(|bytes| bytes.len()), Ok(100_000));
        let small = ByteBudget::new(1000);
        let room = inflate(Coding::Gzip, &zeros, InflateLimits { ratio: 2000, ..LIMITS }, &small);
        assert_eq!((room.err(), small.held()), (Some(NotDecoded::NoRoom), 0));
    }

    #[test]
    fn what_is_cut_or_something_else_is_malformed() {
        let whole = gzip(&b"abc".repeat(1000));
        let empty = gzip(b"").repeat(3);
        for coded in [&whole[..whole.len() - 1], &whole[..4], b"{\"a\":1}", &[&whole[..], b"more"].concat(), &whole.repeat(2), &empty] {
            assert_eq!(inflated(Coding::Gzip, &Bytes::copy_from_slice(coded), LIMITS), Err(NotDecoded::Malformed), "{}", coded.len());
        }
        for coded in [zlib(b"abc"), bare(b"abc")] {
            let more = [&coded[..], b"more"].concat();
            assert_eq!(inflated(Coding::Deflate, &more.into(), LIMITS), Err(NotDecoded::Malformed), "bytes behind it");
        }
        assert_eq!(inflated(Coding::Deflate, &Bytes::from_static(b"{\"a\":1}"), LIMITS), Err(NotDecoded::Malformed));
    }

    #[test]
    fn the_codings_that_are_read() {
        let coding = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_ENCODING, HeaderValue::from_static(value));
            }
            of(&headers)
        };
        assert_eq!([coding(&[]), coding(&["identity"]), coding(&[""])], [Ok(None); 3]);
        assert_eq!([coding(&["gzip"]), coding(&["X-GZIP"])], [Ok(Some(Coding::Gzip)); 2]);
        assert_eq!(coding(&["deflate"]), Ok(Some(Coding::Deflate)));
        for refused in [&["br"][..], &["gzip, gzip"], &["gzip", "gzip"], &["compress"], &["zstd"]] {
            assert_eq!(coding(refused), Err(()), "{refused:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_ends_in_one_of_these(bytes in proptest::collection::vec(any::<u8>(), 0..2000), gzip in any::<bool>()) {
            let coding = if gzip { Coding::Gzip } else { Coding::Deflate };
            if let Ok(inflated) = inflated(coding, &Bytes::from(bytes.clone()), LIMITS) {
                prop_assert!(inflated.len() as u64 <= bytes.len() as u64 * LIMITS.ratio);
            }
        }
    }
}
