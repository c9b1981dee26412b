//! The names of topics, flat or hierarchical.

use std::fmt;

/// A topic's name: one or more levels separated by slashes ("sport/football"). No level is empty or
/// has white space at its ends; no control characters; at most [`TopicName::MAX_BYTES`] long.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName(String);

/// Why a string is not a [`TopicName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicNameError {
    /// It is empty.
    #[error("a topic's name must not be empty")]
    Empty,
    /// It is longer than [`TopicName::MAX_BYTES`].
    #[error("a topic's name must not be longer than {max} bytes", max = TopicName::MAX_BYTES)]
    TooLong,
    /// It would not survive being printed or typed.
    #[error("a topic's name must have no control characters, and no white space at its ends")]
    NotPrintable,
    /// It has a slash at an end, two in a row, or one next to white space.
    #[error(
        "every level of a topic's name (\"sport/football\") needs a name, without white space at \
         its ends"
    )]
    BlankLevel,
}

impl TopicName {
    /// The longest name, in bytes of UTF-8.
    pub const MAX_BYTES: usize = 200;

    /// Checks a name.
    ///
    /// # Errors
    /// [`TopicNameError`] says which rule it breaks.
    pub fn new(name: &str) -> Result<Self, TopicNameError> {
        Self::check(name)?;
        Ok(Self(name.to_owned()))
    }

    /// Checks a name without copying it.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn check(name: &str) -> Result<(), TopicNameError> {
        if name.is_empty() {
            return Err(TopicNameError::Empty);
        }
        if name.len() > Self::MAX_BYTES {
            return Err(TopicNameError::TooLong);
        }
        // The fast path: most names have these characters alone, which are all valid.
        if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Ok(());
        }
        if name.trim() != name || name.chars().any(char::is_control) {
            return Err(TopicNameError::NotPrintable);
        }
        if name.split(LEVEL_SEPARATOR).any(|level| level.is_empty() || level.trim() != level) {
            return Err(TopicNameError::BlankLevel);
        }
        Ok(())
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number of levels: 2 for "sport/football".
    pub fn depth(&self) -> usize {
        self.0.split(LEVEL_SEPARATOR).count()
    }
}

/// Separates the levels of a topic's name.
const LEVEL_SEPARATOR: char = '/';

/// The first `depth` levels of a topic's name; all of it if it has no more.
///
/// ```
/// use slugline::article::topic_to_depth;
///
/// assert_eq!(topic_to_depth("sport/football/cup", 2), "sport/football");
/// assert_eq!(topic_to_depth("sport", 2), "sport");
/// ```
pub fn topic_to_depth(name: &str, depth: usize) -> &str {
    match depth.checked_sub(1).and_then(|last| name.match_indices(LEVEL_SEPARATOR).nth(last)) {
        Some((end, _)) => &name[..end],
        None => name,
    }
}

/// The names of the topics that a topic lies below, the broadest first, and its own name.
///
/// ```
/// use slugline::article::topic_levels;
///
/// assert_eq!(topic_levels("sport/football").collect::<Vec<_>>(), ["sport", "sport/football"]);
/// ```
pub fn topic_levels(name: &str) -> impl Iterator<Item = &str> {
    let ends = name.match_indices(LEVEL_SEPARATOR).map(|(at, _)| at).chain([name.len()]);
    ends.map(|end| &name[..end])
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topic_names_must_be_printable() {
        assert_eq!(TopicName::new(""), Err(TopicNameError::Empty));
        assert_eq!(TopicName::new(" sport"), Err(TopicNameError::NotPrintable));
        assert_eq!(TopicName::new("a\nb"), Err(TopicNameError::NotPrintable));
        assert_eq!(TopicName::new(&"x".repeat(201)), Err(TopicNameError::TooLong));
        assert_eq!(
            TopicName::new("sport/football").map(|name| name.to_string()),
            Ok("sport/football".to_owned())
        );
    }

    #[test]
    fn every_level_of_a_topic_needs_a_name() {
        for name in
            ["/", "/sport", "sport/", "sport//football", "sport /football", "sport/ football"]
        {
            assert_eq!(TopicName::new(name), Err(TopicNameError::BlankLevel), "{name:?}");
        }
        assert_eq!(TopicName::new("sport/winter sport/ski").map(|name| name.depth()), Ok(3));
    }
}
