//! Decides which format an input has, for every command.

use std::io::{self, BufRead};

use serde_json::value::RawValue;

use super::names::FieldNames;
use super::{Input, fasttext, header};

/// The format of a corpus file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    JsonLines,
    /// JSON objects in a list, or consecutive objects, over any number of lines.
    Json,
    /// A table with a header, delimited by commas, tabs, semicolons or bars.
    Csv,
    /// fastText's training format.
    FastText,
    /// One article: its first line is the title if an empty line follows.
    Text,
}

/// The most bytes of an input to look at.
const LONGEST_START: usize = 256 << 10;

/// Reads the first bytes of an input, at least to the end of the first line that is not blank.
pub(super) fn read_start(reader: &mut dyn BufRead) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    while start.len() < LONGEST_START && !start.trim_ascii_start().contains(&b'\n') {
        let next = reader.fill_buf()?;
        if next.is_empty() {
            break;
        }
        let count = next.len().min(LONGEST_START - start.len());
        start.extend_from_slice(&next[..count]);
        reader.consume(count);
    }
    Ok(start)
}

/// Reads on until there is enough to see how fields are quoted; returns whether the input ended.
pub(super) fn read_more(reader: &mut dyn BufRead, start: &mut Vec<u8>) -> io::Result<bool> {
    while start.len() < LONGEST_START {
        let next = reader.fill_buf()?;
        if next.is_empty() {
            return Ok(true);
        }
        let count = next.len().min(LONGEST_START - start.len());
        start.extend_from_slice(&next[..count]);
        reader.consume(count);
    }
    Ok(false)
}

/// Guesses the format by the file's name, or else by its first bytes. With `takes_text`, what has
/// no other format is prose.
pub(super) fn guess(input: &Input, start: &[u8], names: &FieldNames, takes_text: bool) -> Format {
    let start = start.trim_ascii_start();
    match extension(input).as_deref() {
        Some("jsonl" | "ndjson" | "jsonlines") => {
            let is_json =
                start.starts_with(b"[") || first_line(start) == b"{" || has_shared_line(start);
            return if is_json { Format::Json } else { Format::JsonLines };
        }
        Some("json") => return if start.starts_with(b"{") { json(start) } else { Format::Json },
        Some("csv" | "tsv" | "tab") => return Format::Csv,
        Some("fasttext" | "ft") => return Format::FastText,
        _ => {}
    }
    if begins_with(start, b'[', b"{]") {
        Format::Json
    } else if begins_with(start, b'{', b"\"}") {
        json(start)
    } else if has_label(first_line(start)) {
        Format::FastText
    } else if header::is_table(start, names) {
        Format::Csv
    } else if takes_text {
        if mostly_labelled(start) { Format::FastText } else { Format::Text }
    } else if start.is_empty() || start.starts_with(b"{") {
        // An empty input has no documents in any format; as CSV it would lack a header.
        Format::JsonLines
    } else if start.split(|byte| *byte == b'\n').any(has_label) {
        Format::FastText
    } else {
        Format::Csv
    }
}

fn has_label(line: &[u8]) -> bool {
    std::str::from_utf8(line).is_ok_and(fasttext::has_label)
}

/// Whether most lines have a label: prose may mention labels, too.
fn mostly_labelled(start: &[u8]) -> bool {
    let lines = || start.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    2 * lines().filter(|line| has_label(line)).count() > lines().count()
}

/// Why an input cannot be read in any format.
pub(super) fn foreign(start: &[u8]) -> Option<&'static str> {
    const PACKED: [&[u8]; 3] = [b"BZh", b"\xfd7zXZ", b"PK\x03\x04"];
    // Only the first bytes decide: a strange line further on is a bad line.
    if PACKED.iter().any(|magic| start.starts_with(magic)) {
        Some("its compression is not supported: unpack it, or use gzip or zstd")
    } else if start.starts_with(b"\xff\xfe")
        || start.starts_with(b"\xfe\xff")
        || start.iter().take(64).any(|byte| *byte == 0)
    {
        Some("it is not text in UTF-8 (perhaps UTF-16): save it as UTF-8")
    } else {
        None
    }
}

/// The delimiter that the file's name implies, if any.
pub(super) fn delimiter_by_name(input: &Input) -> Option<u8> {
    matches!(extension(input).as_deref(), Some("tsv" | "tab")).then_some(b'\t')
}

/// The extension of a file's name, in lower case, without that of the compression.
fn extension(input: &Input) -> Option<String> {
    let Input::File(path) = input else { return None };
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let plain = [".gz", ".zst", ".zstd"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(&name);
    plain.rsplit_once('.').map(|(_, extension)| extension.to_owned())
}

fn first_line(start: &[u8]) -> &[u8] {
    start.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end()
}

/// Whether any line holds several objects.
fn has_shared_line(start: &[u8]) -> bool {
    // Most lines hold one object, which shows without a parser.
    let lines = start
        .split(|byte| *byte == b'\n')
        .filter(|line| memchr::memmem::find_iter(line, b"{").nth(1).is_some());
    let values =
        lines.map(|line| serde_json::Deserializer::from_slice(line).into_iter::<&RawValue>());
    values
        .map(|values| values.map_while(Result::ok).take(2))
        .any(|values| 2 == values.filter(|value| value.get().starts_with('{')).count())
}

/// JSON Lines if the first line holds a whole object, and no line holds several.
fn json(start: &[u8]) -> Format {
    let line = first_line(start);
    if has_shared_line(start) {
        return Format::Json;
    }
    if line.ends_with(b"}") || line.len() + 1 >= LONGEST_START {
        Format::JsonLines
    } else {
        Format::Json
    }
}

/// Whether the text begins with this bracket, followed by one of these bytes.
fn begins_with(start: &[u8], bracket: u8, next: &[u8]) -> bool {
    start.split_first().is_some_and(|(first, rest)| {
        *first == bracket && rest.trim_ascii_start().first().is_some_and(|byte| next.contains(byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_decides_or_else_the_content() {
        let names = FieldNames::default();
        let cases: [(&str, &str, Format); 30] = [
            ("a.txt", "one without\none with __label__x\nand __label__y\n", Format::FastText),
            ("a.jsonl", "", Format::JsonLines),
            ("a.NDJSON.gz", "x", Format::JsonLines),
            ("a.ndjson.zst", "{\"title\": \"a\"}\n", Format::JsonLines),
            ("a.jsonl", "[{}]", Format::Json),
            ("a.jsonl", "{\n  \"title\": \"a\"\n}", Format::Json),
            ("a.json", "{\"title\": \"a\"}\n{\"title\": \"b\"}\n", Format::JsonLines),
            ("a.json", "{\"title\":\n \"a\"}\n", Format::Json),
            ("a.json", "{\"title\":\"a\"} {\"title\":\"b\"}", Format::Json),
            ("a.jsonl", "{\"title\":\"a\"}{\"title\":\"b\"}\n", Format::Json),
            ("-", "{\"title\":\"a\"}\n{\"title\":\"b\"} {\"title\":\"c\"}\n", Format::Json),
            ("a.json", "{\"title\":\"a} {\"}\n{\"title\":{\"b\":{}}} x\n", Format::JsonLines),
            ("a.json.gz", " [{\"title\":\n \"a\"}]\n", Format::Json),
            ("a.json", "no JSON", Format::Json),
            ("a.csv", "{", Format::Csv),
            ("a.tsv.gz", "title\n", Format::Csv),
            ("a.txt", "{\"title\": \"a\"}", Format::JsonLines),
            ("-", "[ {\"title\": \"a\"}]", Format::Json),
            ("-", "title,body\na,b\n", Format::Csv),
            ("-", "label;text\na;b\n", Format::Csv),
            ("-", "words __label__a\n", Format::FastText),
            ("a", "\n__label__a words\n", Format::FastText),
            ("-", "Prose, and a body of it.", Format::Text),
            ("a.txt", "{{Infobox}} prose", Format::Text),
            ("a.txt", "[Editor's note] prose", Format::Text),
            ("a.gz", "", Format::Text),
            ("a.txt", "Title\n\nBody, with __label__x", Format::Text),
            ("a.md", "# Title\n", Format::Text),
            ("a.ft.zst", "words", Format::FastText),
            ("a", "{\"title\": \"cut of", Format::Json),
        ];
        for (name, start, expected) in cases {
            let input = Input::from_argument(name.into());
            assert_eq!(guess(&input, start.as_bytes(), &names, true), expected, "{name}: {start}");
            let corpus = guess(&input, start.as_bytes(), &names, false);
            if expected != Format::Text {
                assert_eq!(corpus, expected, "{name}: {start}");
            }
            assert_ne!(corpus, Format::Text);
        }
        let later = b"no label here\nwords __label__a\n";
        assert_eq!(guess(&Input::Stdin, later, &names, false), Format::FastText);
    }
}
