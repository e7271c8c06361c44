//! Tokens and comma-separated lists, parsed by recursive descent.

use super::TrimBlank;

pub fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte)
}

pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

/// Returns the elements of a list, without empty ones.
pub fn elements(value: &[u8]) -> Vec<&[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_blank).filter(|element| !element.is_empty()).collect()
}

/// Parses a field that lists subprotocols.
pub fn subprotocols(value: &[u8]) -> Option<Vec<String>> {
    let elements = elements(value);
    (!elements.is_empty() && elements.iter().all(|element| is_token(element)))
        .then(|| elements.iter().map(|element| String::from_utf8_lossy(element).into_owned()).collect())
}

/// An extension with its parameters.
pub type Extension = (String, Vec<(String, Option<String>)>);

/// Parses a field that lists extensions (RFC 6455 section 9.1).
pub fn extensions(value: &[u8]) -> Option<Vec<Extension>> {
    let mut at = Reader(value);
    let mut extensions = Vec::new();
    loop {
        at.blank();
        while at.take(b',') {
            at.blank();
        }
        if at.0.is_empty() {
            return (!extensions.is_empty()).then_some(extensions);
        }
        let mut extension = (at.token()?, Vec::new());
        at.blank();
        while at.take(b';') {
            at.blank();
            let name = at.token()?;
            at.blank();
            let mut value = None;
            if at.take(b'=') {
                at.blank();
                value = Some(if at.take(b'"') { at.quoted()? } else { at.token()? });
                at.blank();
            }
            extension.1.push((name, value));
        }
        extensions.push(extension);
        if !at.0.is_empty() && !at.0.starts_with(b",") {
            return None;
        }
    }
}

struct Reader<'v>(&'v [u8]);

impl Reader<'_> {
    fn take(&mut self, byte: u8) -> bool {
        let found = self.0.first() == Some(&byte);
        self.0 = &self.0[usize::from(found)..];
        found
    }

    fn blank(&mut self) {
        self.0 = self.0.trim_blank_start();
    }

    fn token(&mut self) -> Option<String> {
        let len = self.0.iter().take_while(|byte| is_token_byte(**byte)).count();
        let (token, rest) = self.0.split_at(len);
        self.0 = rest;
        is_token(token).then(|| String::from_utf8_lossy(token).into_owned())
    }

    /// Parses a quoted string whose value is a token, after its first quote.
    fn quoted(&mut self) -> Option<String> {
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            match byte {
                b'"' => break,
                b'\\' => {
                    let (&escaped, rest) = self.0.split_first()?;
                    self.0 = rest;
                    value.push(escaped);
                }
                byte => value.push(byte),
            }
        }
        is_token(&value).then(|| String::from_utf8_lossy(&value).into_owned())
    }
}
