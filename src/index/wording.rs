//! How articles are worded, and which of two are near-duplicates: the rule by which results are
//! folded.
//!
//! A copy of a story keeps the words of its body one after the other, under whatever headline. What
//! a paywall or a banner adds to different stories is the same, too, but none of their headlines is
//! about it. docs/ranking.md has what was measured.

use super::vector::{TermKey, with_analyzer};
use crate::article::ArticleText;

/// Words are shared in runs of so many, or more.
const RUN: usize = 3;
/// Bodies of fewer words than these say too little: there the whole texts decide.
const LEAST_WORDS: usize = 8;
/// Bodies that have so much of each other are those of near-duplicates, whatever their headlines.
const EQUAL: f64 = 0.96;
/// So much of the shorter body stands in the longer one, where they are near-duplicates with a
/// headline that is about it.
const COPIED: f64 = 0.7;
/// So much of a headline stands in what both bodies have, where it is about that.
const SUPPORTED: f64 = 0.2;
/// What [`COPIED`] is where both articles have no headline.
const COPIED_WITHOUT_HEADLINE: f64 = 0.9;
/// So much of each headline stands in the other one where they are nearly the same.
const SAME_HEADLINE: f64 = 0.8;
/// Of a body so many words are looked at, and so many bytes.
const MOST_WORDS: usize = 1_024;
const MOST_BYTES: usize = 64 << 10;

/// A word of a text: its term, and how rare that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RatedTerm {
    term: TermKey,
    idf: u16,
}

/// The wording of an article.
#[derive(Debug)]
pub struct Wording {
    /// The words of the body, from its start.
    body: Vec<RatedTerm>,
    /// The hash of each run of the body with the place where it first begins, by hash.
    runs: Vec<(u64, u32)>,
    /// The terms of the title, each once.
    title: Vec<RatedTerm>,
}

/// What two articles have in common, word for word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Overlap {
    /// The share of the shorter body that the longer one begins with: of its words by their rarity,
    /// those in common runs.
    of_shorter: f64,
    /// The share of the longer body that the shorter one has.
    of_longer: f64,
    /// The share of a headline, by the square of its terms' rarity, that stands in the common runs:
    /// the larger one of both. 1 for nearly the same headline twice. None where both articles are
    /// without.
    support: Option<f64>,
}

impl Wording {
    /// The wording of a text.
    pub fn of(text: ArticleText<'_>) -> Self {
        let mut end = text.body.len().min(MOST_BYTES);
        while !text.body.is_char_boundary(end) {
            end -= 1;
        }
        let (mut body, mut title) = (Vec::new(), Vec::new());
        with_analyzer(|analyzer| {
            analyzer.each_word(&text.body[..end], |term, idf| body.push(RatedTerm { term, idf }));
            analyzer.each_word(text.title, |term, idf| title.push(RatedTerm { term, idf }));
        });
        body.truncate(MOST_WORDS);
        title.sort_unstable();
        title.dedup();
        let mut runs: Vec<(u64, u32)> = body.windows(RUN).map(hash).zip(0..).collect();
        runs.sort_unstable();
        runs.dedup_by_key(|(hash, _)| *hash);
        Self { body, runs, title }
    }

    /// The runs of the body, each once.
    pub(super) fn runs(&self) -> impl ExactSizeIterator<Item = u64> {
        self.runs.iter().map(|(hash, _)| *hash)
    }

    /// Whether the body is too short to tell by.
    pub(super) fn is_tiny(&self) -> bool {
        self.body.len() < LEAST_WORDS
    }

    /// Whether two articles are near-duplicates, whichever comes first. None where a body is too
    /// short to tell: then the similarity of the whole texts decides.
    pub fn is_near_duplicate(&self, other: &Self) -> Option<bool> {
        if self.is_tiny() || other.is_tiny() {
            return None;
        }
        let Overlap { of_shorter, of_longer, support } = self.overlap(other);
        let is_equal = of_shorter.min(of_longer) >= EQUAL;
        Some(
            is_equal
                || match support {
                    Some(support) => of_shorter >= COPIED && support >= SUPPORTED,
                    None => of_shorter >= COPIED_WITHOUT_HEADLINE,
                },
        )
    }

    fn overlap(&self, other: &Self) -> Overlap {
        let is_shorter = (self.body.len(), &self.body) <= (other.body.len(), &other.body);
        let (short, long) = if is_shorter { (self, other) } else { (other, self) };
        // A story that stands far down in a long text is a part of that, and no copy.
        let (of_shorter, mut terms) = short.common(long, 2 * short.body.len() + 16);
        let (of_longer, _) = long.common(short, short.body.len());
        terms.sort_unstable();
        let support = [self, other].into_iter().filter_map(|wording| wording.support(&terms)).reduce(f64::max);
        let titles = [(self, other), (other, self)].map(|(one, other)| one.support(&other.title_terms()).unwrap_or(0.0));
        let is_same_headline = titles[0].min(titles[1]) >= SAME_HEADLINE;
        Overlap { of_shorter, of_longer, support: if is_same_headline { Some(1.0) } else { support } }
    }

    /// The share of the body in runs that another one has among its first `reach` words, and the
    /// terms of these runs.
    fn common(&self, other: &Self, reach: usize) -> (f64, Vec<TermKey>) {
        let mut is_common = vec![false; self.body.len()];
        for (start, run) in self.body.windows(RUN).enumerate() {
            if other.first_place(hash(run)).is_some_and(|place| place + RUN <= reach) {
                is_common[start..start + RUN].fill(true);
            }
        }
        let common: Vec<RatedTerm> =
            self.body.iter().zip(is_common).filter(|(_, is_common)| *is_common).map(|(word, _)| *word).collect();
        let rarity = |words: &[RatedTerm]| words.iter().map(|word| u64::from(word.idf)).sum::<u64>();
        let share = rarity(&common) as f64 / rarity(&self.body).max(1) as f64;
        (share, common.into_iter().map(|word| word.term).collect())
    }

    fn title_terms(&self) -> Vec<TermKey> {
        self.title.iter().map(|word| word.term).collect()
    }

    fn first_place(&self, run: u64) -> Option<usize> {
        let found = self.runs.binary_search_by_key(&run, |(hash, _)| *hash).ok()?;
        Some(self.runs[found].1 as usize)
    }

    /// The share of the headline that these terms, which ascend, have; None without a headline.
    fn support(&self, terms: &[TermKey]) -> Option<f64> {
        let square = |word: &RatedTerm| u64::from(word.idf).pow(2);
        let whole: u64 = self.title.iter().map(square).sum();
        let found = self.title.iter().filter(|word| terms.binary_search(&word.term).is_ok());
        (whole > 0).then(|| found.map(square).sum::<u64>() as f64 / whole as f64)
    }
}

/// A hash of some terms, one after the other.
fn hash(words: &[RatedTerm]) -> u64 {
    words.iter().fold(0, |hash, word| (hash ^ word.term.bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &str = "A ferry with 212 passengers on board ran aground near the harbour entrance early on Tuesday after its \
        steering failed in thick fog. Coast guard boats took everyone ashore within two hours and nobody was badly hurt.";
    const PAYWALL: &str = "To continue reading subscribe now or log in to your account. Already a subscriber? Sign in here. \
        Subscribers get unlimited digital access to all stories, videos and our archive. Cancel at any time.";

    fn is_near_duplicate(a: (&str, &str), b: (&str, &str)) -> Option<bool> {
        let wording = |(title, body)| Wording::of(ArticleText { title, body });
        let (a, b) = (wording(a), wording(b));
        assert_eq!(a.is_near_duplicate(&b), b.is_near_duplicate(&a), "whichever comes first");
        a.is_near_duplicate(&b)
    }

    #[test]
    fn one_body_under_two_headlines_is_a_near_duplicate() {
        for other in ["Hundreds rescued from stranded ship", "Mayor opens the new library", ""] {
            assert_eq!(is_near_duplicate(("Ferry runs aground in fog", WIRE), (other, WIRE)), Some(true), "{other:?}");
        }
    }

    #[test]
    fn a_copy_that_is_shorter_or_edited_is_one_if_a_headline_is_about_it() {
        let longer =
            format!("{WIRE} Tugs were to pull the vessel free at high tide, and all sailings were cancelled for the day.");
        let edited = WIRE.replace("badly", "seriously").replace("thick ", "");
        for copy in [&longer, &edited] {
            let found = is_near_duplicate(("Ferry runs aground in fog", WIRE), ("Passengers safe", copy));
            assert_eq!(found, Some(true), "{copy}");
        }
    }

    #[test]
    fn stories_with_the_text_of_a_paywall_are_their_own() {
        let stub = |start: &str| format!("{start} {PAYWALL}");
        let ferry = stub("A ferry with 212 passengers ran aground near the harbour early on Tuesday.");
        let bank = stub("Shareholders of the bank voted against the merger by a narrow margin.");
        assert_eq!(is_near_duplicate(("Ferry runs aground", &ferry), ("Bank merger fails", &bank)), Some(false));
        assert_eq!(is_near_duplicate(("", &ferry), ("", &bank)), Some(false));
        // The same teaser under two headlines is one story all the same.
        assert_eq!(is_near_duplicate(("Ferry runs aground", &ferry), ("Passengers saved", &ferry)), Some(true));
    }

    #[test]
    fn a_story_far_down_in_a_digest_is_not_a_copy_of_it() {
        let words: Vec<String> = (0..200).map(|word| format!("other{word}")).collect();
        let digest = format!("{} {WIRE}", words.join(" "));
        assert_eq!(is_near_duplicate(("Ferry runs aground", WIRE), ("The day in brief", &digest)), Some(false));
    }

    #[test]
    fn of_a_long_body_the_start_is_looked_at() {
        let text = ArticleText { title: "", body: &"aß ".repeat(MOST_BYTES) };
        assert_eq!(Wording::of(text).body.len(), MOST_WORDS);
        // The limit in bytes lies within a character.
        let text = ArticleText { title: "", body: &format!("a{}", "ß".repeat(MOST_BYTES)) };
        assert!(Wording::of(text).is_tiny());
    }

    #[test]
    fn tiny_bodies_tell_nothing() {
        for (a, b) in [("", ""), ("More soon.", "More soon."), ("", WIRE), ("one two three four five six seven", WIRE)] {
            assert_eq!(is_near_duplicate(("Ferry", a), ("Bank", b)), None, "{a:?}");
        }
    }
}
