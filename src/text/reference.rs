//! The words of a text by definition: the reference for the scanner.

use unicode_segmentation::UnicodeSegmentation as _;

use super::normalize::{is_default_ignorable, normalize_into};
use super::number::Numbers;
use super::white_space::trim_separators;
use super::word::MAX_WORD_CHARACTERS;

/// The words of `text` by definition. [`super::WordScanner::scan`] gives the same words, which
/// tests ensure.
///
/// The whole text is normalised and split at UAX #29 word boundaries. Segments with a letter or a
/// digit are words, without default-ignorable code points, without white space that a combining
/// mark attaches to, and without a final "'s". The rule for numbers is applied last. None stands
/// for an overlong word.
pub fn reference_words(text: &str, numbers: Numbers) -> Vec<Option<String>> {
    let mut normal = String::new();
    normalize_into(text, &mut normal);
    normal
        .unicode_words()
        .filter_map(|segment| {
            let visible: String =
                trim_separators(segment).chars().filter(|&c| !is_default_ignorable(c)).collect();
            let stem = visible.strip_suffix("'s").unwrap_or(&visible);
            if stem.is_empty() {
                return None;
            }
            if stem.chars().count() > MAX_WORD_CHARACTERS {
                return Some(None);
            }
            let mut bytes = stem.as_bytes().to_vec();
            if numbers.rewrites(&bytes) {
                Numbers::rewrite(&mut bytes);
            }
            Some(Some(String::from_utf8_lossy(&bytes).into_owned()))
        })
        .collect()
}
