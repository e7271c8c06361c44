//! The fields that matter in a head: their names, and the list in which their values are kept.

use super::list::{self, cut};
use crate::HandshakeError;

/// The names of the fields that matter: those that the engine looks at, in lower case, and those that the host asked to
/// keep, in any case. The id of a field is its place in this order.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Names<'c> {
    pub(super) engine: &'c [&'c str],
    pub(super) keep: &'c [&'c str],
}

impl Names<'_> {
    /// The id of the first name that begins with `seen` and `piece`, and ends there if `whole`.
    pub(super) fn find(&self, seen: &[u8], piece: &[u8], whole: bool) -> Option<u16> {
        let len = seen.len().saturating_add(piece.len());
        let is_like = |name: &&str| {
            (name.len() == len || (name.len() > len && !whole)) && {
                let (start, rest) = cut(name.as_bytes(), Some(seen.len()));
                // RFC 9110 5.1: names are case-insensitive [6455-4.2.1-9]
                cut(rest, Some(piece.len())).0.eq_ignore_ascii_case(piece) && start.eq_ignore_ascii_case(seen)
            }
        };
        let id = self.engine.iter().position(is_like).or_else(|| {
            let place = self.keep.iter().position(is_like)?;
            Some(self.engine.len().saturating_add(place))
        })?;
        u16::try_from(id).ok().filter(|&id| id != START_LINE)
    }

    /// The name with this id.
    pub(super) fn get(&self, id: u16) -> &[u8] {
        self.engine.iter().chain(self.keep).nth(id.into()).map_or(&[], |name| name.as_bytes())
    }
}

/// The id of the start line. It is the first entry of the list.
pub(super) const START_LINE: u16 = u16::MAX;

/// The bytes of an entry in front of its value: the id and the length.
pub(super) const ENTRY: usize = 4;

/// The start line and the fields that a [`Head`](super::head::Head) kept, in the order of their arrival.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fields<'a> {
    pub(super) names: Names<'a>,
    pub(super) list: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn start_line(self) -> &'a [u8] {
        Entries(self.list).next().map_or(&[], |(_, line)| line)
    }

    /// The ids and values of the fields.
    pub(super) fn iter(self) -> impl Iterator<Item = (u16, &'a [u8])> + Clone {
        Entries(self.list).skip(1)
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
    pub(super) fn any(self, id: u16, test: &dyn Fn(&[u8]) -> bool) -> bool {
        self.values(id).any(|value| list::any(value, test))
    }

    /// The values of the field with this name, in any case; none if fields of this name do not matter.
    pub(super) fn named(self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        self.values(self.names.find(&[], name.as_bytes(), true).unwrap_or(START_LINE))
    }
}

#[derive(Clone)]
struct Entries<'a>(&'a [u8]);

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

/// The fields that have a good value, and those that have a bad one.
pub(super) struct Judged {
    pub(super) good: u16,
    pub(super) bad: u16,
}

impl Rules {
    /// Looks at the value of every field, in the order of their arrival; fails at one that repeats and must not.
    pub(super) fn judge(
        &self,
        fields: Fields<'_>,
        is_good: &dyn Fn(u16, &[u8]) -> bool,
    ) -> Result<Judged, HandshakeError> {
        let (mut good, mut bad) = (0, 0);
        for (id, value) in fields.iter() {
            let Some(&error) = self.errors.get(usize::from(id)) else { continue };
            let bit = 1 << id;
            if self.once & (good | bad) & bit != 0 {
                return Err(error);
            }
            *if is_good(id, value) { &mut good } else { &mut bad } |= bit;
        }
        Ok(Judged { good, bad })
    }

    /// The first error of the fields in `among`.
    pub(super) fn check(&self, judged: &Judged, among: u16) -> Result<(), HandshakeError> {
        let wrong = (self.required & !judged.good | judged.bad & !self.required) & among;
        self.errors.get(wrong.trailing_zeros() as usize).map_or(Ok(()), |&error| Err(error))
    }
}
