//! The layer `handshake`, with storage of a fixed length and with storage of any length.

use barews::HandshakeError;
use barews::connection::Config;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, Extension, OriginPolicy, Param, Proxy, Request, Response,
};
use barews::handshake::{
    ServerConfig, ServerHandshake, Tunnel, Uri, accept_key, basic_credentials, bearer_credentials, parsed,
};
use core::hint::black_box;

use crate::{Unknown, calls};

type Fields<'a> = &'a [(&'a str, &'a str)];

#[unsafe(no_mangle)]
pub fn server_handshake(
    u: &mut Unknown<'_>,
    slice: &mut ServerHandshake<'_, &mut [u8]>,
    array: &mut ServerHandshake<'_, [u8; 512]>,
    error: HandshakeError,
    accept: &Accept<'_>,
    fields: Fields<'_>,
) {
    calls!(u.which;
        slice.receive(u.bytes),
        slice.receive_eof(),
        slice.request(),
        slice.accept(accept, u.out),
        slice.accept_part(accept, u.long as usize, u.out),
        slice.respond(u.short, fields, u.bytes, u.out),
        slice.respond_head(u.short, fields, u.bytes.len(), u.out),
        slice.refuse(error, u.out),
        array.receive(u.bytes),
        array.receive_eof(),
        array.request(),
        array.accept(accept, u.out),
        array.accept_part(accept, u.long as usize, u.out),
        array.respond(u.short, fields, u.bytes, u.out),
        array.respond_head(u.short, fields, u.bytes.len(), u.out),
        array.refuse(error, u.out),
    );
}

#[unsafe(no_mangle)]
pub fn client_handshake(
    u: &mut Unknown<'_>,
    slice: &mut ClientHandshake<'_, &mut [u8]>,
    array: &mut ClientHandshake<'_, [u8; 512]>,
    request: &ClientRequest<'_>,
    keys: fn() -> [u8; 4],
    config: &Config,
) {
    calls!(u.which;
        slice.request(request, u.out),
        slice.request_part(request, u.long as usize, u.out),
        slice.receive(u.bytes),
        slice.receive_eof(),
        slice.response(),
        slice.status(),
        slice.connect(keys, config),
        array.request(request, u.out),
        array.request_part(request, u.long as usize, u.out),
        array.receive(u.bytes),
        array.receive_eof(),
        array.response(),
        array.status(),
        array.connect(keys, config),
    );
}

#[unsafe(no_mangle)]
pub fn tunnel<'c>(
    u: &mut Unknown<'_>,
    slice: &mut Tunnel<'_, &mut [u8]>,
    array: &mut Tunnel<'_, [u8; 512]>,
    client: &'c ClientConfig<'c>,
    uri: &Uri<'_>,
    fields: Fields<'_>,
    proxy: Proxy<'_>,
) {
    calls!(u.which;
        Tunnel::new(client, &mut *u.bytes),
        slice.request(uri, fields, u.out),
        slice.receive(u.bytes),
        slice.receive_eof(),
        slice.is_open(),
        slice.status(),
        slice.field(u.text),
        each(slice.fields(u.text)),
        slice.retry_after(),
        array.request(uri, fields, u.out),
        array.receive(u.bytes),
        array.receive_eof(),
        Proxy::parse(u.text),
        proxy.host(),
        proxy.port(),
        proxy.authorization(u.out),
        basic_credentials(u.text, u.text, u.out),
        bearer_credentials(u.text, u.out),
    );
}

#[unsafe(no_mangle)]
pub fn parsed_server<'c>(
    u: &mut Unknown<'_>,
    handshake: &mut parsed::ServerHandshake<'_, &mut [u8]>,
    server: &'c ServerConfig<'c>,
    start: &parsed::Start<'_>,
    fields: Fields<'_>,
    (response, config): (&Accept<'_>, &Config),
    error: HandshakeError,
) {
    calls!(u.which;
        parsed::ServerHandshake::new(server, [0; 512], start, fields.iter().copied()),
        parsed::ServerHandshake::new(server, &mut *u.out, start, fields.iter().copied()),
        handshake.request(),
        handshake.accept(response, config),
        each(handshake.accept(response, config).iter().flat_map(|(head, _)| head.fields())),
        handshake.refuse(error),
        each(handshake.refuse(error).fields()),
        handshake.refuse(error).status(),
    );
}

#[unsafe(no_mangle)]
pub fn parsed_client<'c>(
    u: &mut Unknown<'_>,
    handshake: &mut parsed::ClientHandshake<'_, &mut [u8]>,
    (client, request): (&'c ClientConfig<'c>, &ClientRequest<'_>),
    fields: Fields<'_>,
    nonce: [u8; 16],
    keys: fn() -> [u8; 4],
    config: &Config,
) {
    calls!(u.which;
        parsed::ClientHandshake::upgrade(client, nonce, &mut *u.bytes),
        parsed::ClientHandshake::extended_connect(client, &mut *u.bytes),
        handshake.request(request, u.out),
        each(handshake.request(request, u.out).iter().flat_map(|head| head.fields())),
        handshake.receive(u.short, fields.iter().copied()),
        handshake.status(),
        handshake.response(),
        handshake.connect(keys, config),
    );
}

#[unsafe(no_mangle)]
pub fn start_handshake<'c>(
    u: &mut Unknown<'_>,
    server: &'c ServerConfig<'c>,
    client: &'c ClientConfig<'c>,
    origin: OriginPolicy<'c>,
    uri: Uri<'c>,
    nonce: [u8; 16],
) {
    calls!(u.which;
        ServerConfig::new(origin),
        ServerHandshake::new(server, &mut *u.bytes),
        ClientConfig::default(),
        ClientRequest::new(uri),
        ClientHandshake::new(client, nonce, &mut *u.bytes),
        accept_key(u.bytes),
        Uri::parse(u.text),
        uri.secure(),
        uri.host(),
        uri.port(),
        uri.path(),
        uri.query(),
        uri.join(u.bytes, u.out),
        uri.is_same_origin(&uri),
    );
}

#[unsafe(no_mangle)]
pub fn read_handshake(
    u: &mut Unknown<'_>,
    request: &Request<'_>,
    response: &Response<'_>,
    extension: &Extension<'_>,
    param: &Param<'_>,
) {
    calls!(u.which;
        request.is_upgrade(),
        request.method(),
        request.target(),
        request.host(),
        request.origin(),
        request.is_same_origin(),
        request.subprotocol(),
        request.field(u.text),
        each(request.subprotocols()),
        each(request.extensions()),
        each(request.fields(u.text)),
        response.status(),
        response.retry_after(),
        response.is_accepted(),
        response.subprotocol(),
        response.field(u.text),
        response.retry_after(),
        each(response.extensions()),
        each(response.fields(u.text)),
        extension.name(),
        each(extension.params()),
        param.value.is_some_and(|value| value == u.text),
        each(param.value.into_iter().flat_map(|value| value.bytes())),
    );
}

fn each(items: impl Iterator) {
    items.for_each(|item| {
        black_box(item);
    });
}
