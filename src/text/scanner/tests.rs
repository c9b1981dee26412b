use proptest::prelude::*;

use super::*;
use crate::text::{MAX_WORD_CHARACTERS, TermHash, Word, reference_words};

fn scanned(text: &str, numbers: Numbers) -> Vec<Option<String>> {
    let mut scanner = WordScanner::default();
    // The words of an earlier text have no effect.
    scanner.scan("some other, l’été words", numbers);
    let words = scanner.scan(text, numbers).iter().map(|word| match word {
        Word::Term { hash, text } => {
            let text = text.to_string();
            assert_eq!(hash, TermHash::of_word(text.as_bytes()));
            Some(text)
        }
        Word::Overlong => None,
    });
    words.collect()
}

/// The words of `text`, by the scanner and the reference, which must agree.
fn words(text: &str) -> Vec<String> {
    let found = scanned(text, Numbers::Verbatim);
    assert_eq!(found, reference_words(text, Numbers::Verbatim));
    found.into_iter().flatten().collect()
}

#[test]
fn punctuation_separates_words_and_is_not_a_word() {
    assert_eq!(
        words("Hello, world -- it is (now) 5 p.m.!"),
        ["hello", "world", "it", "is", "now", "5", "p.m"]
    );
}

#[test]
fn separators_join_only_their_own_kind() {
    assert_eq!(
        words("can't U.S. 3.14 1,000,000 a.5 5.a a,b 1:2"),
        ["can't", "u.s", "3.14", "1,000,000", "a", "5", "5", "a", "a", "b", "1", "2"]
    );
    assert_eq!(words("snake_case __ _x_ a_1.5"), ["snake_case", "_x_", "a_1.5"]);
}

#[test]
fn a_possessive_is_the_word_itself() {
    assert_eq!(words("Japan's Japan\u{2019}s JAPAN'S 's"), ["japan", "japan", "japan", "s"]);
}

#[test]
fn typographic_text_gives_the_words_of_plain_text() {
    assert_eq!(
        words("\u{201c}We don\u{2019}t know\u{201d} \u{2014} he said\u{2026}"),
        words("\"We don't know\" - he said...")
    );
}

#[test]
fn scripts_without_spaces_and_marks_are_segmented() {
    assert_eq!(words("日本と米国"), ["日", "本", "と", "米", "国"]);
    assert_eq!(words("أخبار العالم"), ["أخبار", "العالم"]);
    assert_eq!(words("cafe\u{301} 👍🏽 x\u{0}y"), ["caf\u{e9}", "x", "y"]);
    assert_eq!(words("co\u{ad}operate"), ["cooperate"]);
}

#[test]
fn overlong_words_are_reported_as_such() {
    let longest = "x".repeat(MAX_WORD_CHARACTERS);
    assert_eq!(
        scanned(&format!("{longest}'s {longest}y"), Numbers::Verbatim),
        [Some(longest), None]
    );
    assert_eq!(scanned(&"x".repeat(1 << 20), Numbers::Verbatim), [None]);
    assert_eq!(scanned(&"é".repeat(1 << 19), Numbers::Verbatim), [None]);
}

#[test]
fn the_longest_word_has_the_same_number_of_characters_in_every_script() {
    // Of one to four bytes each; the last one is from a supplementary plane (Deseret).
    for letter in ["x", "ß", "\u{e9}", "ж", "\u{10d0}", "\u{b95}", "\u{10428}"] {
        // Full case folding turns the sharp s into two letters.
        let count = if letter == "ß" { MAX_WORD_CHARACTERS / 2 } else { MAX_WORD_CHARACTERS };
        for (count, is_word) in [(20, true), (80, true), (count, true), (count + 1, false)] {
            let found = scanned(&letter.repeat(count), Numbers::Verbatim);
            assert_eq!(found, reference_words(&letter.repeat(count), Numbers::Verbatim));
            assert_eq!((found.len(), found[0].is_some()), (1, is_word), "{count} times {letter}");
        }
    }
    // Combining marks that compose count with their letter; separators in a number count as well.
    let composed = scanned(&"e\u{301}".repeat(MAX_WORD_CHARACTERS), Numbers::Verbatim);
    assert_eq!(composed, [Some("\u{e9}".repeat(MAX_WORD_CHARACTERS))]);
    let number = format!("{}1", "1,".repeat(127));
    assert_eq!(scanned(&format!("{number} {number}1"), Numbers::Verbatim), [Some(number), None]);
}

#[test]
fn numbers_keep_their_shape_when_asked() {
    let found = scanned("1,250 27.5 2024 12345 g20 covid19 3", Numbers::Shape);
    let found: Vec<_> = found.into_iter().flatten().collect();
    assert_eq!(found, ["0,000", "00.0", "2024", "00000", "g20", "covid19", "3"]);
}

fn check(text: &str, numbers: Numbers) -> Result<(), TestCaseError> {
    prop_assert_eq!(scanned(text, numbers), reference_words(text, numbers));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4096,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_scanner_equals_the_reference_on_ascii(text in "[ -~\n\t\r\u{0}]{0,60}") {
        check(&text, Numbers::Verbatim)?;
    }

    #[test]
    fn the_scanner_equals_the_reference_on_word_like_ascii(text in "[abAS15_.,:;' \"-]{0,40}") {
        for numbers in [Numbers::Verbatim, Numbers::Shape] {
            check(&text, numbers)?;
        }
    }

    #[test]
    fn the_scanner_equals_the_reference_across_blocks(text in "[abAS15_.,:;' \"-]{0,200}") {
        check(&text, Numbers::Shape)?;
    }

    #[test]
    fn the_scanner_equals_the_reference_on_typographic_text(
        text in "[abS5_.,' \n\u{2018}\u{2019}\u{201c}\u{201d}\u{2013}\u{2026}\u{a0}\
            \u{e9}\u{301}]{0,40}"
    ) {
        check(&text, Numbers::Shape)?;
    }

    #[test]
    fn the_scanner_equals_the_reference_on_any_text(text in any::<String>()) {
        check(&text, Numbers::Shape)?;
    }

    #[test]
    fn the_scanner_equals_the_reference_on_mixed_scripts(
        text in "[a-c'.:\u{2018}\u{2019}\u{201c}\u{2026}\u{20ac}\u{301}\u{ad}\u{200d}\u{200b}\
            \u{ae2}\u{fe0f}\u{a8}ßİŉéΣς日本カタ\
            \u{5d0}\"\u{661}１😀🏽\u{1f1e6}\u{3000}\u{a0} \n]{0,30}"
    ) {
        check(&text, Numbers::Verbatim)?;
    }
}
