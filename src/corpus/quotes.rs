//! Decides whether the fields of a tab-separated table are quoted.
//!
//! Spreadsheets quote fields that hold tabs or line breaks. Other programs write fields as they
//! are; there, a quotation mark that begins a field would swallow everything up to the next mark.

/// The beginning of a table.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) bytes: &'a [u8],
    /// Whether nothing follows.
    pub(super) is_whole: bool,
}

/// Whether the fields of a table are quoted: every field that begins with a mark ends with one, and
/// reading them so yields more regular records than reading line by line.
pub(super) fn are_meant(sample: Sample<'_>, delimiter: u8) -> bool {
    let Some(quoted) = Shape::of_quoted(sample, delimiter) else { return false };
    let plain = Shape::of_lines(sample, delimiter);
    quoted.has_quotes && (!quoted.joins_lines || quoted.odd < plain.odd)
}

/// How regular the records are in one reading.
#[derive(Default)]
struct Shape {
    has_quotes: bool,
    /// Whether a record spans several lines.
    joins_lines: bool,
    /// The number of fields in the header; 0 before it.
    expected: usize,
    /// Records whose number of fields is not that of the header.
    odd: usize,
}

impl Shape {
    fn add_record(&mut self, fields: usize) {
        if self.expected == 0 {
            self.expected = fields;
        }
        self.odd += usize::from(fields != self.expected);
    }

    /// None if a field that begins with a mark does not end with one.
    fn of_quoted(Sample { bytes, is_whole }: Sample<'_>, delimiter: u8) -> Option<Self> {
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
                // A record that may go on is not counted.
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

    fn of_lines(Sample { bytes, is_whole }: Sample<'_>, delimiter: u8) -> Self {
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

/// The place of the mark that closes a field: the first that is not doubled.
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
    fn marks_quote_fields_where_all_of_them_do() {
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
            assert_eq!(
                are_meant(Sample { bytes: text.as_bytes(), is_whole: true }, b'\t'),
                expected,
                "{text:?}"
            );
        }
        // A field that is cut off proves nothing.
        let cut = |bytes| are_meant(Sample { bytes, is_whole: false }, b'\t');
        assert!(cut(b"title\tx\n\"a\"\tb\n\"cut"));
        assert!(!cut(b"title\tx\na\tb\n\"cut"));
    }
}
