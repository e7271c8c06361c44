//! Credentials for a server or a proxy: RFC 9110 section 11, RFC 7617, RFC 6750.

use super::{ANY, NONCE};
use barews::BuildError;
use barews::handshake::{
    Accept, ClientConfig, ClientHandshake, ClientRequest, Progress, ServerConfig, ServerHandshake, Uri,
    basic_credentials, bearer_credentials,
};

/// Encodes the text as a string of bits, 6 for each digit (RFC 4648 section 4).
pub(super) fn naive_basic(user_pass: &[u8]) -> String {
    let digits: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut bits: String = user_pass.iter().map(|byte| format!("{byte:08b}")).collect();
    bits += &"0".repeat((6 - bits.len() % 6) % 6);
    let text: String =
        (0..bits.len()).step_by(6).map(|at| digits[usize::from_str_radix(&bits[at..at + 6], 2).unwrap()]).collect();
    format!("Basic {text}{}", "=".repeat((4 - text.len() % 4) % 4))
}

/// RFC 7617 section 2, with the examples of sections 2 and 2.1. [7617-2-1] [7617-2.1-1]
#[test]
fn basic_credentials_are_the_base64_of_user_id_and_password() {
    for (user_id, password) in [
        ("Aladdin", "open sesame"),
        ("test", "123\u{a3}"),
        ("", ""),
        ("a", ""),
        ("", "a"),
        ("ab", ":c:"),
        ("\u{fc}ser@example.com", "\u{1f980} =/+?&#%"),
        ("a", &"x".repeat(300)),
    ] {
        let mut out = [b'.'; 512];
        let expected = naive_basic(format!("{user_id}:{password}").as_bytes());
        assert_eq!(basic_credentials(user_id, password, &mut out), Ok(&*expected), "{user_id:?} {password:?}");
        // P11
        let need = expected.len();
        for room in [0, need - 1] {
            let mut out = vec![b'.'; room];
            assert_eq!(basic_credentials(user_id, password, &mut out), Err(BuildError::BufferTooSmall { need }));
            assert!(out.iter().all(|byte| *byte == b'.'), "nothing is written");
        }
        assert!(basic_credentials(user_id, password, &mut out[..need]).is_ok());
    }
    let mut out = [0; 64];
    assert_eq!(basic_credentials("Aladdin", "open sesame", &mut out), Ok("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
    assert_eq!(basic_credentials("test", "123\u{a3}", &mut out), Ok("Basic dGVzdDoxMjPCow=="));
}

/// RFC 7617 section 2: no colon in the user-id [7617-2-3], no control character in either [7617-2-2].
#[test]
fn basic_credentials_refuse_a_colon_and_control_characters() {
    let mut out = [0; 64];
    for (user_id, password, valid) in [
        ("a:b", "c", false),
        (":", "", false),
        ("a", "b:c", true),
        ("a\r\nX: y", "c", false),
        ("a", "b\r\nX: y", false),
        ("a", "b\t", false),
        ("a", "\x7f", false),
        ("\0", "b", false),
        ("a", "\x1f", false),
        ("a b", " ~", true),
    ] {
        let outcome = basic_credentials(user_id, password, &mut out).map(|_| ());
        let expected = if valid { Ok(()) } else { Err(BuildError::Credentials) };
        assert_eq!(outcome, expected, "{user_id:?} {password:?}");
    }
}

/// RFC 9110 section 11.2 [9110-11.2-1], RFC 6750 section 2.1 [6750-2.1-1].
#[test]
fn bearer_credentials_are_a_token68() {
    for byte in 0..=0x7f_u8 {
        let token = char::from(byte).to_string();
        let valid = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let (mut out, need) = ([0; 64], 8);
        let expected = format!("Bearer {token}");
        let expected = if valid { Ok(&*expected) } else { Err(BuildError::Credentials) };
        assert_eq!(bearer_credentials(&token, &mut out), expected, "{token:?}");
        if valid {
            assert_eq!(bearer_credentials(&token, &mut out[..7]), Err(BuildError::BufferTooSmall { need }));
        }
    }
    for (token, valid) in [
        ("", false),
        ("=", false),
        ("a=", true),
        ("a==", true),
        ("a=b", false),
        ("a= ", false),
        ("eyJhbGciOiJIUzI1NiJ9.e30.ZRrHA1JJJW8opsbCGfG_HACGpVUMN_a9IV7pAx_Zmeo", true),
        ("a b", false),
        ("a\r\nX: y", false),
        ("\u{e4}", false),
        ("a,b", false),
    ] {
        let expected = format!("Bearer {token}");
        let expected = if valid { Ok(&*expected) } else { Err(BuildError::Credentials) };
        assert_eq!(bearer_credentials(token, &mut [0; 128]), expected, "{token:?}");
    }
}

/// [9110-11.6.2-1]: a 401 hands out its challenge; the request with credentials arrives at a server that keeps Authorization.
#[test]
fn credentials_answer_a_challenge() {
    let mut refused = ClientHandshake::new(&ClientConfig::DEFAULT, NONCE, [0; 256]);
    let mut read = b"HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm=\"a\"\r\n\r\n".to_vec();
    assert!(matches!(refused.receive(&mut read), Ok(Progress::Complete { .. })));
    let challenge = refused.response().unwrap().field("WWW-Authenticate").unwrap();
    assert_eq!(challenge, b"Basic realm=\"a\"");

    let (mut value, mut out) = ([0; 64], [0; 512]);
    let value = basic_credentials("Aladdin", "open sesame", &mut value).unwrap();
    let request =
        ClientRequest { fields: &[("Authorization", value)], ..ClientRequest::new(Uri::parse("ws://a").unwrap()) };
    let len = ClientHandshake::new(&ClientConfig::DEFAULT, NONCE, [0; 256]).request(&request, &mut out).unwrap();
    let config = ServerConfig { keep: &["authorization"], ..ANY };
    let mut server = ServerHandshake::new(&config, [0; 512]);
    assert!(matches!(server.receive(&mut out[..len]), Ok(Progress::Complete { .. })));
    assert_eq!(server.request().unwrap().field("authorization"), Some(value.as_bytes()));
    assert!(server.accept(&Accept::default(), &mut out).is_ok());
}
