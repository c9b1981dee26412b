//! Whether quotation marks in a table parted by tabs part its fields, or are text like the rest.
//!
//! Spreadsheets quote fields that hold tabs or line breaks; other programs write what they have,
//! and a mark at the beginning of one field would swallow everything up to the next mark.

/// Whether the fields of a table that begins so are quoted: every field that begins with a mark
/// ends with one, and what lies between makes better records than the lines alone. `is_whole` says
/// that nothing follows.
pub(super) fn are_meant(start: &[u8], delimiter: u8, is_whole: bool) -> bool {
    let Some(quoted) = Shape::of_quoted(start, delimiter, is_whole) else { return false };
    let plain = Shape::of_lines(start, delimiter, is_whole);
    quoted.has_quotes && (!quoted.joins_lines || quoted.odd < plain.odd)
}

/// What the records look like in one reading.
#[derive(Default)]
struct Shape {
    has_quotes: bool,
    /// Whether a record spans several lines.
    joins_lines: bool,
    /// How many fields the header has; 0 before it.
    expected: usize,
    /// How many records have another number of fields than the header.
    odd: usize,
}

impl Shape {
    fn add_record(&mut self, fields: usize) {
        if self.expected == 0 {
            self.expected = fields;
        }
        self.odd += usize::from(fields != self.expected);
    }

    /// None where a mark that begins a field is not matched by one that ends it.
    fn of_quoted(bytes: &[u8], delimiter: u8, is_whole: bool) -> Option<Self> {
        let mut shape = Self::default();
        let (mut at, mut fields) = (0, 0);
        while at < bytes.len() {
            let is_blank = fields == 0 && matches!(bytes[at], b'\n' | b'\r');
            if is_blank {
                at += 1;
                continue;
            }
            let begun = at;
            if bytes[at] == b'"' {
                let Some(end) = closing(bytes, at + 1) else { return (!is_whole).then_some(shape) };
                let rest = &bytes[end + 1..];
                let is_ended = rest.is_empty()
                    || [delimiter, b'\n'].contains(&rest[0])
                    || rest.starts_with(b"\r");
                if !is_ended {
                    return None;
                }
                shape.has_quotes = true;
                shape.joins_lines |= bytes[begun..end].contains(&b'\n');
                at = end + 1;
            }
            let to_end = memchr::memchr2(delimiter, b'\n', &bytes[at..]);
            fields += 1;
            let Some(to_end) = to_end else {
                // What may go on is not counted.
                if is_whole {
                    shape.add_record(fields);
                }
                break;
            };
            at += to_end + 1;
            if bytes[at - 1] == b'\n' {
                shape.add_record(std::mem::take(&mut fields));
            }
        }
        Some(shape)
    }

    fn of_lines(bytes: &[u8], delimiter: u8, is_whole: bool) -> Self {
        let mut shape = Self::default();
        let whole = if is_whole { bytes.len() } else { memchr::memrchr(b'\n', bytes).unwrap_or(0) };
        for line in
            bytes[..whole].split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
        {
            shape.add_record(1 + memchr::memchr_iter(delimiter, line).count());
        }
        shape
    }
}

/// Where the mark is that closes a field: the first that is not doubled.
fn closing(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr::memchr(b'"', &bytes[at..])?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_part_fields_where_all_of_them_do() {
        for (text, expected) in [
            ("title\tx\na\tb\n", false),
            ("title\tx\n\"a\"\tb\n", true),
            ("title\tx\n\"a \"\"b\"\" c\"\tb\r\n", true),
            ("title\tx\r\n\"two\r\n\r\nlines\"\tb\r\nc\td\r\n", true),
            ("x\ttitle\nb\t\"two\nlines\"\nd\te\n", true),
            // The tail of a sentence, and a mark that is never closed.
            ("title\tx\n\"Yes\" he said\tb\n", false),
            ("title\tx\n\"Yes, he said\tb\nc\td\n", false),
            // Two strays would make one record of two.
            ("title\tx\n\"Yes, he said\tb\nand left\"\td\n", false),
            ("title\tx\n\"Yes\tb\nc\td\n\"No\te\n", false),
            ("title\tx\nsay \"a\"\tb\n", false),
            ("title\tx", false),
            ("", false),
        ] {
            assert_eq!(are_meant(text.as_bytes(), b'\t', true), expected, "{text:?}");
        }
        // What is cut off says nothing.
        assert!(are_meant(b"title\tx\n\"a\"\tb\n\"cut", b'\t', false));
        assert!(!are_meant(b"title\tx\na\tb\n\"cut", b'\t', false));
    }
}
