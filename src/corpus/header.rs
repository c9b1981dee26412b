//! Recognises a table, and its delimiter, by its header.

use super::columns::label_key;
use super::names::{FieldNames, Role};

/// The delimiters that a table may have.
const DELIMITERS: [u8; 4] = [b',', b'\t', b';', b'|'];

/// The delimiter of a table, by its beginning: the one that splits the header into the most usual
/// names, else into the most names.
pub(super) fn delimiter(start: &[u8], names: &FieldNames) -> u8 {
    let mut best = (DELIMITERS[0], (0, 0));
    for delimiter in DELIMITERS {
        let header = header(start, delimiter);
        let usual = header.iter().filter(|name| names.role(name).is_some()).count();
        if (usual, header.len()) > best.1 {
            best = (delimiter, (usual, header.len()));
        }
    }
    best.0
}

/// Whether a file is a table rather than prose, by its beginning: its first line consists of short
/// names, at least two of them usual ones, and one of these names a text.
pub(super) fn is_table(start: &[u8], names: &FieldNames) -> bool {
    const LONGEST_NAME: usize = 40;
    let header = header(start, delimiter(start, names));
    let roles: Vec<Role> = header.iter().filter_map(|name| names.role(name)).collect();
    header.iter().all(|name| {
        name.len() <= LONGEST_NAME && !name.contains(['.', '!', '?']) || label_key(name).is_some()
    }) && roles.len() >= 2
        && roles.iter().any(|role| matches!(role, Role::Title | Role::Body))
}

fn header(start: &[u8], delimiter: u8) -> Vec<String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(start);
    let mut record = csv::ByteRecord::new();
    match reader.read_byte_record(&mut record) {
        Ok(true) => {
            record.iter().map(|name| String::from_utf8_lossy(name).trim().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delimiter_is_the_one_that_yields_usual_names() {
        let seen = |start: &str| delimiter(start.as_bytes(), &FieldNames::default()) as char;
        assert_eq!(seen("title,text;more\na,b\n"), ',');
        assert_eq!(seen("title\ttext, or so\ta\n"), '\t');
        assert_eq!(seen("text;label\nOne, two, three;x\n"), ';');
        assert_eq!(seen("text|label\n"), '|');
        assert_eq!(seen("text\n"), ',');
    }

    #[test]
    fn prose_is_not_a_table() {
        let is_table = |start: &str| is_table(start.as_bytes(), &FieldNames::default());
        assert!(is_table("id,title,body,date\n1,a,b,c\n"));
        assert!(is_table("label\ttext\n"));
        assert!(!is_table("Text, title and body of the law were read.\n\nMore."));
        assert!(!is_table("Title\n\nbody"));
        assert!(!is_table(""));
    }
}
