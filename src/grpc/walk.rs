//! A pass over an encoded message that counts what it holds before any of it is decoded.
//!
//! Two bytes of a message can be an empty article of 300 bytes in memory: eight megabytes of them
//! took one. So elements are counted in the wire form, which takes next to no time, since texts are
//! skipped as a whole.

use std::fmt;

use super::bounds::Bound;
use super::shapes::{COUNTED, Field, Shape};
use crate::article::Limits;
use crate::service::{FieldViolation, ServiceError};

/// As many violations as an error lists.
const MAX_VIOLATIONS: usize = 16;
/// How deep groups may be nested: as prost has it.
const MAX_DEPTH: usize = 100;

/// Checks an encoded message against its bounds.
///
/// # Errors
/// The violations: of the wire format (MALFORMED_MESSAGE) or of a bound on lists, which end the
/// pass, and of bounds on strings, up to [`MAX_VIOLATIONS`].
pub(super) fn check(shape: &Shape, bytes: &[u8]) -> Result<(), ServiceError> {
    let mut walk = Walk { parts: 0, counts: [0; COUNTED], violations: Vec::new() };
    if let Err(end) = walk.message(shape, bytes, &Path { parent: None, field: "", index: None }) {
        walk.violations.insert(0, end);
    }
    ServiceError::of(walk.violations)
}

/// The error for bytes that are no such message.
pub(super) fn malformed(what: impl fmt::Display) -> FieldViolation {
    FieldViolation::new("(message)", "MALFORMED_MESSAGE", format!("cannot be decoded: {what}"))
}

/// Where something stands in the request; made into text for errors alone.
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

/// What was counted so far.
struct Walk {
    parts: usize,
    /// Elements of each counted list of the message at hand. A message that comes twice where one
    /// may be is merged, so its lists are counted on; those of an element of a list are its own.
    counts: [usize; COUNTED],
    /// Strings that are too long.
    violations: Vec<FieldViolation>,
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
                // prost refuses it: its wire type is not the field's.
                Some(_) => self.count_parts(rest.skip(wire_type, number, MAX_DEPTH)?)?,
                None => {
                    let inner = rest.skip(wire_type, number, MAX_DEPTH)?;
                    self.count_parts(1 + inner)?;
                }
            }
        }
        Ok(())
    }

    /// Counts an element of a list, and a message. `more` says how many elements are to come; None
    /// for very many.
    fn count(
        &mut self,
        field: &Field,
        path: &Path<'_>,
        more: impl Fn() -> Option<usize>,
    ) -> Result<(), FieldViolation> {
        if field.is_list || field.message.is_some() {
            self.count_parts(1)?;
        }
        let Some((place, bound)) = field.items else { return Ok(()) };
        self.counts[place] += 1;
        if self.counts[place] <= bound.most {
            return Ok(());
        }
        // Of very many it is enough to know that: to count them would hold up other calls.
        match more() {
            Some(more) => Err(over(bound, path, "elements", self.counts[place] + more)),
            None => {
                let description = format!(
                    "has more than {} elements, over the limit of {}",
                    Limits::MESSAGE_PARTS,
                    bound.most
                );
                let mut violation =
                    FieldViolation::new(path.to_string(), bound.reason(), description);
                violation.values.push(("limit", bound.most.to_string()));
                Err(violation)
            }
        }
    }

    /// Looks into a string or a message.
    fn part(&mut self, field: &Field, part: &[u8], path: Path<'_>) -> Result<(), FieldViolation> {
        let path = Path { index: field.items.map(|(place, _)| self.counts[place] - 1), ..path };
        if let Some(bound) = field.bytes
            && part.len() > bound.most
            && self.violations.len() < MAX_VIOLATIONS
        {
            self.violations.push(over(bound, &path, "bytes", part.len()));
        }
        let Some(shape) = &field.message else { return Ok(()) };
        if !field.is_list {
            return self.message(shape, part, &path);
        }
        let outer = std::mem::replace(&mut self.counts, [0; COUNTED]);
        self.message(shape, part, &path)?;
        self.counts = outer;
        Ok(())
    }

    fn count_parts(&mut self, count: usize) -> Result<(), FieldViolation> {
        self.parts += count;
        let most = Limits::MESSAGE_PARTS;
        if self.parts <= most {
            return Ok(());
        }
        let description = format!(
            "the message has more than {most} parts (elements, entries, nested messages, unknown fields)"
        );
        let mut violation = FieldViolation::new("(message)", "TOO_MANY_PARTS", description);
        violation.values.push(("limit", most.to_string()));
        Err(violation)
    }
}

fn over(bound: &Bound, path: &Path<'_>, what: &str, size: usize) -> FieldViolation {
    FieldViolation::over_limit(path.to_string(), bound.reason(), what, size, bound.most)
}

const VARINT: u64 = 0;
const FIXED_64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED_32: u64 = 5;

/// The rest of a message.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The number of the next field, and its wire type.
    fn key(&mut self) -> Result<(u64, u64), FieldViolation> {
        let key = self.varint()?;
        if key > u64::from(u32::MAX) || key >> 3 == 0 {
            return Err(malformed("a field has an impossible number"));
        }
        Ok((key >> 3, key & 7))
    }

    fn varint(&mut self) -> Result<u64, FieldViolation> {
        let mut value = 0;
        for (place, &byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7f) << (7 * place);
            if byte < 0x80 {
                self.0 = &self.0[place + 1..];
                return Ok(value);
            }
        }
        Err(malformed("a number does not end"))
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

    /// Skips a field; how many fields there are in it, where it is a group.
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
                            Err(malformed("a group ends as another one"))
                        };
                    }
                    count += 1 + self.skip(wire_type, inner, depth - 1)?;
                    if count > Limits::MESSAGE_PARTS {
                        // It is too many, however many more there are.
                        break Ok(count);
                    }
                }
            }
            START_GROUP => Err(malformed("groups are nested too deep")),
            _ => Err(malformed("a field has an impossible wire type")),
        }
    }

    /// How often a field still comes, as far as can be read; None if there are very many.
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
mod tests {
    use prost::{Message, Name};

    use super::super::pb;
    use super::super::shapes::root;
    use super::*;

    fn checked<M: Name>(bytes: &[u8]) -> Result<(), (String, &'static str)> {
        let root = root(M::PACKAGE, M::NAME).expect("a request");
        check(&root.message, bytes)
            .map_err(only)
            .map_err(|violation| (violation.field, violation.reason))
    }

    fn only(error: ServiceError) -> FieldViolation {
        let ServiceError::Invalid(violation) = error else { panic!("{error:?}") };
        violation
    }

    fn refused(field: &str, reason: &'static str) -> Result<(), (String, &'static str)> {
        Err((field.to_owned(), reason))
    }

    #[test]
    fn of_very_many_elements_it_is_only_said_that_they_are_many() {
        let many = [0x0a, 0].repeat(2 * Limits::MESSAGE_PARTS);
        let root = root(pb::BatchClassifyRequest::PACKAGE, pb::BatchClassifyRequest::NAME)
            .expect("a request");
        let violation = only(check(&root.message, &many).expect_err("too many"));
        assert_eq!((violation.field.as_str(), violation.reason), ("articles", "TOO_MANY_ARTICLES"));
        assert_eq!(violation.description, "has more than 100000 elements, over the limit of 1000");
        let few = only(check(&root.message, &[0x0a, 0].repeat(1_500)).expect_err("too many"));
        assert_eq!(few.description, "has 1500 elements, over the limit of 1000");
    }

    #[test]
    fn elements_are_counted_up_to_the_bound() {
        let batch = |count| [0x0a, 0].repeat(count);
        assert_eq!(checked::<pb::BatchClassifyRequest>(&batch(1_000)), Ok(()));
        assert_eq!(
            checked::<pb::BatchClassifyRequest>(&batch(1_001)),
            refused("articles", "TOO_MANY_ARTICLES")
        );
    }

    #[test]
    fn all_strings_that_are_too_long_are_named_up_to_a_bound() {
        let filter = pb::SimilarityFilter {
            topics: vec!["sport".to_owned(), "x".repeat(201)],
            sources: vec!["x".repeat(10_000); 40],
            ..Default::default()
        };
        let request = pb::FindSimilarArticlesRequest {
            filter: Some(filter),
            page_token: "x".repeat(100_000),
            ..Default::default()
        };
        let root = root("slugline.v1", "FindSimilarArticlesRequest").expect("a request");
        let refused = |request: &pb::FindSimilarArticlesRequest| {
            let error = check(&root.message, &request.encode_to_vec()).expect_err("too long");
            let ServiceError::InvalidFields(violations) = error else { panic!("{error:?}") };
            violations.into_iter().map(|violation| violation.field).collect::<Vec<_>>()
        };
        let all = refused(&request);
        assert_eq!(all.len(), MAX_VIOLATIONS);
        assert_eq!(all[..2], ["filter.topics[1]", "filter.sources[0]"]);
        let mut few = request;
        few.filter.as_mut().expect("a filter").sources.truncate(1);
        assert_eq!(refused(&few), ["filter.topics[1]", "filter.sources[0]"]);
        // What ends the pass comes first.
        few.filter.as_mut().expect("a filter").sources = vec![String::new(); 101];
        assert_eq!(refused(&few), ["filter.sources", "filter.topics[1]"]);
    }

    #[test]
    fn the_size_in_the_error_is_the_whole_one() {
        let root = root("slugline.v1", "ImportArticlesRequest").expect("a request");
        let violation = only(check(&root.message, &[0x0a, 0].repeat(4_000)).expect_err("too many"));
        assert_eq!(violation.values, [("size", "4000".to_owned()), ("limit", "1000".to_owned())]);
    }

    #[test]
    fn a_message_that_is_merged_is_counted_on() {
        let half =
            pb::SimilarityFilter { topics: vec!["sport".to_owned(); 51], ..Default::default() };
        let request = pb::FindSimilarArticlesRequest { filter: Some(half), ..Default::default() }
            .encode_to_vec();
        assert_eq!(checked::<pb::FindSimilarArticlesRequest>(&request), Ok(()));
        let twice = request.repeat(2);
        assert_eq!(
            checked::<pb::FindSimilarArticlesRequest>(&twice),
            refused("filter.topics", "TOO_MANY_VALUES")
        );
    }

    #[test]
    fn the_lists_of_each_element_are_its_own() {
        let topics = vec![pb::ArticleTopic::default(); 200];
        let mut articles = vec![pb::ArchivedArticle { topics, ..Default::default() }; 3];
        let bytes = pb::BatchPutArticlesRequest {
            articles: articles.clone(),
            ..pb::BatchPutArticlesRequest::default()
        }
        .encode_to_vec();
        assert_eq!(checked::<pb::BatchPutArticlesRequest>(&bytes), Ok(()));
        articles[2].topics.resize(257, pb::ArticleTopic::default());
        let bytes = pb::BatchPutArticlesRequest {
            articles: articles.clone(),
            ..pb::BatchPutArticlesRequest::default()
        }
        .encode_to_vec();
        assert_eq!(
            checked::<pb::BatchPutArticlesRequest>(&bytes),
            refused("articles[2].topics", "TOO_MANY_VALUES")
        );
        articles[2].topics.truncate(8);
        articles[2].topics[7].name = "x".repeat(201);
        let bytes =
            pb::BatchPutArticlesRequest { articles, ..pb::BatchPutArticlesRequest::default() }
                .encode_to_vec();
        assert_eq!(
            checked::<pb::BatchPutArticlesRequest>(&bytes),
            refused("articles[2].topics[7].name", "VALUE_TOO_LONG")
        );
    }

    #[test]
    fn what_the_use_case_judges_is_bounded_in_its_number_alone() {
        let labels = |count: usize| (0..count).map(|at| (at.to_string(), String::new())).collect();
        let article = |count| pb::ArchivedArticle {
            labels: labels(count),
            source: "x".repeat(10_000),
            ..Default::default()
        };
        let bytes = pb::PutArticleRequest {
            article: Some(article(99_999)),
            ..pb::PutArticleRequest::default()
        }
        .encode_to_vec();
        assert_eq!(checked::<pb::PutArticleRequest>(&bytes), Ok(()));
        let bytes = pb::PutArticleRequest {
            article: Some(article(100_000)),
            ..pb::PutArticleRequest::default()
        }
        .encode_to_vec();
        assert_eq!(
            checked::<pb::PutArticleRequest>(&bytes),
            refused("(message)", "TOO_MANY_PARTS")
        );
    }

    #[test]
    fn unknown_fields_are_skipped_and_counted() {
        // Number 100: a varint, eight bytes, a string, a group with a varint in it, four bytes.
        let fields: [&[u8]; 5] = [
            &[0xa0, 0x06, 0xff, 0x01],
            &[0xa1, 0x06, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0xa2, 0x06, 2, b'h', b'i'],
            &[0xa3, 0x06, 0x08, 1, 0xa4, 0x06],
            &[0xa5, 0x06, 1, 2, 3, 4],
        ];
        let bytes = fields.concat();
        assert_eq!(checked::<pb::GetModelRequest>(&bytes), Ok(()));
        assert_eq!(pb::GetModelRequest::decode(&*bytes), Ok(pb::GetModelRequest::default()));
        // Six of them are counted.
        assert_eq!(checked::<pb::GetModelRequest>(&bytes.repeat(16_666)), Ok(()));
        assert_eq!(
            checked::<pb::GetModelRequest>(&bytes.repeat(16_667)),
            refused("(message)", "TOO_MANY_PARTS")
        );
    }

    #[test]
    fn bytes_that_are_no_message_are_refused() {
        let deep = [[0xa3, 0x06].repeat(101), [0xa4, 0x06].repeat(101)].concat();
        let wrong: [&[u8]; 9] = [
            &[0x0a],
            &[0x0a, 5, b'x'],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x80; 11],
            &[0x00, 0],
            &[0xa7, 0x06],
            &[0xa3, 0x06, 0xac, 0x06],
            &[0xa3, 0x06],
            &deep,
        ];
        for bytes in wrong {
            assert_eq!(
                checked::<pb::ClassifyRequest>(bytes),
                refused("(message)", "MALFORMED_MESSAGE"),
                "{bytes:x?}"
            );
            assert!(pb::ClassifyRequest::decode(bytes).is_err(), "{bytes:x?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_prost_decodes_passes_unless_it_is_over_a_bound(bytes in proptest::collection::vec(0_u8..48, 0..64)) {
            // Numbers below 48 are mostly keys and lengths that fit.
            let refused = checked::<pb::BatchPutArticlesRequest>(&bytes);
            if pb::BatchPutArticlesRequest::decode(&*bytes).is_ok() {
                proptest::prop_assert_eq!(refused, Ok(()));
            }
        }
    }
}
