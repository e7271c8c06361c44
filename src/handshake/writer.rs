//! The fields of the engine's own messages. The host's fields cannot add a line to the head, or replace a field that
//! the engine writes.

use super::chars::is_control;
use super::cursor::{Cursor, is_token};
use super::error::BuildError;
use super::request::RequestField;
use super::uri::Uri;
use crate::writer::Writer;

impl Writer<'_> {
    /// Writes a field. Its name and value must be valid.
    pub(super) fn field(&mut self, name: &str, value: &[u8]) {
        self.bytes(name.as_bytes());
        self.bytes(b": ");
        self.bytes(value);
        self.bytes(b"\r\n");
    }

    /// Writes the path and the query.
    pub(super) fn target(&mut self, uri: &Uri<'_>) {
        self.bytes(uri.path().as_bytes());
        if let Some(query) = uri.query() {
            self.bytes(b"?");
            self.bytes(query.as_bytes());
        }
    }

    /// Writes the host, and the port unless it is the default one.
    pub(super) fn host(&mut self, uri: &Uri<'_>) {
        self.bytes(uri.host().as_bytes());
        if let Some(port) = uri.explicit_port() {
            self.bytes(b":");
            self.number(port.into());
        }
    }

    /// Writes the host's fields, which [`check_fields`] has validated.
    pub(super) fn fields(&mut self, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            self.field(name, value.as_bytes());
        }
    }
}

/// Validates the fields that the host adds.
pub(super) fn check_fields(fields: &[(&str, &str)]) -> Result<(), BuildError> {
    fields.iter().try_for_each(|(name, value)| {
        if !is_token(name.as_bytes()) || is_reserved(name.as_bytes()) {
            return Err(BuildError::FieldName);
        }
        check_value(value)
    })
}

/// Validates a field value of the host's.
pub(super) fn check_value(value: &str) -> Result<(), BuildError> {
    if value.bytes().any(is_control) { Err(BuildError::FieldValue) } else { Ok(()) }
}

/// Returns whether only the engine may write a field: one that defines the protocol or where the message ends.
fn is_reserved(name: &[u8]) -> bool {
    Cursor(name).eat(b"sec-websocket-")
        || RequestField::NAMES.iter().any(|ours| name.eq_ignore_ascii_case(ours.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_on_a_line_each() {
        let mut out = [0; 12];
        let fields: &[_] = &[("A", "b"), ("C", "d")];
        assert_eq!(check_fields(fields), Ok(()));
        assert_eq!(crate::writer::build(&mut out, &|w| w.fields(fields)), Ok(12));
        assert_eq!(&out, b"A: b\r\nC: d\r\n");
    }

    #[test]
    fn host_cannot_add_lines_or_replace_fields_of_the_engine() {
        for (name, value, error) in [
            ("", "b", BuildError::FieldName),
            ("a b", "b", BuildError::FieldName),
            ("a:", "b", BuildError::FieldName),
            ("a\r\nb", "b", BuildError::FieldName),
            ("Host", "b", BuildError::FieldName),
            ("UPGRADE", "b", BuildError::FieldName),
            ("connection", "close", BuildError::FieldName),
            ("Sec-WebSocket-Anything", "b", BuildError::FieldName),
            ("Content-Length", "5", BuildError::FieldName),
            ("Transfer-Encoding", "chunked", BuildError::FieldName),
            ("a", "b\r\nc: d", BuildError::FieldValue),
            ("a", "b\r", BuildError::FieldValue),
            ("a", "\n", BuildError::FieldValue),
            ("a", "b\0", BuildError::FieldValue),
            ("a", "\x7f", BuildError::FieldValue),
        ] {
            assert_eq!(check_fields(&[(name, value)]), Err(error), "{name:?}: {value:?}");
        }
    }
}
