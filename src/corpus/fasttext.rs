//! A line of fastText's training format.

use std::borrow::Cow;

use super::document::{Document, Record};

/// The prefix of a topic.
const LABEL: &str = "__label__";

/// Parses a line. As in fastText's own reader (`Dictionary::readWord` and `getType`), every word
/// that begins with the prefix is a topic, wherever it stands, and everything else is the body.
pub(super) fn parse(line: &str) -> Result<Document<'_>, String> {
    let mut topics = Vec::new();
    let mut pieces: Vec<&str> = Vec::new();
    // Where the current piece of the body begins.
    let mut start = 0;
    for (at, word) in words(line) {
        let Some(topic) = word.strip_prefix(LABEL) else { continue };
        topics.push(Cow::Borrowed(topic));
        pieces.push(line[start..at].trim());
        start = at + word.len();
    }
    pieces.push(line[start..].trim());
    pieces.retain(|piece| !piece.is_empty());
    let body = match &pieces[..] {
        [] => Cow::Borrowed(""),
        [only] => Cow::Borrowed(*only),
        several => Cow::Owned(several.join(" ")),
    };
    Document { body, topics, ..Document::new(Record::FastText) }.checked()
}

/// Whether a line has a label.
pub(super) fn has_label(line: &str) -> bool {
    memchr::memmem::find(line.as_bytes(), LABEL.as_bytes()).is_some()
        && words(line).any(|(_, word)| word.starts_with(LABEL))
}

/// The words of a line with their places, split at what fastText takes for white space.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_between = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{b}' | '\u{c}' | '\0');
    line.split(is_between)
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - line.as_ptr() as usize, word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_topics_wherever_they_stand() {
        for (line, topics, body) in [
            (
                "__label__sport __label__uk the match was won",
                &["sport", "uk"][..],
                "the match was won",
            ),
            ("the match was won __label__sport __label__uk", &["sport", "uk"], "the match was won"),
            (
                "__label__sport the match\t__label__uk  was won \r",
                &["sport", "uk"],
                "the match was won",
            ),
            ("the match __label__sport", &["sport"], "the match"),
            ("un__label__ed words", &[], "un__label__ed words"),
        ] {
            let document = parse(line).expect(line);
            assert_eq!(
                (document.topics.as_slice(), &*document.body),
                (&topics.iter().map(|&t| t.into()).collect::<Vec<_>>()[..], body)
            );
            assert_eq!(has_label(line), !topics.is_empty(), "{line}");
        }
        assert!(parse("__label__sport").is_err());
        assert!(parse("__label__ text").is_err());
    }
}
