//! The line on which a key stands. `serde_yaml` knows lines only while it reads text, so the text is read once more and
//! stopped, by an error that carries the position, at the key that is looked for. Only errors pay for this.
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::path::{KeyPath, Segment};

/// Line (from 1) of the key or item at `path` in the YAML `text`, or of the nearest thing above it that exists.
pub fn line(text: &str, path: &KeyPath) -> Option<usize> {
    (1..=path.0.len()).rev().find_map(|length| {
        let seed = Node(&path.0[..length]);
        let error = seed.deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
        if !error.to_string().contains(FOUND) {
            return None;
        }
        error.location().map(|location| location.line())
    })
}

/// Message that distinguishes the deliberate stop from a true error.
const FOUND: &str = "this is the key that was looked for";

/// A value below which the rest of a path is looked for.
struct Node<'a>(&'a [Segment]);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.first() {
            None => f.write_str(FOUND),
            Some(_) => f.write_str("something with parts"),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Segment::Key(wanted), rest)) = self.0.split_first() else {
            return Err(A::Error::custom(FOUND));
        };
        while let Some(is_wanted) = map.next_key_seed(Key { wanted, stop: rest.is_empty() })? {
            if is_wanted {
                map.next_value_seed(Node(rest))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((Segment::Index(wanted), rest)) = self.0.split_first() else {
            return Err(A::Error::custom(FOUND));
        };
        for _ in 0..*wanted {
            if list.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        list.next_element_seed(Node(rest))?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

/// A key of a mapping; the answer is whether it is the wanted one.
struct Key<'a> {
    wanted: &'a str,
    stop: bool,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<bool, E> {
        if key == self.wanted && self.stop { Err(E::custom(FOUND)) } else { Ok(key == self.wanted) }
    }
}

#[cfg(test)]
mod tests {
    use super::line;
    use crate::path::KeyPath;

    const TEXT: &str = "figure: fig1\n# a comment\nlosses:\n  two-scale-0.01:\n    eta: 0.01\n    label: x\npanels:\n  - panel: left\n    x: {label: a,\n        from: 0}\n  - panel: right\n";

    #[test]
    fn keys_and_items_are_found_on_their_lines() {
        let losses = KeyPath::top().key("losses");
        let panels = KeyPath::top().key("panels");
        assert_eq!(line(TEXT, &KeyPath::top().key("figure")), Some(1));
        assert_eq!(line(TEXT, &losses), Some(3));
        assert_eq!(line(TEXT, &losses.key("two-scale-0.01").key("eta")), Some(5));
        assert_eq!(line(TEXT, &panels.index(0).key("x").key("from")), Some(10));
        assert_eq!(line(TEXT, &panels.index(1)), Some(11));
    }

    #[test]
    fn what_does_not_exist_is_placed_at_what_it_would_be_in() {
        let missing = KeyPath::top().key("losses").key("two-scale-0.01").key("kind");
        assert_eq!(line(TEXT, &missing), Some(4));
        assert_eq!(line(TEXT, &KeyPath::top().key("seeds")), None);
    }
}
