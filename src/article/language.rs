//! The form of language codes.

use super::limits::Limits;

/// Whether a text has the form of a BCP-47 language tag: a language of 2 to 8 letters, then parts
/// of 1 to 8 letters and digits, separated by hyphens, at most [`Limits::LANGUAGE_CODE_BYTES`]
/// long. The language need not exist.
pub fn is_language_code(text: &str) -> bool {
    if text.len() > Limits::LANGUAGE_CODE_BYTES {
        return false;
    }
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or("");
    (2..=8).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic())
        && parts.all(|part| {
            (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_codes_are_checked_for_their_form() {
        let longest = format!("en{}", "-abcdefgh".repeat(4))[..35].to_owned();
        for tag in
            ["en", "pt-BR", "zh-Hant-TW", "de-1996", "x-private".trim_start_matches("x-"), &longest]
        {
            assert!(is_language_code(tag), "{tag}");
        }
        let too_long = format!("en{}", "-a".repeat(17));
        assert_eq!(too_long.len(), 36);
        for tag in ["", "e", "english language", "en_US", "-en", "en-", "日本", &too_long] {
            assert!(!is_language_code(tag), "{tag}");
        }
    }
}
