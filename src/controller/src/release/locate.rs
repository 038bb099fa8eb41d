//! Where each field of a YAML file stands, and what stands there.

use core::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::FieldPath;
use super::fault::Segment;

/// A file's nodes with their places.
#[derive(Debug)]
pub(super) struct Places(Spanned<Node>);

#[derive(Debug)]
enum Node {
    /// What it says; empty where it says nothing.
    Leaf(String),
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
}

/// Line and column, counted from 1.
pub(super) type Place = (u64, u64);

impl Places {
    /// `None` where the text is no YAML; then the error that says so has a place of its own.
    pub(super) fn of(yaml: &str) -> Option<Self> {
        serde_saphyr::from_str(yaml).ok().map(Self)
    }

    /// Whether a field holds a mapping or a list of nothing.
    pub(super) fn is_empty(&self, path: &FieldPath) -> bool {
        match &self.nearest(path).value {
            Node::Leaf(text) => text.is_empty(),
            Node::Map(fields) => fields.is_empty(),
            Node::List(elements) => elements.is_empty(),
        }
    }

    /// The place of a field, or of the nearest one around it that is there.
    pub(super) fn of_field(&self, path: &FieldPath) -> Option<Place> {
        place(self.nearest(path).referenced)
    }

    fn nearest(&self, path: &FieldPath) -> &Spanned<Node> {
        let mut at = &self.0;
        for segment in path.segments() {
            let inner = match (&at.value, segment) {
                (Node::Map(fields), Segment::Key(name)) => {
                    fields.iter().find(|(key, _)| key.value == *name).map(|(_, node)| node)
                }
                (Node::List(elements), Segment::Index(index)) => elements.get(*index),
                _ => None,
            };
            let Some(inner) = inner else { break };
            at = inner;
        }
        at
    }

    /// The field whose name or value stands at a place, with the value where it is a scalar.
    pub(super) fn field_at(&self, place: Place) -> Option<(FieldPath, Option<&str>)> {
        search(&self.0, place, &FieldPath::default())
    }
}

fn search<'a>(
    at: &'a Spanned<Node>,
    sought: Place,
    path: &FieldPath,
) -> Option<(FieldPath, Option<&'a str>)> {
    let stands = |location: Location| place(location) == Some(sought);
    match &at.value {
        Node::Leaf(text) => stands(at.referenced).then(|| (path.clone(), Some(text.as_str()))),
        Node::Map(fields) => fields.iter().find_map(|(name, node)| {
            let path = path.field(&name.value);
            let inner = search(node, sought, &path);
            inner.or_else(|| stands(name.referenced).then_some((path, None)))
        }),
        Node::List(elements) => elements
            .iter()
            .enumerate()
            .find_map(|(index, node)| search(node, sought, &path.index(index))),
    }
    .or_else(|| stands(at.referenced).then(|| (path.clone(), None)))
}

/// The line and column of a known location.
pub(super) fn place(location: Location) -> Option<Place> {
    (location != Location::UNKNOWN).then(|| (location.line(), location.column()))
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Nodes)
    }
}

struct Nodes;

impl<'de> Visitor<'de> for Nodes {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut fields = Vec::new();
        while let Some(entry) = map.next_entry()? {
            fields.push(entry);
        }
        Ok(Node::Map(fields))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Node::List(elements))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        IgnoredAny::deserialize(from).map(|IgnoredAny| Node::Leaf(String::new()))
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Node, D::Error> {
        Node::deserialize(from)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(String::new()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Leaf(String::new()))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Leaf(value.to_string()))
    }
}
