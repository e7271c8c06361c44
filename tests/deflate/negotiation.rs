//! Negotiation in both roles, in real handshakes: offers, answers and the agreed parameters.

use barews::deflate::{Direction, MAX_RESPONSE, Parameters};
use barews::handshake::{Accept, ClientConfig, ClientHandshake, OriginPolicy, Progress, ServerConfig, ServerHandshake};
use barews::{BuildError, HandshakeError};
use proptest::prelude::*;

static SERVER: ServerConfig<'_> = ServerConfig::new(OriginPolicy::Any);

/// Formats parameters, such as `s15 c12!`: the server's window has 15 bits, the client's 12, and the client has no context
/// takeover.
fn shown(parameters: Parameters) -> String {
    let direction = |Direction { window_bits, no_context_takeover }| {
        format!("{window_bits}{}", if no_context_takeover { "!" } else { "" })
    };
    format!("s{} c{}", direction(parameters.server), direction(parameters.client))
}

pub fn parameters(text: &str) -> Parameters {
    let direction = |name: char| {
        let word = text.split(' ').find_map(|word| word.strip_prefix(name)).unwrap();
        let bits = word.trim_end_matches('!');
        Direction { window_bits: bits.parse().unwrap(), no_context_takeover: bits != word }
    };
    Parameters { server: direction('s'), client: direction('c') }
}

/// Returns the answer of a server with these limits to a request, and the agreed parameters.
fn server(limits: &str, offers: &str) -> Option<(String, String)> {
    let mut request = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_owned();
    for line in offers.split('|') {
        request.push_str(&format!("Sec-WebSocket-Extensions: {line}\r\n"));
    }
    request.push_str("\r\n");
    let mut handshake = ServerHandshake::new(&SERVER, [0; 2048]);
    let Ok(Progress::Complete { .. }) = handshake.receive(&mut request.into_bytes()) else { panic!("refused") };
    let mut value = [0; MAX_RESPONSE];
    let agreed = parameters(limits).accept(handshake.request().unwrap().extensions(), &mut value).unwrap();
    let (agreed, value) = agreed.map(|(agreed, value)| (shown(agreed), value))?;
    // The engine's handshake accepts this value.
    let accept = Accept { extensions: value, ..Accept::default() };
    handshake.accept(&accept, &mut [0; 512]).unwrap();
    Some((value.strip_prefix("permessage-deflate").unwrap().into(), agreed))
}

/// Returns the result of a client that made these offers, for a response.
fn client(offers: &[&str], answer: &str) -> Result<Option<String>, HandshakeError> {
    let offers: Vec<Parameters> = offers.iter().map(|offer| parameters(offer)).collect();
    let mut value = [0; 500];
    let mut extensions = Parameters::offer(&offers, &mut value).unwrap().to_owned();
    extensions.push_str(", permessage-other, other"); // so that the engine's handshake accepts these
    let config = ClientConfig { extensions: &extensions, ..ClientConfig::DEFAULT };
    let mut handshake = ClientHandshake::new(&config, *b"the sample nonce", [0; 2048]);
    let mut response = "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        .to_owned();
    for line in answer.split('|').filter(|line| !line.is_empty()) {
        response.push_str(&format!("Sec-WebSocket-Extensions: {line}\r\n"));
    }
    response.push_str("\r\n");
    let Progress::Complete { .. } = handshake.receive(&mut response.into_bytes())? else { panic!("not complete") };
    Ok(Parameters::agree(&offers, handshake.response().unwrap().extensions())?.map(shown))
}

#[test]
fn offer_lists_the_parameters_of_each_offer() {
    for (ids, offers, value) in [
        ("7692-5-1 7692-7.1.2.2-1", &["s15 c15"][..], "permessage-deflate; client_max_window_bits"),
        (
            "7692-5-4 7692-7.1.2.1-1",
            &["s10 c15"],
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits",
        ),
        (
            "7692-5-5 7692-7.1.2.1-2 7692-7.1.2.2-2",
            &["s8 c9"],
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits=9",
        ),
        (
            "7692-7.1.1.1-1 7692-7.1.1.2-1",
            &["s15! c15!"],
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        ),
        (
            "7692-5-2",
            &["s10 c15", "s15 c15"],
            "permessage-deflate; server_max_window_bits=10; client_max_window_bits, \
             permessage-deflate; client_max_window_bits",
        ),
        (
            "7692-7.1.2.1-2 7692-7.1.2.2-2",
            &["s7 c99"],
            "permessage-deflate; server_max_window_bits=8; client_max_window_bits",
        ),
        ("", &[], ""),
    ] {
        let offers: Vec<Parameters> = offers.iter().map(|offer| parameters(offer)).collect();
        let mut out = vec![b'.'; value.len()];
        assert_eq!(Parameters::offer(&offers, &mut out), Ok(value), "[{ids}]");
        if let Some(short) = value.len().checked_sub(1) {
            let mut out = vec![b'.'; short];
            assert_eq!(Parameters::offer(&offers, &mut out), Err(BuildError::BufferTooSmall { need: value.len() }));
            assert_eq!(out, vec![b'.'; short]);
        }
    }
}

/// undici (a window of any size, because the parameter was not checked): both roles accept only 8 to 15, and only once.
#[test]
fn server_accepts_the_first_acceptable_offer() {
    let all = "s15 c15";
    for (ids, limits, offers, answer) in [
        // From the RFC's examples.
        ("7692-5-6 7692-7.1.2.1-7 7692-7.1.2.2-7", all, "permessage-deflate", Some(("", "s15 c15"))),
        (
            "7692-7.1.2.1-4",
            all,
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
            Some(("; server_max_window_bits=10", "s10 c15")),
        ),
        (
            "7692-5-3",
            "s12 c15",
            "permessage-deflate; client_max_window_bits; server_max_window_bits=10, \
             permessage-deflate; client_max_window_bits",
            Some(("; server_max_window_bits=10", "s10 c15")),
        ),
        // Windows.
        (
            "7692-7.1.2.1-4",
            all,
            "permessage-deflate; server_max_window_bits=15",
            Some(("; server_max_window_bits=15", "s15 c15")),
        ),
        (
            "7692-7.1.2.1-4",
            all,
            "permessage-deflate; server_max_window_bits=8",
            Some(("; server_max_window_bits=8", "s8 c15")),
        ),
        (
            "7692-7.1.2.1-4",
            all,
            "permessage-deflate; server_max_window_bits=\"9\"",
            Some(("; server_max_window_bits=9", "s9 c15")),
        ),
        (
            "7692-7.1.2.1-4",
            all,
            "permessage-deflate; server_max_window_bits=\"1\\2\"",
            Some(("; server_max_window_bits=12", "s12 c15")),
        ),
        (
            "7692-7.1.2.1-4",
            "s9 c15",
            "permessage-deflate; server_max_window_bits=12",
            Some(("; server_max_window_bits=9", "s9 c15")),
        ),
        ("7692-5-7 7692-7.1.2.1-6", "s9 c15", "permessage-deflate", Some(("; server_max_window_bits=9", "s9 c15"))),
        ("7692-7.1.2.2-4", all, "permessage-deflate; client_max_window_bits", Some(("", "s15 c15"))),
        (
            "7692-7.1.2.2-3 7692-7.1.2.2-4",
            all,
            "permessage-deflate; client_max_window_bits=10",
            Some(("; client_max_window_bits=10", "s15 c10")),
        ),
        (
            "7692-7.1.2.2-3",
            "s15 c9",
            "permessage-deflate; client_max_window_bits",
            Some(("; client_max_window_bits=9", "s15 c9")),
        ),
        (
            "7692-7.1.2.2-3 7692-7.1.2.2-4",
            "s15 c9",
            "permessage-deflate; client_max_window_bits=12",
            Some(("; client_max_window_bits=9", "s15 c9")),
        ),
        (
            "7692-7.1.2.2-3 7692-7.1.2.2-4",
            "s15 c9",
            "permessage-deflate; client_max_window_bits=8",
            Some(("; client_max_window_bits=8", "s15 c8")),
        ),
        // The client cannot be limited to the available memory.
        ("7692-7.1.2.2-6 7692-7-4", "s15 c14", "permessage-deflate", None),
        (
            "7692-5-3 7692-7.1.2.2-3",
            "s15 c14",
            "permessage-deflate, permessage-deflate; client_max_window_bits",
            Some(("; client_max_window_bits=14", "s15 c14")),
        ),
        // Takeover.
        (
            "7692-7.1.1.1-2 7692-7.1.1.1-3",
            all,
            "permessage-deflate; server_no_context_takeover",
            Some(("; server_no_context_takeover", "s15! c15")),
        ),
        (
            "7692-7.1.1.2-2",
            all,
            "permessage-deflate; client_no_context_takeover",
            Some(("; client_no_context_takeover", "s15 c15!")),
        ),
        (
            "7692-5-8 7692-7.1.1.1-4 7692-7.1.1.2-2",
            "s15! c15!",
            "permessage-deflate",
            Some(("; server_no_context_takeover; client_no_context_takeover", "s15! c15!")),
        ),
        (
            "7692-7.1.1.1-2 7692-7.1.2.1-6",
            "s8! c8!",
            "permessage-deflate; client_max_window_bits=9; server_no_context_takeover",
            Some((
                "; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=8; \
                 client_max_window_bits=8",
                "s8! c8!",
            )),
        ),
        // The first acceptable offer counts, among other extensions and on several lines.
        (
            "7692-5-3",
            all,
            "foo, permessage-deflate; x|permessage-deflate; server_max_window_bits=11, permessage-deflate|bar",
            Some(("; server_max_window_bits=11", "s11 c15")),
        ),
        ("7692-5-3", all, "permessage-deflate; foo, permessage-deflate", Some(("", "s15 c15"))),
        // No acceptable offer.
        ("7692-5-13", all, "permessage-foo", None),
        ("7692-5-13", all, "Permessage-Deflate", None),
        ("7692-5-13", all, "x-webkit-deflate-frame", None),
        ("7692-5-13", all, "foo; permessage-deflate", None),
        ("7692-7-1", all, "permessage-deflate; foo", None),
        ("7692-7-1", all, "permessage-deflate; foo=1", None),
        ("7692-7-1", all, "permessage-deflate; Server_No_Context_Takeover", None),
        ("7692-7-2 7692-7.1.1.1-3", all, "permessage-deflate; server_no_context_takeover=1", None),
        ("7692-7-2", all, "permessage-deflate; client_no_context_takeover=true", None),
        ("7692-7-3", all, "permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("7692-7-3", all, "permessage-deflate; client_no_context_takeover; client_no_context_takeover", None),
        ("7692-7-3", all, "permessage-deflate; client_max_window_bits; client_max_window_bits", None),
        ("7692-7-3", all, "permessage-deflate; client_max_window_bits; client_max_window_bits=9", None),
        ("7692-7-3", all, "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", None),
        ("7692-7.1.2.1-3 7692-7-2", all, "permessage-deflate; server_max_window_bits", None),
    ] {
        let expected = answer.map(|(value, agreed)| (value.to_owned(), agreed.to_owned()));
        assert_eq!(server(limits, offers), expected, "[{ids}] {limits}: {offers}");
    }
    for bits in
        ["0", "7", "16", "08", "09", "010", "15.0", "1e1", "-9", "+9", "9a", "255", "264", "99999999999999999999", "x"]
    {
        for name in ["server", "client"] {
            let offer = format!("permessage-deflate; {name}_max_window_bits={bits}");
            assert_eq!(server(all, &offer), None, "[7692-7.1.2.1-2] [7692-7.1.2.2-2] {offer}");
            let answer = format!("permessage-deflate; {name}_max_window_bits={bits}");
            let outcome = client(&["s15 c15"], &answer);
            assert_eq!(outcome, Err(HandshakeError::Extensions), "[7692-7.1.2.1-5] [7692-7.1.2.2-5] {answer}");
        }
    }
}

#[test]
fn client_accepts_only_answers_to_its_offers() {
    let error = Err(HandshakeError::Extensions);
    let agreed = |text: &str| Ok(Some(text.to_owned()));
    let bare = &["s15 c15"][..];
    for (ids, offers, answer, expected) in [
        ("7692-5-13", bare, "", Ok(None)),
        ("7692-5-13", bare, "other", Ok(None)),
        ("7692-7.1.2.2-7", bare, "permessage-deflate", agreed("s15 c15")),
        ("", bare, "other, permessage-deflate", agreed("s15 c15")),
        ("7692-7.1.2.1-6", bare, "permessage-deflate; server_max_window_bits=8", agreed("s8 c15")),
        ("7692-7.1.2.2-5", bare, "permessage-deflate; client_max_window_bits=\"9\"", agreed("s15 c9")),
        ("7692-7.1.1.1-4", bare, "permessage-deflate; server_no_context_takeover", agreed("s15! c15")),
        ("7692-7.1.1.2-3", bare, "permessage-deflate; client_no_context_takeover", agreed("s15 c15!")),
        // The client's own limits still apply if they are lower than those in the answer.
        ("7692-7.2.1-9 7692-7.2.1-13", &["s15 c10!"], "permessage-deflate", agreed("s15 c10!")),
        ("7692-7.2.1-13", &["s15 c10"], "permessage-deflate; client_max_window_bits=12", agreed("s15 c10")),
        ("7692-7.1.2.2-5", &["s15 c10"], "permessage-deflate; client_max_window_bits=9", agreed("s15 c9")),
        // The answer must contain what the client required.
        ("7692-7.1.2.1-5", &["s10 c15"], "permessage-deflate; server_max_window_bits=10", agreed("s10 c15")),
        ("7692-7.1.2.1-5", &["s10 c15"], "permessage-deflate; server_max_window_bits=9", agreed("s9 c15")),
        ("7692-7-8", &["s10 c15"], "permessage-deflate; server_max_window_bits=11", error.clone()),
        ("7692-7-8", &["s10 c15"], "permessage-deflate", error.clone()),
        ("7692-7.1.1.1-4", &["s15! c15"], "permessage-deflate; server_no_context_takeover", agreed("s15! c15")),
        ("7692-7-8", &["s15! c15"], "permessage-deflate", error.clone()),
        // The answer must satisfy all of one offer.
        ("7692-5-8", &["s10 c15", "s15 c15"], "permessage-deflate", agreed("s15 c15")),
        ("7692-5-8", &["s10 c15", "s15! c15"], "permessage-deflate; server_max_window_bits=10", agreed("s10 c15")),
        ("7692-5-8", &["s10 c15", "s15! c15"], "permessage-deflate; server_no_context_takeover", agreed("s15! c15")),
        ("7692-7-8", &["s10 c15", "s15! c15"], "permessage-deflate; server_max_window_bits=11", error.clone()),
        // Invalid.
        ("7692-7-7", bare, "permessage-deflate, permessage-deflate", error.clone()),
        ("7692-7-7", bare, "permessage-deflate|permessage-deflate", error.clone()),
        ("7692-5-10 7692-5-12", bare, "permessage-deflate, permessage-other", error.clone()),
        ("7692-5-10 7692-5-12", bare, "permessage-other", error.clone()),
        ("7692-7-5", bare, "permessage-deflate; foo", error.clone()),
        ("7692-7-6", bare, "permessage-deflate; server_no_context_takeover=1", error.clone()),
        ("7692-7-7", bare, "permessage-deflate; client_no_context_takeover; client_no_context_takeover", error.clone()),
        ("7692-7-6", bare, "permessage-deflate; server_max_window_bits", error.clone()),
        ("7692-7-6", bare, "permessage-deflate; client_max_window_bits", error.clone()),
        ("7692-7-7", bare, "permessage-deflate; client_max_window_bits=9; client_max_window_bits=9", error.clone()),
        ("7692-5-14", bare, "never-offered", error.clone()),
    ] {
        assert_eq!(client(offers, answer), expected, "[{ids}] {offers:?}: {answer}");
    }
    assert_eq!(client(&[], "permessage-deflate"), error, "[7692-5-14] nothing was offered");
}

#[test]
fn longest_response_fits_max_response() {
    let offer = "permessage-deflate; client_max_window_bits=15; server_max_window_bits=15; server_no_context_takeover";
    let (value, _) = server("s10! c10!", offer).unwrap();
    assert_eq!(value.len() + "permessage-deflate".len(), MAX_RESPONSE);
}

fn a_direction() -> impl Strategy<Value = Direction> {
    (8u8..16, any::<bool>())
        .prop_map(|(window_bits, no_context_takeover)| Direction { window_bits, no_context_takeover })
}

pub fn some_parameters() -> impl Strategy<Value = Parameters> {
    (a_direction(), a_direction()).prop_map(|(server, client)| Parameters { server, client })
}

proptest! {
    #![proptest_config(crate::cases(1024))]

    /// Our server and client, with any limits, agree on parameters that are compatible and within the limits of both.
    #[test]
    fn server_and_client_agree_on_the_same_parameters(limits in some_parameters(), offers in prop::collection::vec(some_parameters(), 1..4)) {
        let texts: Vec<String> = offers.iter().map(|offer| shown(*offer)).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut value = [0; 500];
        let offered = Parameters::offer(&offers, &mut value).unwrap();
        let Some((answer, servers)) = server(&shown(limits), offered) else { panic!("nothing to decline") };
        let clients = client(&texts, &format!("permessage-deflate{answer}"));
        let (servers, clients) = (parameters(&servers), parameters(&clients.unwrap().unwrap()));
        // The server accepts the first offer.
        prop_assert!(servers.server.window_bits <= offers[0].server.window_bits.min(limits.server.window_bits));
        prop_assert!(servers.client.window_bits <= limits.client.window_bits);
        let wanted = offers[0].server.no_context_takeover || limits.server.no_context_takeover;
        prop_assert_eq!(servers.server.no_context_takeover, wanted);
        // The client inflates with the parameters with which the server deflates. It deflates with those with which the server
        // inflates, or with a smaller window or no takeover.
        prop_assert_eq!(clients.server, servers.server);
        prop_assert!(clients.client.window_bits <= servers.client.window_bits);
        prop_assert!(clients.client.no_context_takeover || !servers.client.no_context_takeover);
    }
}
