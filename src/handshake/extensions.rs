//! Sec-WebSocket-Extensions: the list of extensions that a client offers or a server chose (RFC 6455 section 9.1). Each
//! extension defines the meaning of its own parameters.
//!
//! ```text
//! extension-list  = 1#extension
//! extension       = token *( ";" extension-param )
//! extension-param = token [ "=" ( token / quoted-string ) ]      ; the unquoted string is a token
//! ```
//!
//! A quoted value must be a token, so it contains no separator: a valid list can be split at every comma, and its
//! elements at every semicolon. Each byte is read a fixed number of times, whatever the input is.

use super::chars::{TOKEN, trim};
use super::cursor::Cursor;
use super::list::{elements, text};

/// An extension with its parameters, as it was sent in Sec-WebSocket-Extensions (RFC 6455 section 9.1).
///
/// ```
/// use barews::handshake::parsed::ClientHandshake;
/// use barews::handshake::{ClientConfig, Param};
///
/// let config = ClientConfig { extensions: "permessage-deflate", ..ClientConfig::DEFAULT };
/// let mut handshake = ClientHandshake::extended_connect(&config, [0; 512]);
/// handshake.receive(200, [("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=\"10\"")])?;
///
/// let Some(response) = handshake.response() else { panic!() };
/// let Some(extension) = response.extensions().next() else { panic!() };
/// let Some(Param { name, value: Some(value) }) = extension.params().next() else { panic!() };
/// assert_eq!((extension.name(), name), ("permessage-deflate", "server_max_window_bits"));
/// assert!(value == "10"); // the quotes are removed
/// let digits: String = value.bytes().map(char::from).collect();
/// assert_eq!(digits.parse(), Ok(10));
/// # Ok::<(), barews::HandshakeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extension<'a>(&'a str);

/// A parameter. See [`Extension`] for an example.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Param<'a> {
    /// The name, a token.
    pub name: &'a str,
    /// The value; `None` if there is only a name.
    pub value: Option<ParamValue<'a>>,
}

/// The value of a [`Param`], a token.
///
/// It can be a quoted string with escapes, so it is not a plain `&str`: compare it with one, or read its
/// [`bytes`](Self::bytes).
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParamValue<'a>(&'a str);

impl<'a> Extension<'a> {
    /// Returns the name of the extension, a token.
    #[must_use]
    pub fn name(&self) -> &'a str {
        text(name(self.0.as_bytes()))
    }

    /// Returns the parameters in order. Repeated and unknown names are not checked.
    pub fn params(&self) -> impl Iterator<Item = Param<'a>> + Clone + use<'a> {
        let params = self.0.as_bytes().split(|&byte| byte == b';').skip(1).filter_map(|part| param(&mut Cursor(part)));
        params.map(|(name, value)| Param { name: text(name), value: value.map(|value| ParamValue(text(value))) })
    }
}

impl<'a> ParamValue<'a> {
    /// Returns the bytes of the token. See [`Extension`] for an example.
    pub fn bytes(&self) -> impl Iterator<Item = u8> + Clone + use<'a> {
        // A token contains no backslash, so each one here escapes the next byte.
        self.0.bytes().filter(|&byte| byte != b'\\')
    }
}

impl PartialEq for ParamValue<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for ParamValue<'_> {}

impl PartialEq<&str> for ParamValue<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.bytes().eq(other.bytes())
    }
}

/// Returns the extensions in a field value, for which [`is_valid`] must hold.
pub(super) fn extensions(value: &[u8]) -> impl Iterator<Item = Extension<'_>> + Clone {
    elements(value).map(|element| Extension(text(element)))
}

/// Returns whether a field value is an extension list with at least one element.
pub(super) fn is_valid(value: &[u8]) -> bool {
    is_list(value, true) && elements(value).next().is_some()
}

/// Returns whether a field value is a list of tokens, each with parameters after it if these are allowed. It can be
/// empty.
// RFC 6455 9.1, 4.3: the ABNF [6455-9.1-1] [6455-4.3-1]
pub(super) fn is_list(value: &[u8], parameters: bool) -> bool {
    let mut rest = Cursor(value);
    loop {
        if !rest.word().is_empty() {
            while parameters && rest.skip(b';') {
                if param(&mut rest).is_none() {
                    return false;
                }
            }
        }
        if !rest.skip(b',') {
            return rest.0.is_empty();
        }
    }
}

/// Returns whether the valid list `offers` contains the extension `chosen`.
pub(super) fn is_offered(chosen: &[u8], offers: &[u8]) -> bool {
    elements(offers).any(|offer| name(offer) == name(chosen))
}

/// Returns the name of an extension in a valid list.
fn name(extension: &[u8]) -> &[u8] {
    trim(Cursor(extension).until(b';'))
}

/// Reads a parameter. Returns its name and its value, without the quotes.
fn param<'a>(rest: &mut Cursor<'a>) -> Option<(&'a [u8], Option<&'a [u8]>)> {
    let name = rest.word();
    if name.is_empty() {
        return None;
    }
    if !rest.skip(b'=') {
        return Some((name, None));
    }
    let value = param_value(rest);
    (!value.is_empty()).then_some((name, Some(value)))
}

/// Reads the value of a parameter. Returns an empty slice if it is invalid.
fn param_value<'a>(rest: &mut Cursor<'a>) -> &'a [u8] {
    rest.space();
    if !rest.skip(b'"') {
        return rest.word();
    }
    // RFC 6455 9.1, 4.3: the unescaped value is a token [6455-9.1-2] [6455-4.3-2]
    let inside = *rest;
    rest.span(TOKEN);
    while rest.skip(b'\\') {
        if rest.span(TOKEN).is_empty() {
            return &[];
        }
    }
    let value = inside.before(*rest);
    let closed = rest.skip(b'"');
    rest.space();
    if closed { value } else { &[] }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::super::list::some_and_all;
    use super::*;
    use alloc::{format, string::String, vec::Vec};

    /// `a; b=c, d` as `a(b=c) d()`.
    fn show(value: &str) -> Option<String> {
        is_valid(value.as_bytes()).then(|| {
            let shown: Vec<_> = extensions(value.as_bytes())
                .map(|extension| {
                    let params: Vec<_> = extension
                        .params()
                        .map(|Param { name, value }| match value {
                            Some(value) => {
                                format!("{name}={}", String::from_utf8(value.bytes().collect()).unwrap())
                            }
                            None => name.into(),
                        })
                        .collect();
                    format!("{}({})", extension.name(), params.join(" "))
                })
                .collect();
            shown.join(" ")
        })
    }

    /// [6455-9.1-1] [6455-9.1-2] [6455-4.3-1] [6455-4.3-2]
    #[test]
    fn extension_list_follows_the_grammar() {
        for (value, shown) in [
            ("deflate-stream", "deflate-stream()"),
            ("mux; max-channels=4; flow-control, deflate-stream", "mux(max-channels=4 flow-control) deflate-stream()"),
            ("foo;a=1;a=2;a", "foo(a=1 a=2 a)"),
            ("foo \t;\ta\t= 1\t, \tbar", "foo(a=1) bar()"),
            (",, foo ,\t,bar,", "foo() bar()"),
            ("foo; a=\"1\"", "foo(a=1)"),
            ("foo; a=\"\\1\\2\"", "foo(a=12)"),
            ("!#$%&'*+-.^_`|~; 0=~", "!#$%&'*+-.^_`|~(0=~)"),
        ] {
            assert_eq!(show(value).as_deref(), Some(shown), "{value}");
        }
        for value in [
            "",
            " ",
            ",",
            " ,\t, ",
            ";",
            "; foo",
            "foo;",
            "foo; ",
            "foo;;a",
            "foo; =5",
            "foo; a=",
            "foo; a= ;b",
            "foo;a=,bar",
            "foo bar",
            "foo; a b",
            "foo; a=b c",
            "foo; a==b",
            "foo=1",
            "foo/1",
            "f\u{e9}",
            "\"foo\"",
            "foo; \"a\"",
            "foo; \"a\"=1",
            "foo; a=\"\"",
            "foo; a=\"",
            "foo; a=\"\\\"",
            "foo; a=\"b\\\"",
            "foo; a=\"b\"c",
            "foo; a=\"b\" c",
            "foo; a=b\"c\"",
            "foo; a=\" b\"",
            "foo; a=\"b c\"",
            "foo; a=\"\\ \"",
            "foo; a=\"\\\\\"",
            "foo; a=\"\\\"\"",
            "foo; a=\";\"",
            "x; y=\",permessage-deflate,\"",
            "x; y=\", permessage-deflate",
            "foo; a='b c'",
        ] {
            assert_eq!(show(value), None, "{value}");
        }
    }

    #[test]
    fn list_without_parameters_holds_tokens_only() {
        for (list, valid) in [
            ("a", true),
            (",a,", true),
            (" a\t, b ", true),
            ("a b", false),
            ("a;b", false),
            ("a,\"b\"", false),
            ("", true),
            (" , ", true),
        ] {
            assert_eq!(is_list(list.as_bytes(), false), valid, "{list:?}");
        }
        assert!(is_list(b"", true) && !is_valid(b"") && !is_valid(b" , "));
    }

    #[test]
    fn values_compare_without_quotes_and_escapes() {
        let value = |text| extensions(text).next().unwrap().params().next().unwrap().value.unwrap();
        assert_eq!(value(b"foo; a=12"), value(b"foo; a=\"1\\2\""));
        assert_eq!(value(b"foo; a=\"1\\2\""), "12");
        assert_ne!(value(b"foo; a=\"1\\2\""), "1\\2");
        assert_ne!(value(b"foo; a=12"), "123");
        assert_ne!(value(b"foo; a=12"), value(b"foo; a=123"));
    }

    /// [6455-4.2.2-11] [6455-4.1-39]
    #[test]
    fn chosen_extension_must_be_offered() {
        let offered = |chosen: &[u8]| some_and_all(chosen, |chosen| is_offered(chosen, b"foo; a, bar"));
        assert!(offered(b"bar") && offered(b"bar; x, foo"));
        assert!(!offered(b"baz") && !offered(b"foo, baz") && !offered(b"fo") && !offered(b"FOO") && !offered(b"a"));
    }

    /// Quadratic work on lists of this length would take minutes.
    #[test]
    fn hostile_lists_take_linear_time() {
        for (unit, valid) in
            [(" ", true), (",", true), ("; a", true), (";", false), ("\"", false), ("; a=\"\\", false), (", foo", true)]
        {
            let list = format!("foo{}", unit.repeat(1 << 18));
            assert_eq!(is_valid(list.as_bytes()), valid, "{unit}");
        }
    }
}
