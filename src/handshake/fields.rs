//! The fields that matter in a head: their names, the list of their values, and their rules.

use core::num::NonZeroU16;

use super::cursor::Cursor;
use super::error::HandshakeError;
use super::list::elements;
use crate::target::FAST;

/// The start line, or a field that matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Id(NonZeroU16);

impl Id {
    pub(super) const START_LINE: Self = Self(NonZeroU16::MAX);

    /// The field with the first name in [`Names`].
    pub(super) const FIRST: Self = Self::of(0);

    /// Returns the field at this place in [`Names`].
    pub(super) const fn of(place: u16) -> Self {
        Self(NonZeroU16::MIN.saturating_add(place))
    }

    const fn place(self) -> usize {
        self.0.get() as usize - 1
    }

    pub(super) const fn to_bytes(self) -> [u8; 2] {
        self.0.get().to_le_bytes()
    }
}

/// The names, in any case, of the fields that matter: those that the engine reads, then those that the host wants to
/// keep. The [`Id`] of a field is its place in this order.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Names<'c> {
    pub(super) engine: &'c [&'c str],
    pub(super) keep: &'c [&'c str],
}

impl Names<'_> {
    /// Extends a partial match. `candidate` is the first name that matches the `len` bytes seen so far; returns the
    /// first that also matches `piece`. With `complete`, the name must end there. Example: with the names `Host`,
    /// `Origin` and `Upgrade`, the candidate for `o` is `Origin`. Extended by `rig` it stays; extended by `x` there is
    /// none.
    pub(super) fn extend(&self, candidate: Option<Id>, len: usize, piece: &[u8], complete: bool) -> Option<Id> {
        let first = candidate?.place();
        let seen = Cursor(self.get(first)?).take(len);
        let len = len + piece.len();
        let mut places = (first..Id::START_LINE.place()).map_while(|place| Some((place, self.get(place)?)));
        // RFC 9110 5.1: names are case-insensitive [6455-4.2.1-9]
        let (place, _) = places.find(|(_, name)| {
            let mut rest = Cursor(name);
            (!complete || name.len() == len) && rest.eat(seen) && rest.eat(piece)
        })?;
        Some(Id::of(place as u16))
    }

    /// Returns the field with this name.
    pub(super) fn id(&self, name: &[u8]) -> Option<Id> {
        // mutant: delete !: both give the same
        if !FAST {
            return self.extend(Some(Id::FIRST), 0, name, true);
        }
        let mut names = self.engine.iter().chain(self.keep);
        let place = names.position(|other| {
            let other = other.as_bytes();
            other.len() == name.len() && (other == name || other.eq_ignore_ascii_case(name))
        })?;
        (place < Id::START_LINE.place()).then(|| Id::of(place as u16))
    }

    fn get(&self, place: usize) -> Option<&[u8]> {
        let name = self.engine.get(place).or_else(|| self.keep.get(place.wrapping_sub(self.engine.len())));
        name.map(|name| name.as_bytes())
    }
}

/// The bytes of an entry before its value: the id and the length.
pub(super) const ENTRY: usize = 4;

/// The start line and the fields that were kept of a head, in the order in which they arrived.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Fields<'a> {
    pub(super) names: &'a Names<'a>,
    pub(super) list: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Returns the ids and values.
    pub(super) fn iter(self) -> Entries<'a> {
        Entries(self.list)
    }

    /// Returns the values of a field.
    pub(super) fn values(self, id: Id) -> impl Iterator<Item = &'a [u8]> + Clone {
        self.iter().filter(move |(other, _)| *other == id).map(|(_, value)| value)
    }

    /// Returns the first value of a field.
    pub(super) fn first(self, id: Id) -> Option<&'a [u8]> {
        self.values(id).next()
    }

    /// Returns whether `test` holds for an element of this field's value, which is a list. Repeated fields form one
    /// list.
    pub(super) fn any(self, id: Id, test: impl Fn(&[u8]) -> bool) -> bool {
        self.values(id).any(|value| elements(value).any(&test))
    }

    /// Returns the values of the field with this name, in any case. There are none if the field does not matter.
    pub(super) fn named(self, name: &str) -> impl Iterator<Item = &'a [u8]> + Clone + use<'a> {
        let id = self.names.id(name.as_bytes());
        self.iter().filter(move |(other, _)| Some(*other) == id).map(|(_, value)| value)
    }
}

#[derive(Clone)]
pub(super) struct Entries<'a>(&'a [u8]);

impl<'a> Iterator for Entries<'a> {
    type Item = (Id, &'a [u8]);

    fn next(&mut self) -> Option<(Id, &'a [u8])> {
        let (&[i0, i1, l0, l1], rest) = self.0.split_first_chunk::<ENTRY>()?;
        let (value, rest) = rest.split_at_checked(u16::from_le_bytes([l0, l1]).into())?;
        self.0 = rest;
        Some((Id(NonZeroU16::new(u16::from_le_bytes([i0, i1])).unwrap_or_else(|| never!(NonZeroU16::MAX))), value))
    }
}

/// What the engine requires of a field.
#[derive(Clone, Copy)]
pub(super) struct Rule {
    /// The error if the field is invalid; `None` if the engine does not check it.
    error: Option<HandshakeError>,
    /// Whether the field must be present with a valid value. If not, it must not have an invalid one.
    required: bool,
    /// Whether the field must not be repeated.
    once: bool,
}

impl Rule {
    pub(super) const NONE: Self = Self { error: None, required: false, once: false };

    pub(super) const fn required(error: HandshakeError) -> Self {
        Self { error: Some(error), required: true, once: false }
    }

    pub(super) const fn optional(error: HandshakeError) -> Self {
        Self { error: Some(error), required: false, once: false }
    }

    pub(super) const fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// Declares the fields of one kind of head, one per row: the id, the name, and the [`Rule`]. The first invalid field in
/// this order is reported.
macro_rules! fields {
    ($(#[$doc:meta])* enum $Field:ident { $($id:ident = $name:literal, $rule:expr;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum $Field { $($id),* }

        impl $Field {
            pub(super) const NAMES: &[&str] = &[$($name),*];
            const RULES: Rules = Rules::new(&[$($rule),*]);

            fn at(place: usize) -> Option<Self> {
                match place {
                    $(place if place == Self::$id as usize => Some(Self::$id),)*
                    _ => None,
                }
            }

            const fn id(self) -> super::fields::Id {
                super::fields::Id::of(self as u16)
            }
        }
    };
}
pub(super) use fields;

/// A set of fields that have a [`Rule`]. Bit n is the field at place n.
#[derive(Clone, Copy)]
pub(super) struct Set(u16);

impl Set {
    pub(super) const ALL: Self = Self(u16::MAX);

    pub(super) const fn of(mut fields: &[Id]) -> Self {
        let mut set = 0;
        while let [first, rest @ ..] = fields {
            set |= Self::bit(*first);
            fields = rest;
        }
        Self(set)
    }

    const fn bit(id: Id) -> u16 {
        1 << (id.place() & 15) // ids with a rule are below 16
    }

    pub(super) fn has(self, id: Id) -> bool {
        self.0 & Self::bit(id) != 0
    }

    pub(super) fn insert(&mut self, id: Id) {
        self.0 |= Self::bit(id);
    }

    pub(super) fn remove(&mut self, id: Id) {
        self.0 &= !Self::bit(id);
    }
}

/// The rules of one kind of head.
pub(super) struct Rules {
    /// The rule of each field, at its place.
    rules: &'static [Rule],
    once: Set,
    required: Set,
}

/// Which fields are present, and which are invalid: a required field without a valid value, or any other field with an
/// invalid one.
pub(super) struct Findings {
    pub(super) present: Set,
    pub(super) invalid: Set,
}

impl Rules {
    pub(super) const fn new(rules: &'static [Rule]) -> Self {
        assert!(rules.len() <= u16::BITS as usize, "a set has a bit for each rule");
        let (mut once, mut required) = (Set(0), Set(0));
        let (mut rest, mut place) = (rules, 0);
        while let [rule, others @ ..] = rest {
            let bit = Set::bit(Id::of(place));
            once.0 |= if rule.once { bit } else { 0 };
            required.0 |= if rule.required { bit } else { 0 };
            (rest, place) = (others, place + 1);
        }
        Self { rules, once, required }
    }

    /// Validates the value of every field, in the order in which they arrived. Fails at a field that must not be
    /// repeated.
    pub(super) fn validate(
        &self,
        fields: Fields<'_>,
        is_valid: &dyn Fn(usize, &[u8]) -> bool,
    ) -> Result<Findings, HandshakeError> {
        let mut found = Findings { present: Set(0), invalid: self.required };
        for (id, value) in fields.iter() {
            let Some(&Rule { error: Some(error), .. }) = self.rules.get(id.place()) else { continue };
            if self.once.has(id) && found.present.has(id) {
                return Err(error);
            }
            found.present.insert(id);
            match (is_valid(id.place(), value), self.required.has(id)) {
                (true, true) => found.invalid.remove(id),
                (false, false) => found.invalid.insert(id),
                _ => {}
            }
        }
        Ok(found)
    }

    /// Fails if a field in `among` is invalid.
    pub(super) fn check(&self, invalid: Set, among: Set) -> Result<(), HandshakeError> {
        let first = (invalid.0 & among.0).trailing_zeros(); // 16 if there is none; no rule has that place
        match self.rules.get(first as usize) {
            Some(&Rule { error: Some(error), .. }) => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec;

    #[test]
    fn name_after_the_last_id_does_not_matter() {
        let keep = vec![""; usize::from(u16::MAX) + 1];
        let names = Names { engine: &["a"], keep: &keep };
        assert_eq!((names.id(b"A"), names.id(b""), names.id(b"b")), (Some(Id::FIRST), Some(Id::of(1)), None));
        let extend = |piece| names.extend(Some(Id::FIRST), 0, piece, true);
        assert_eq!((extend(b"A"), extend(b""), extend(b"b")), (Some(Id::FIRST), Some(Id::of(1)), None));
        let names = Names { engine: &["a"], keep: &[&["b"; u16::MAX as usize - 2][..], &["c"; 2]].concat() };
        assert_eq!((names.id(b"b"), names.id(b"c")), (Some(Id::of(1)), None));
        assert_eq!(names.extend(Some(Id::FIRST), 0, b"c", true), None);
    }
}
