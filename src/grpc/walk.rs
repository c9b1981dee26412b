//! Walks an encoded message, and counts what it holds before it is decoded.
//!
//! Two bytes of a message can be an empty article, which takes 300 bytes in memory: eight megabytes
//! of them take more than a gigabyte. Counting in the wire form takes next to no time, since texts
//! are skipped whole.

use std::fmt;

use super::bounds::Bound;
use super::shapes::{COUNTERS, Field, Shape};
use super::status::MAX_VIOLATIONS;
use crate::article::Limits;
use crate::service::{FieldViolation, ServiceError, Violations};

/// Limit on the nesting of groups: prost's.
const MAX_DEPTH: usize = 100;

/// Checks an encoded message against its bounds.
///
/// # Errors
/// The violation of the wire format (MALFORMED_MESSAGE) or of a bound on lists, which ends the
/// walk; then those of bounds on strings, up to [`MAX_VIOLATIONS`].
pub(super) fn check(shape: &Shape, bytes: &[u8]) -> Result<(), ServiceError> {
    let mut walk = Walk { parts: 0, counts: [0; COUNTERS], strings: Vec::new() };
    let mut violations = Violations::default();
    if let Err(end) = walk.message(shape, bytes, &Path { parent: None, field: "", index: None }) {
        violations.push(end);
    }
    for violation in walk.strings {
        violations.push(violation);
    }
    violations.finish()
}

/// The violation of bytes that are not such a message.
pub(super) fn malformed(what: impl fmt::Display) -> FieldViolation {
    FieldViolation::new("(message)", "MALFORMED_MESSAGE", format!("cannot be decoded: {what}"))
}

/// A place in the request; becomes text in errors only.
struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    field: &'a str,
    index: Option<usize>,
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parent {
            Some(parent) if parent.parent.is_some() => write!(f, "{parent}.{}", self.field)?,
            _ => f.write_str(self.field)?,
        }
        match self.index {
            Some(index) => write!(f, "[{index}]"),
            None => Ok(()),
        }
    }
}

/// The counts so far.
struct Walk {
    parts: usize,
    /// Elements of each counted list of the current message. A singular message that is repeated is
    /// merged, so its lists are counted on; each element of a list has counts of its own.
    counts: [usize; COUNTERS],
    /// Strings that are too long.
    strings: Vec<FieldViolation>,
}

impl Walk {
    fn message(
        &mut self,
        shape: &Shape,
        bytes: &[u8],
        path: &Path<'_>,
    ) -> Result<(), FieldViolation> {
        let mut rest = Reader(bytes);
        while !rest.0.is_empty() {
            let (number, wire_type) = rest.key()?;
            match shape.field(number) {
                Some(field) if wire_type == LENGTH_DELIMITED => {
                    let part = rest.delimited()?;
                    let path = Path { parent: Some(path), field: &field.name, index: None };
                    self.count(field, &path, || rest.count(number))?;
                    self.part(field, part, path)?;
                }
                // prost refuses it for its wire type.
                Some(_) => self.count_parts(rest.skip(wire_type, number, MAX_DEPTH)?)?,
                None => {
                    let inner = rest.skip(wire_type, number, MAX_DEPTH)?;
                    self.count_parts(1 + inner)?;
                }
            }
        }
        Ok(())
    }

    /// Counts an element of a list, and a message. `more` counts the elements to come; None for
    /// very many.
    fn count(
        &mut self,
        field: &Field,
        path: &Path<'_>,
        more: impl Fn() -> Option<usize>,
    ) -> Result<(), FieldViolation> {
        if field.is_list || field.message.is_some() {
            self.count_parts(1)?;
        }
        let Some((counter, bound)) = field.items else { return Ok(()) };
        self.counts[counter] += 1;
        if self.counts[counter] <= bound.limit {
            return Ok(());
        }
        // Very many are not counted, which would hold up other calls.
        match more() {
            Some(more) => Err(over(bound, path, "elements", self.counts[counter] + more)),
            None => {
                let description = format!(
                    "has more than {} elements, over the limit of {}",
                    Limits::MESSAGE_PARTS,
                    bound.limit
                );
                let mut violation =
                    FieldViolation::new(path.to_string(), bound.reason(), description);
                violation.values.push(("limit", bound.limit.to_string()));
                Err(violation)
            }
        }
    }

    /// Checks a string or a message.
    fn part(&mut self, field: &Field, part: &[u8], path: Path<'_>) -> Result<(), FieldViolation> {
        let path = Path { index: field.items.map(|(counter, _)| self.counts[counter] - 1), ..path };
        if let Some(bound) = field.bytes
            && part.len() > bound.limit
            && self.strings.len() < MAX_VIOLATIONS
        {
            self.strings.push(over(bound, &path, "bytes", part.len()));
        }
        let Some(shape) = &field.message else { return Ok(()) };
        if !field.is_list {
            return self.message(shape, part, &path);
        }
        let outer = std::mem::replace(&mut self.counts, [0; COUNTERS]);
        self.message(shape, part, &path)?;
        self.counts = outer;
        Ok(())
    }

    fn count_parts(&mut self, count: usize) -> Result<(), FieldViolation> {
        self.parts += count;
        let limit = Limits::MESSAGE_PARTS;
        if self.parts <= limit {
            return Ok(());
        }
        let description = format!(
            "the message has more than {limit} parts (elements, entries, nested messages, \
             unknown fields)"
        );
        let mut violation = FieldViolation::new("(message)", "TOO_MANY_PARTS", description);
        violation.values.push(("limit", limit.to_string()));
        Err(violation)
    }
}

fn over(bound: &Bound, path: &Path<'_>, unit: &str, size: usize) -> FieldViolation {
    FieldViolation::over_limit(path.to_string(), bound.reason(), unit, size, bound.limit)
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED_32: u64 = 5;

/// The remaining bytes of a message.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The number of the next field, and its wire type.
    fn key(&mut self) -> Result<(u64, u64), FieldViolation> {
        let key = self.varint()?;
        if key > u64::from(u32::MAX) || key >> 3 == 0 {
            return Err(malformed("a field has an invalid number"));
        }
        Ok((key >> 3, key & 7))
    }

    fn varint(&mut self) -> Result<u64, FieldViolation> {
        let mut value = 0;
        for (index, &byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte < 0x80 {
                self.0 = &self.0[index + 1..];
                return Ok(value);
            }
        }
        Err(malformed("a varint does not end"))
    }

    fn delimited(&mut self) -> Result<&'a [u8], FieldViolation> {
        let length = self.varint()?;
        self.bytes(usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn bytes(&mut self, length: usize) -> Result<&'a [u8], FieldViolation> {
        let (part, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| malformed("a field is longer than its message"))?;
        self.0 = rest;
        Ok(part)
    }

    /// Skips a field; returns the number of fields in it, if it is a group.
    fn skip(&mut self, wire_type: u64, number: u64, depth: usize) -> Result<usize, FieldViolation> {
        match wire_type {
            VARINT => self.varint().map(|_| 0),
            FIXED_64 => self.bytes(8).map(|_| 0),
            FIXED_32 => self.bytes(4).map(|_| 0),
            LENGTH_DELIMITED => self.delimited().map(|_| 0),
            START_GROUP if depth > 0 => {
                let mut count = 0;
                loop {
                    let (inner, wire_type) = self.key()?;
                    if wire_type == END_GROUP {
                        break if inner == number {
                            Ok(count)
                        } else {
                            Err(malformed("a group ends with the number of another"))
                        };
                    }
                    count += 1 + self.skip(wire_type, inner, depth - 1)?;
                    if count > Limits::MESSAGE_PARTS {
                        // Too many, however many follow.
                        break Ok(count);
                    }
                }
            }
            START_GROUP => Err(malformed("groups are nested too deeply")),
            _ => Err(malformed("a field has an invalid wire type")),
        }
    }

    /// How many times a field follows, as far as the bytes can be read; None for very many.
    fn count(mut self, number: u64) -> Option<usize> {
        let mut count = 0;
        for _ in 0..Limits::MESSAGE_PARTS {
            if self.0.is_empty() {
                return Some(count);
            }
            let Ok((next, wire_type)) = self.key() else { return Some(count) };
            if self.skip(wire_type, next, MAX_DEPTH).is_err() {
                return Some(count);
            }
            count += usize::from(next == number);
        }
        None
    }
}

#[cfg(test)]
mod tests;
