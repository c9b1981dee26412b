//! Cuts JSON other than JSON Lines into records: the elements of a list, or consecutive objects.

use std::io::{self, BufRead};
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use super::location::Location;
use super::record::{MAX_RECORD_BYTES, too_long};

/// Reads values, over any number of lines.
pub(super) struct Values {
    reader: Box<dyn BufRead + Send>,
    position: Position,
    is_in_list: bool,
    has_ended: bool,
}

/// How far the input has been read.
struct Position {
    /// The current line.
    line: u64,
    /// The characters read of the current line.
    column: u64,
    /// The line that the last value begins on; 0 before any value.
    last_begun: u64,
}

impl Position {
    /// The location of a value that begins here.
    fn location(&self) -> Location {
        let is_first = self.last_begun != self.line;
        Location { line: self.line, column: if is_first { 0 } else { self.column + 1 } }
    }

    fn advance(&mut self, byte: u8) {
        if byte == b'\n' {
            self.line += 1;
            self.column = 0;
        } else {
            self.column += u64::from(is_first_of_character(byte));
        }
    }
}

/// A value within the bytes of a block.
#[derive(Debug)]
pub(super) struct Value {
    /// Where it begins.
    pub(super) location: Location,
    /// Its bytes, or what is wrong with it.
    pub(super) bytes: Result<Range<usize>, &'static str>,
}

/// Where a byte stands to the values around it.
enum Step {
    /// Between two values.
    Between,
    /// In a value that goes on.
    Inside,
    /// The last byte of a value.
    Last,
    /// The first byte after a value.
    After,
}

/// A value whose end has not been read yet.
struct Begun {
    /// Where it begins.
    location: Location,
    scan: Scan,
}

impl Begun {
    /// The value that this byte begins, if it begins one.
    fn with(byte: u8, position: &mut Position, is_in_list: &mut bool) -> Option<Self> {
        match byte {
            b'[' if !*is_in_list => *is_in_list = true,
            b']' if *is_in_list => *is_in_list = false,
            b',' | b' ' | b'\t' | b'\r' | b'\n' => {}
            _ => {
                let mut scan = Scan::default();
                scan.step(byte);
                let location = position.location();
                position.last_begun = position.line;
                return Some(Self { location, scan });
            }
        }
        None
    }
}

/// How deep the scan is inside a value.
#[derive(Default)]
struct Scan {
    depth: usize,
    is_in_string: bool,
    is_escaped: bool,
}

impl Scan {
    fn step(&mut self, byte: u8) -> Step {
        if self.is_in_string {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_in_string = false,
                _ => {}
            }
            return Step::Inside;
        }
        match byte {
            b'"' => self.is_in_string = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' if self.depth > 0 => {
                self.depth -= 1;
                if self.depth == 0 {
                    return Step::Last;
                }
            }
            b',' | b']' | b'}' | b'\n' if self.depth == 0 => return Step::After,
            _ => {}
        }
        Step::Inside
    }
}

impl Values {
    pub(super) fn new(reader: Box<dyn BufRead + Send>) -> Self {
        let position = Position { line: 1, column: 0, last_begun: 0 };
        Self { reader, position, is_in_list: false, has_ended: false }
    }

    /// The line that was read last.
    pub(super) fn line(&self) -> u64 {
        self.position.line
    }

    /// The next value, whose bytes are appended to `bytes`; None at the end.
    pub(super) fn next(
        &mut self,
        bytes: &mut Vec<u8>,
        fingerprint: &mut Sha256,
    ) -> io::Result<Option<Value>> {
        if self.has_ended {
            return Ok(None);
        }
        let start = bytes.len();
        let mut begun: Option<Begun> = None;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                self.has_ended = true;
                return Ok(self.last(begun, start..bytes.len()));
            }
            let mut used = 0;
            let mut is_whole = false;
            for &byte in chunk {
                let step = match &mut begun {
                    None => {
                        begun = Begun::with(byte, &mut self.position, &mut self.is_in_list);
                        if begun.is_some() { Step::Inside } else { Step::Between }
                    }
                    Some(begun) => begun.scan.step(byte),
                };
                is_whole = matches!(step, Step::Last | Step::After);
                if matches!(step, Step::After) {
                    break;
                }
                if !matches!(step, Step::Between) {
                    bytes.push(byte);
                }
                used += 1;
                self.position.advance(byte);
                if is_whole {
                    break;
                }
            }
            fingerprint.update(&chunk[..used]);
            self.reader.consume(used);
            if let (true, Some(Begun { location, .. })) = (is_whole, &begun) {
                return Ok(Some(Value { location: *location, bytes: Ok(start..bytes.len()) }));
            }
            if bytes.len() - start > MAX_RECORD_BYTES {
                return Err(io::Error::new(io::ErrorKind::InvalidData, too_long("a record")));
            }
        }
    }

    /// The value that the end of the input ends or cuts off.
    fn last(&self, begun: Option<Begun>, range: Range<usize>) -> Option<Value> {
        match begun {
            Some(Begun { location, scan }) => {
                let is_whole = scan.depth == 0 && !scan.is_in_string && !self.is_in_list;
                let cut = "the JSON ends in the middle of a record";
                Some(Value { location, bytes: if is_whole { Ok(range) } else { Err(cut) } })
            }
            None => self.is_in_list.then_some(Value {
                location: self.position.line.into(),
                bytes: Err("the JSON ends in the middle of a list"),
            }),
        }
    }
}

/// Whether a byte begins a character in UTF-8.
fn is_first_of_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_share_a_line_have_columns() {
        let text = "[{\"a\":\"\u{e9}\"}, {},\n{\n},{}] {}";
        let reader = io::BufReader::with_capacity(3, io::Cursor::new(text.to_owned()));
        let mut values = Values::new(Box::new(reader));
        let (mut bytes, mut fingerprint) = (Vec::new(), Sha256::new());
        let mut found = Vec::new();
        while let Some(value) = values.next(&mut bytes, &mut fingerprint).expect("memory") {
            found.push(value.location.to_string());
        }
        assert_eq!(found, ["1", "1:13", "2", "3", "3:7"]);
    }

    fn read(text: &str, chunk: usize) -> Vec<(u64, Result<String, &'static str>)> {
        let reader = io::BufReader::with_capacity(chunk, io::Cursor::new(text.to_owned()));
        let mut values = Values::new(Box::new(reader));
        let (mut bytes, mut found, mut fingerprint) = (Vec::new(), Vec::new(), Sha256::new());
        while let Some(value) = values.next(&mut bytes, &mut fingerprint).expect("memory") {
            let text =
                value.bytes.map(|range| String::from_utf8(bytes[range].to_vec()).expect("text"));
            found.push((value.location.line, text));
        }
        assert_eq!(fingerprint.finalize(), Sha256::digest(text), "all bytes count");
        found
    }

    #[test]
    fn values_are_the_elements_of_a_list_or_stand_one_after_the_other() {
        let objects = ["{\"a\": \"]}\\\"{[\",\n \"b\": [1, {}]}", "{}", "{\"c\":1}"];
        for chunk in [1, 7, 1_000] {
            for (text, lines) in [
                (format!("[{}, {},{}]\n", objects[0], objects[1], objects[2]), [1, 2, 2]),
                (
                    format!("\n[\n\n{},\n{}\n,\n\n{}\n\n]", objects[0], objects[1], objects[2]),
                    [4, 6, 9],
                ),
                (format!("{}\n{}\n\n{}", objects[0], objects[1], objects[2]), [1, 3, 5]),
            ] {
                let expected: Vec<_> =
                    lines.into_iter().zip(objects.map(|object| Ok(object.to_owned()))).collect();
                assert_eq!(read(&text, chunk), expected, "{text}");
            }
        }
    }

    #[test]
    fn values_other_than_objects_are_values_too() {
        let found = read("[1, \"a, b\", {}, nul]\nmore\n", 3);
        let texts: Vec<_> =
            found.into_iter().map(|(line, text)| (line, text.expect("whole"))).collect();
        let expected = [(1, "1"), (1, "\"a, b\""), (1, "{}"), (1, "nul"), (2, "more")];
        assert_eq!(texts, expected.map(|(line, text)| (line, text.to_owned())));
    }

    #[test]
    fn a_cut_list_is_named() {
        assert_eq!(
            read("[{},\n{\"a\": \"b", 5)[1],
            (2, Err("the JSON ends in the middle of a record"))
        );
        assert_eq!(read("[{},\n\n", 5)[1], (3, Err("the JSON ends in the middle of a list")));
        assert!(read("[]", 5).is_empty() && read(" \n", 5).is_empty());
    }
}
