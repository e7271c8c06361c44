//! The fields that matter in a head: their names, and the list in which their values are kept.

use super::cursor::Cursor;
use super::error::HandshakeError;
use super::list::elements;

/// The names of the fields that matter: those that the engine looks at, and those that the host asked to keep, all in
/// any case. The id of a field is its place in this order.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Names<'c> {
    pub(super) engine: &'c [&'c str],
    pub(super) keep: &'c [&'c str],
}

/// The id of the start line.
pub(super) const START_LINE: u16 = u16::MAX;

/// The id of all fields that do not matter. Nothing in the list has it.
pub(super) const OTHER: u16 = START_LINE - 1;

impl Names<'_> {
    /// The id of the first name that goes on with `piece` where it has `len` bytes in common with the name `like`, the
    /// first that has, and that ends there if `whole`.
    pub(super) fn find(&self, like: u16, len: usize, piece: &[u8], whole: bool) -> u16 {
        let seen = Cursor(self.get(like).unwrap_or_default()).take(len);
        let len = len + piece.len();
        let mut ids = (like..OTHER).map_while(|id| Some((id, self.get(id)?)));
        // RFC 9110 5.1: names are case-insensitive [6455-4.2.1-9]
        let found = ids.find(|(_, name)| {
            let mut rest = Cursor(name);
            (!whole || name.len() == len) && rest.eat(seen) && rest.eat(piece)
        });
        found.map_or(OTHER, |(id, _)| id)
    }

    /// The id of this name: what [`find`](Self::find) says of a whole one, in fewer instructions.
    pub(super) fn id(&self, name: &[u8]) -> u16 {
        let mut names = self.engine.iter().chain(self.keep);
        let id = names.position(|other| other.as_bytes().eq_ignore_ascii_case(name));
        id.map_or(OTHER, |id| id.min(OTHER.into()) as u16)
    }

    fn get(&self, id: u16) -> Option<&[u8]> {
        let id = usize::from(id);
        let name = self.engine.get(id).or_else(|| self.keep.get(id.wrapping_sub(self.engine.len())));
        name.map(|name| name.as_bytes())
    }
}

/// The bytes of an entry in front of its value: the id and the length.
pub(super) const ENTRY: usize = 4;

/// The start line and the fields that a [`Head`](super::head::Head) kept, in the order of their arrival.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fields<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) list: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The ids and values.
    pub(super) fn iter(self) -> Entries<'a> {
        Entries(self.list)
    }

    /// The values of the field with this id.
    pub(super) fn values(self, id: u16) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter().filter(move |(other, _)| *other == id).map(|(_, value)| value)
    }

    /// The first value of the field with this id.
    pub(super) fn first(self, id: u16) -> Option<&'a [u8]> {
        self.values(id).next()
    }

    /// Whether `test` holds for an element of the list that is this field's value. Several fields are one list.
    pub(super) fn any(self, id: u16, test: impl Fn(&[u8]) -> bool) -> bool {
        self.values(id).any(|value| elements(value).any(&test))
    }

    /// The values of the field with this name, in any case; none if fields of this name do not matter.
    pub(super) fn named(self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.values(self.names.find(0, 0, name.as_bytes(), true))
    }
}

#[derive(Clone)]
pub(super) struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let (&[i0, i1, l0, l1], rest) = self.0.split_first_chunk::<ENTRY>()?;
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes([l0, l1]).into())?;
        self.0 = rest;
        Some((u16::from_le_bytes([i0, i1]), value))
    }
}

/// What the engine asks of the fields with the lowest ids, one error for each. In the masks bit n stands for id n.
pub(super) struct Rules {
    /// What is wrong when a field is, in the order in which errors are looked for.
    pub(super) errors: &'static [HandshakeError],
    /// Fields that must not repeat.
    pub(super) once: u16,
    /// Fields of which one value must be good. Of all others none may be bad.
    pub(super) required: u16,
}

/// The fields that there are, and those that are wrong: required and without a good value, or with a bad one.
pub(super) struct Judged {
    pub(super) seen: u16,
    pub(super) wrong: u16,
}

impl Rules {
    /// Looks at the value of every field, in the order of their arrival; fails at one that repeats and must not.
    pub(super) fn judge(
        &self,
        fields: Fields<'_>,
        is_good: &dyn Fn(u16, &[u8]) -> bool,
    ) -> Result<Judged, HandshakeError> {
        let mut judged = Judged { seen: 0, wrong: self.required };
        for (id, value) in fields.iter() {
            let Some(&error) = self.errors.get(usize::from(id)) else { continue };
            let bit = 1 << id;
            if self.once & judged.seen & bit != 0 {
                return Err(error);
            }
            judged.seen |= bit;
            match is_good(id, value) {
                true => judged.wrong &= !(bit & self.required),
                false => judged.wrong |= bit & !self.required,
            }
        }
        Ok(judged)
    }

    /// The first error of the fields in `among`.
    pub(super) fn check(&self, judged: &Judged, among: u16) -> Result<(), HandshakeError> {
        let first = (judged.wrong & among).trailing_zeros();
        self.errors.get(first as usize).map_or(Ok(()), |&error| Err(error))
    }
}
