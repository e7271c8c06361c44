//! Parses the heads of HTTP messages line by line.

use super::lists::is_token_byte;
use barews::HandshakeError as E;

/// A head, parsed without limits.
pub struct Head<'w> {
    pub start_line: &'w [u8],
    /// Names in lower case, and values without white space around them.
    pub fields: Vec<(String, &'w [u8])>,
    /// The values with their trailing white space, as they pass through the storage.
    pub raw: Vec<&'w [u8]>,
    pub len: usize,
}

/// The result of parsing a head.
pub enum End<T> {
    Partial,
    Broken(E),
    Complete(T),
}

impl Head<'_> {
    pub fn values(&self, name: &str) -> Vec<&[u8]> {
        self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| *value).collect()
    }
}

/// Parses a head. `start_line` validates the first line, and returns false if the line is to be ignored.
pub fn head<'w>(stream: &'w [u8], start_line: impl Fn(&[u8]) -> Result<bool, E>) -> End<Head<'w>> {
    let mut head = Head { start_line: b"", fields: vec![], raw: vec![], len: 0 };
    loop {
        let line = match line(&stream[head.len..], E::StartLine) {
            Ok(Some(line)) => line,
            Ok(None) => return End::Partial,
            Err(error) => return End::Broken(error),
        };
        head.len += line.len() + 2;
        match start_line(line) {
            Ok(true) => {
                head.start_line = line;
                break;
            }
            Ok(false) => {}
            Err(error) => return End::Broken(error),
        }
    }
    loop {
        let rest = &stream[head.len..];
        let name_len = rest.iter().position(|byte| !is_token_byte(*byte)).unwrap_or(rest.len());
        let name = &rest[..name_len];
        match (name, rest.get(name_len)) {
            (_, None) => return End::Partial,
            ([], Some(b'\r')) => match rest.get(1) {
                None => return End::Partial,
                Some(b'\n') => {
                    head.len += 2;
                    return End::Complete(head);
                }
                Some(_) => return End::Broken(E::LineEnding),
            },
            (_, Some(b'\n')) => return End::Broken(E::LineEnding),
            ([], Some(b' ' | b'\t')) => return End::Broken(E::ObsoleteFolding),
            ([_, ..], Some(b':')) => {}
            _ => return End::Broken(E::FieldName),
        }
        match line(&rest[name_len + 1..], E::FieldValue) {
            Ok(Some(value)) => {
                head.len += name_len + 1 + value.len() + 2;
                head.raw.push(value.trim_blank_start());
                head.fields.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value.trim_blank()));
            }
            Ok(None) => return End::Partial,
            Err(error) => return End::Broken(error),
        }
    }
}

/// Returns a line without its CR LF. `control` is the error for a control character in it.
fn line(rest: &[u8], control: E) -> Result<Option<&[u8]>, E> {
    let Some(end) = rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t') else { return Ok(None) };
    match rest[end..] {
        [b'\r'] => Ok(None),
        [b'\r', b'\n', ..] => Ok(Some(&rest[..end])),
        [b'\r' | b'\n', ..] => Err(E::LineEnding),
        _ => Err(control),
    }
}

/// Trims spaces and tabs, the only white space in HTTP.
pub trait TrimBlank {
    fn trim_blank_start(&self) -> &Self;
    fn trim_blank(&self) -> &Self;
}

impl TrimBlank for [u8] {
    fn trim_blank_start(&self) -> &Self {
        let start = self.iter().take_while(|byte| b" \t".contains(byte)).count();
        &self[start..]
    }

    fn trim_blank(&self) -> &Self {
        let inner = self.trim_blank_start();
        let trailing = inner.iter().rev().take_while(|byte| b" \t".contains(byte)).count();
        &inner[..inner.len() - trailing]
    }
}
