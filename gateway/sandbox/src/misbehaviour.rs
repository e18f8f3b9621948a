use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use parking_lot::Mutex;

/// What a server of the sandbox does wrong on purpose.
///
/// The request is read and obeyed first: an update that is answered with [`Misbehaviour::Reset`] has happened, as it would
/// have in a department whose network fails at the wrong moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// The right answer, this much later.
    Delay(Duration),
    /// No answer, the connection left open.
    Hang,
    /// The connection reset (RST) instead of an answer.
    Reset,
    /// A right head and half of the body, then a reset.
    Cut,
    /// The right answer, one byte each time.
    Drip(Duration),
    /// Bytes that are not HTTP.
    NotHttp,
    /// Status and media type of the right answer, and bytes that are neither XML nor JSON.
    Garbage,
    /// The right answer with this many more bytes of white space after it.
    Oversized(usize),
    /// Status 500 with an HTML page, as application servers do.
    Html,
    /// This status with an empty body.
    Status(StatusCode),
    /// A redirect to this address.
    Redirect(String),
    /// The right answer with a document type declaration that defines an entity.
    Doctype,
    /// An envelope whose body holds an element that no WSDL declares.
    WrongElement,
    /// The right answer with every occurrence of the first text replaced by the second.
    Replace(String, String),
    /// The right answer with one more header.
    Header(HeaderName, HeaderValue),
}

/// The switch of one server: how it misbehaves, and how many times more.
#[derive(Debug, Default)]
pub struct Switch(Mutex<Option<(Misbehaviour, Option<u64>)>>);

impl Switch {
    /// From now on, every answer.
    pub fn misbehave(&self, how: Misbehaviour) {
        *self.0.lock() = Some((how, None));
    }

    /// The next answers, so many, and no other.
    pub fn misbehave_times(&self, times: u64, how: Misbehaviour) {
        *self.0.lock() = (times > 0).then_some((how, Some(times)));
    }

    /// As it should, from now on.
    pub fn behave(&self) {
        *self.0.lock() = None;
    }

    pub(crate) fn next(&self) -> Option<Misbehaviour> {
        let mut switch = self.0.lock();
        match switch.as_mut()? {
            (how, None) => Some(how.clone()),
            (_, Some(1)) => switch.take().map(|(how, _)| how),
            (how, Some(times)) => {
                *times -= 1;
                Some(how.clone())
            }
        }
    }
}

impl Misbehaviour {
    /// What the answer becomes, for those that only change what it says.
    pub(crate) fn change(&self, mut right: Response<Bytes>) -> Response<Bytes> {
        match self {
            Self::Garbage => *right.body_mut() = Bytes::from_static(b"\x00\xff\xfe<<{{ not a document \x80"),
            Self::Oversized(more) => {
                let mut body = right.body().to_vec();
                body.resize(body.len() + more, b' ');
                *right.body_mut() = body.into();
            }
            Self::Html => right = page(),
            Self::Status(status) => {
                right = Response::new(Bytes::new());
                *right.status_mut() = *status;
            }
            Self::Redirect(location) => {
                right = Response::new(Bytes::new());
                *right.status_mut() = StatusCode::FOUND;
                right.headers_mut().extend(HeaderValue::from_str(location).ok().map(|location| (header::LOCATION, location)));
            }
            Self::Doctype => {
                let text = String::from_utf8_lossy(right.body());
                let declaration = "<!DOCTYPE x [<!ENTITY lol \"lol\">]>";
                *right.body_mut() = match text.split_once("?>") {
                    Some((head, rest)) => format!("{head}?>{declaration}{rest}").into(),
                    None => format!("{declaration}{text}").into(),
                };
            }
            // `CercaResidenzaResponse` becomes an element that no WSDL declares; its prefix and the envelope stay right.
            Self::WrongElement => *right.body_mut() = String::from_utf8_lossy(right.body()).replace("Response", "Altro").into(),
            Self::Replace(from, to) => *right.body_mut() = String::from_utf8_lossy(right.body()).replace(from, to).into(),
            Self::Header(name, value) => {
                right.headers_mut().append(name, value.clone());
            }
            Self::Delay(_) | Self::Hang | Self::Reset | Self::Cut | Self::Drip(_) | Self::NotHttp => {}
        }
        right
    }
}

fn page() -> Response<Bytes> {
    let page = "<html><head><title>500</title></head><body><h1>HTTP Status 500</h1><pre>java.lang.NullPointerException</pre></body></html>";
    let mut response = Response::new(Bytes::from_static(page.as_bytes()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html;charset=ISO-8859-1"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counted_misbehaviour_ends() {
        let switch = Switch::default();
        switch.misbehave_times(2, Misbehaviour::Hang);
        assert_eq!([switch.next(), switch.next(), switch.next()], [Some(Misbehaviour::Hang), Some(Misbehaviour::Hang), None]);
        switch.misbehave(Misbehaviour::Reset);
        assert_eq!([switch.next(), switch.next()], [Some(Misbehaviour::Reset), Some(Misbehaviour::Reset)]);
        switch.behave();
        assert_eq!(switch.next(), None);
    }

    #[test]
    fn a_document_type_stands_before_the_root() {
        let right = Response::new(Bytes::from_static(b"<?xml version=\"1.0\"?><a/>"));
        let wrong = Misbehaviour::Doctype.change(right).into_body();
        assert_eq!(&wrong[..], b"<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY lol \"lol\">]><a/>");
    }
}
