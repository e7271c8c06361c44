//! The server's opening handshake for a request that an HTTP library has parsed: an upgrade of HTTP/1.1, or an extended
//! CONNECT of HTTP/2 (RFC 8441).

use barews::handshake::parsed::{ServerHandshake, Start};
use barews::{BuildError, Connection, HandshakeError, Server};
use bytes::{Bytes, BytesMut};
use http::header::InvalidHeaderName;
use http::status::InvalidStatusCode;
use http::uri::{Authority, PathAndQuery};
use http::{Extensions, HeaderMap, Method, Uri, Version};

use crate::open::STORAGE;
use crate::server::{Terms, engine_config, pairs};
use crate::{Accept, Acceptor, Config, Error, Refusal, Request, WebSocket};

/// The request line of HTTP/1.1, or the pseudo-header fields of HTTP/2.
#[derive(Debug)]
pub(crate) struct Line {
    method: Method,
    uri: Uri,
    version: Version,
    /// The request target of HTTP/1.1.
    target: String,
    /// `:protocol` of HTTP/2.
    protocol: String,
}

impl Line {
    pub(crate) fn new<B>(request: &http::Request<B>) -> Self {
        Self::from_parts(request.method(), request.uri(), request.version(), request.extensions())
    }

    pub(crate) fn from_parts(method: &Method, uri: &Uri, version: Version, extensions: &Extensions) -> Self {
        Self {
            method: method.clone(),
            uri: uri.clone(),
            version,
            target: uri.to_string(),
            protocol: protocol(extensions),
        }
    }

    fn start(&self) -> Start<'_> {
        let (method, uri) = (self.method.as_str(), &self.uri);
        if self.version < Version::HTTP_2 {
            return Start::Upgrade {
                method,
                target: &self.target,
                minor_version: u8::from(self.version == Version::HTTP_11),
            };
        }
        Start::ExtendedConnect {
            method,
            protocol: &self.protocol,
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map_or("", Authority::as_str),
            path: uri.path_and_query().map_or("", PathAndQuery::as_str),
        }
    }
}

fn protocol(extensions: &Extensions) -> String {
    #[cfg(feature = "http2")]
    if let Some(protocol) = extensions.get::<h2::ext::Protocol>() {
        return protocol.as_str().into();
    }
    #[cfg(all(feature = "hyper", feature = "http2"))]
    if let Some(protocol) = extensions.get::<hyper::ext::Protocol>() {
        return protocol.as_str().into();
    }
    let _ = extensions;
    String::new()
}

/// The response to a request that is not valid, and why it is not.
pub(crate) type Invalid = (http::Response<Bytes>, HandshakeError);

/// A response, which has to be sent, and what it opens.
pub(crate) type Answer = (http::Response<Bytes>, Result<Opened, Error>);

/// A WebSocket without its transport.
pub(crate) struct Opened {
    terms: Terms,
    connection: Connection<Server>,
    pub(crate) config: Config,
}

impl Opened {
    pub(crate) fn socket<S>(self, stream: S) -> WebSocket<S> {
        self.terms.socket(stream, self.connection, &self.config, BytesMut::new())
    }
}

impl Acceptor {
    /// Validates a request for a WebSocket. `Err` has the response to one that is not valid. `upgrade` is what hands out
    /// the transport: `None` if the HTTP library cannot.
    pub(crate) fn check<U>(
        &self,
        line: &Line,
        headers: &HeaderMap,
        upgrade: Option<U>,
    ) -> Result<(Request, U), Box<Invalid>> {
        let (names, origins) = self.lists();
        let config = engine_config(&names, origins.as_deref());
        let handshake = ServerHandshake::new(&config, vec![0; STORAGE], &line.start(), headers);
        match (handshake.request(), upgrade) {
            (Ok(asked), Some(upgrade)) if asked.is_upgrade() => Ok((Request::new(&asked, headers.clone()), upgrade)),
            (Ok(_), _) => Err(Box::new(refuse(&handshake, HandshakeError::Upgrade))),
            (Err(error), _) => Err(Box::new(refuse(&handshake, error))),
        }
    }

    /// Accepts or refuses a request that [`check`](Self::check) has validated.
    pub(crate) fn answer(&self, line: &Line, headers: &HeaderMap, answer: Result<Accept, Refusal>) -> Answer {
        self.try_answer(line, headers, answer).unwrap_or_else(|error| {
            let mut response = http::Response::default();
            *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
            (response, Err(error))
        })
    }

    fn try_answer(&self, line: &Line, headers: &HeaderMap, answer: Result<Accept, Refusal>) -> Result<Answer, Error> {
        let accept = match answer {
            Ok(accept) => accept,
            Err(Refusal { status, .. }) if status < 200 => return Err(BuildError::Status.into()),
            Err(Refusal { status, fields, body }) => {
                let response = response(status, pairs(&fields).into_iter(), body)?;
                return Ok((response, Err(Error::Rejected(status))));
            }
        };
        let (names, origins) = self.lists();
        let config = engine_config(&names, origins.as_deref());
        let mut handshake = ServerHandshake::new(&config, vec![0; STORAGE], &line.start(), headers);
        let terms = match handshake.request() {
            Ok(asked) => self.terms(&accept, &asked)?,
            Err(error) => {
                let (response, error) = refuse(&handshake, error);
                return Ok((response, Err(error.into())));
            }
        };
        let (fields, engine) = (pairs(&accept.fields), self.config_ref().engine(terms.agreed.is_some()));
        let (head, connection) = handshake.accept(&terms.response(&fields), &engine)?;
        let response = response(head.status(), head.fields(), Bytes::new())?;
        Ok((response, Ok(Opened { terms, connection, config: self.config_ref().clone() })))
    }

    /// Validates a request, shows it to `answer`, and accepts or refuses it.
    pub(crate) fn answer_with<U>(
        &self,
        line: &Line,
        headers: &HeaderMap,
        upgrade: Option<U>,
        answer: impl FnOnce(&Request) -> Result<Accept, Refusal>,
    ) -> (http::Response<Bytes>, Result<(Opened, U), Error>) {
        match self.check(line, headers, upgrade) {
            Ok((request, upgrade)) => {
                let (response, opened) = self.answer(line, headers, answer(&request));
                (response, opened.map(|opened| (opened, upgrade)))
            }
            Err(invalid) => {
                let (response, error) = *invalid;
                (response, Err(error.into()))
            }
        }
    }
}

/// Makes the response to a request that is not valid. Its body says what is wrong.
fn refuse(handshake: &ServerHandshake<'_, Vec<u8>>, error: HandshakeError) -> Invalid {
    let head = handshake.refuse(error);
    (response(head.status(), head.fields(), error.to_string().into()).unwrap_or_default(), error)
}

fn response<'a>(
    status: u16,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
    body: Bytes,
) -> Result<http::Response<Bytes>, Error> {
    let response = http::Response::builder().status(status);
    let response = fields.fold(response, |response, (name, value)| response.header(name, value.as_bytes()));
    response.body(body).map_err(|error| {
        Error::Build(match () {
            () if error.is::<InvalidStatusCode>() => BuildError::Status,
            () if error.is::<InvalidHeaderName>() => BuildError::FieldName,
            () => BuildError::FieldValue,
        })
    })
}
