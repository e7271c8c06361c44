//! What a host can see of a handshake, as the naive one reports it.

use crate::naive;
use barews::handshake::{ParamValue, Request, Response};

/// The fields that the host asks a server for.
pub const KEEP: &[&str] = &["cookie", "Authorization", "x", "Host"];

/// Returns what the host can see of a request.
pub fn request(request: Request<'_>) -> naive::Request {
    let upgrade = request.is_upgrade();
    let offers = request.extensions().filter(|_| upgrade).map(|offer| {
        let value = |value: ParamValue<'_>| String::from_utf8(value.bytes().collect()).unwrap();
        (offer.name().to_owned(), offer.params().map(|p| (p.name.to_owned(), p.value.map(value))).collect())
    });
    for name in KEEP {
        assert!(request.field(name) == request.fields(&name.to_uppercase()).next());
    }
    naive::Request {
        upgrade,
        method: request.method().to_owned(),
        host: request.host().to_owned(),
        target: request.target().to_owned(),
        origin: request.origin().map(str::to_owned),
        subprotocols: request.subprotocols().filter(|_| upgrade).map(str::to_owned).collect(),
        extensions: offers.collect(),
    }
}

/// Returns what the host can see of a response.
pub fn response(response: Response<'_>) -> naive::Response {
    assert_eq!(response.is_accepted(), response.status() == 101);
    assert!(response.field("LOCATION") == response.fields("location").next());
    let chosen = response.extensions().map(|chosen| {
        let value = |value: ParamValue<'_>| String::from_utf8(value.bytes().collect()).unwrap();
        (chosen.name().to_owned(), chosen.params().map(|p| (p.name.to_owned(), p.value.map(value))).collect())
    });
    naive::Response {
        status: response.status(),
        subprotocol: response.subprotocol().map(str::to_owned),
        extensions: chosen.collect(),
    }
}
