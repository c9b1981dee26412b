//! Any text has the words that the plain definition gives, however it is scanned.

#![no_main]

use libfuzzer_sys::fuzz_target;
use slugline::text::{Numbers, Word, WordScanner, reference_words};

fuzz_target!(|text: &str| {
    let mut scanner = WordScanner::default();
    for numbers in [Numbers::Verbatim, Numbers::Shape] {
        let words = scanner.scan(text, numbers);
        let found: Vec<Option<String>> = words
            .iter()
            .map(|word| match word {
                Word::Term { text, .. } => Some(text.to_string()),
                Word::Overlong => None,
            })
            .collect();
        assert_eq!(found, reference_words(text, numbers), "{text:?}");
    }
});
