//! The labels in a cell of a table.

use std::collections::BTreeMap;

use super::json_value::reason;

/// The labels in a cell: a JSON object, or KEY=VALUE pairs separated by semicolons. Anything else
/// has no labels.
pub(super) fn labels(cell: &str) -> Result<BTreeMap<String, String>, String> {
    if cell.trim_start().starts_with('{') {
        return serde_json::from_str(cell)
            .map_err(|error| format!("\"labels\": {}", reason(&error)));
    }
    let pairs = cell
        .split(';')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('='));
    let pairs: Option<BTreeMap<_, _>> = pairs
        .map(|pair| pair.map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned())))
        .collect();
    Ok(pairs.unwrap_or_default())
}

/// Whether a cell holds labels rather than topics.
pub(super) fn is_labels(cell: &str) -> bool {
    labels(cell).is_ok_and(|labels| !labels.is_empty()) || cell.trim_start().starts_with('{')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_holds_labels_as_pairs_or_as_an_object() {
        let expected =
            BTreeMap::from([("a".to_owned(), "b".to_owned()), ("c".to_owned(), "d e".to_owned())]);
        assert_eq!(labels("a=b; c = d e;"), Ok(expected.clone()));
        assert_eq!(labels(r#"{"a": "b", "c": "d e"}"#), Ok(expected));
        assert_eq!(labels("sport;world"), Ok(BTreeMap::new()));
        assert!(is_labels("a=b") && !is_labels("sport") && !is_labels(""));
    }
}
