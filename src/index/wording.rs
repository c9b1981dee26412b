//! The wording of articles, by which near-duplicates are recognised.
//!
//! A copy of a story keeps the sequence of words of its body, under whatever headline. A paywall or
//! a banner adds the same text to different stories, but no headline is about that text. What an
//! outlet adds to a copy, such as a dateline or a copyright line, is a few words around one
//! unbroken stretch. docs/ranking.md has the measurements.

use super::analyzer::with_analyzer;
use super::term_key::TermKey;
use crate::article::ArticleText;

/// The length of a run in words: bodies are compared by the runs they share.
const RUN: usize = 3;
/// Bodies with fewer words are not compared; the cosine of the whole texts decides.
const MIN_WORDS: usize = 8;
/// The shared part of each body that makes two articles near-duplicates, whatever their headlines.
const EQUAL: f64 = 0.96;
/// The shared part of the shorter body that makes two articles near-duplicates, if a headline is
/// about it.
const COPIED: f64 = 0.7;
/// The part of a headline that must occur in the shared text, for the headline to be about it.
const SUPPORTED: f64 = 0.2;
/// As [`COPIED`], for articles without headlines.
const COPIED_WITHOUT_HEADLINE: f64 = 0.9;
/// The part of each headline that must occur in the other, for the two to be nearly the same.
const SAME_HEADLINE: f64 = 0.8;
/// The shared part of each body, as one stretch, that makes two articles near-duplicates if all
/// they differ in is what an outlet adds: a dateline, a byline, a credit, a copyright line.
const FRAMED: f64 = 0.6;
/// The maximum number of words that an outlet adds to a body, before and after it together.
const MAX_ADDED: usize = 24;
/// Where both bodies have words of their own on the same side, one of them has at most so many
/// there. More would be two short stories with a notice in common.
const MAX_ADDED_TO_BOTH: usize = 8;
/// A headline is about the added words from this part of it on.
const ABOUT_ADDED: f64 = 0.1;
/// How much of a body is examined, in words and in bytes.
const MAX_WORDS: usize = 1_024;
const MAX_BYTES: usize = 64 << 10;

/// A word of a text: its term and its inverse document frequency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct RatedTerm {
    term: TermKey,
    idf: u16,
}

/// The wording of an article.
#[derive(Debug)]
pub struct Wording {
    /// The beginning of the body.
    body: Vec<RatedTerm>,
    /// The hash of each run of the body and its first position, by hash.
    runs: Vec<(u64, u32)>,
    /// The terms of the title, each once.
    title: Vec<RatedTerm>,
}

/// What a body has in common with another one.
struct Common {
    /// Whether each word is part of a common run.
    is_common: Vec<bool>,
    /// The common part of the body, weighted by idf.
    share: f64,
    /// The terms of the common runs, ascending.
    terms: Vec<TermKey>,
}

/// What surrounds the stretch from the first common run of a body to the last one.
struct Frame<'a> {
    before: &'a [RatedTerm],
    after: &'a [RatedTerm],
    /// The common part of that stretch, weighted by idf.
    of_stretch: f64,
}

impl Frame<'_> {
    fn len(&self) -> usize {
        self.before.len() + self.after.len()
    }
}

/// What two articles have in common, word for word.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Overlap {
    /// The part of the shorter body that is in common runs with the beginning of the longer one,
    /// weighted by idf.
    of_shorter: f64,
    /// The part of the longer body that is in common runs.
    of_longer: f64,
    /// The part of a headline that occurs in the common runs, weighted by the square of idf: the
    /// larger of the two. 1 if the headlines are nearly the same, None if there are none.
    support: Option<f64>,
    /// Whether the bodies are nearly equal but for a few words around them that no headline is
    /// about.
    is_framed: bool,
}

impl Wording {
    /// The wording of a text.
    pub fn of(text: ArticleText<'_>) -> Self {
        let mut end = text.body.len().min(MAX_BYTES);
        while !text.body.is_char_boundary(end) {
            end -= 1;
        }
        let (mut body, mut title) = (Vec::new(), Vec::new());
        with_analyzer(|analyzer| {
            analyzer.each_word(&text.body[..end], |term, idf| body.push(RatedTerm { term, idf }));
            analyzer.each_word(text.title, |term, idf| title.push(RatedTerm { term, idf }));
        });
        body.truncate(MAX_WORDS);
        title.sort_unstable();
        title.dedup();
        let mut runs: Vec<(u64, u32)> = body.windows(RUN).map(hash).zip(0..).collect();
        runs.sort_unstable();
        runs.dedup_by_key(|(hash, _)| *hash);
        Self { body, runs, title }
    }

    /// The distinct runs of the body.
    pub(super) fn runs(&self) -> impl ExactSizeIterator<Item = u64> {
        self.runs.iter().map(|(hash, _)| *hash)
    }

    /// Whether the body is too short to compare.
    pub(super) fn is_tiny(&self) -> bool {
        self.body.len() < MIN_WORDS
    }

    /// Whether two articles are near-duplicates; symmetric. None if a body is too short to compare:
    /// the cosine of the whole texts' term vectors decides.
    pub fn is_near_duplicate(&self, other: &Self) -> Option<bool> {
        if self.is_tiny() || other.is_tiny() {
            return None;
        }
        let Overlap { of_shorter, of_longer, support, is_framed } = self.overlap(other);
        let is_equal = of_shorter.min(of_longer) >= EQUAL;
        let is_copy = match support {
            Some(support) => of_shorter >= COPIED && support >= SUPPORTED,
            None => of_shorter >= COPIED_WITHOUT_HEADLINE,
        };
        Some(is_equal || is_framed || is_copy)
    }

    fn overlap(&self, other: &Self) -> Overlap {
        let is_shorter = (self.body.len(), &self.body) <= (other.body.len(), &other.body);
        let (short, long) = if is_shorter { (self, other) } else { (other, self) };
        // A story far down in a longer text is a part of that text, not a copy.
        let of_short = short.common(long, 2 * short.body.len() + 16);
        let of_long = long.common(short, short.body.len());
        let supports = [self, other].into_iter().filter_map(|one| one.support(&of_short.terms));
        let support = supports.reduce(f64::max);
        let titles = [(self, other), (other, self)]
            .map(|(one, other)| one.support(&other.title_terms()).unwrap_or(0.0));
        let is_same_headline = titles[0].min(titles[1]) >= SAME_HEADLINE;
        Overlap {
            of_shorter: of_short.share,
            of_longer: of_long.share,
            support: if is_same_headline { Some(1.0) } else { support },
            is_framed: short.is_framed(&of_short, long, &of_long),
        }
    }

    /// Whether two bodies are the same, with little around them.
    fn is_framed(&self, common: &Common, other: &Self, other_common: &Common) -> bool {
        if common.share.min(other_common.share) < FRAMED {
            return false;
        }
        let frames = (self.frame(common), other.frame(other_common));
        let (Some(one), Some(two)) = frames else { return false };
        let is_one_stretch = one.of_stretch.min(two.of_stretch) >= EQUAL;
        let both_before = one.before.len().min(two.before.len());
        let both_after = one.after.len().min(two.after.len());
        let added = one.len().max(two.len());
        let is_apart = both_before.max(both_after) > MAX_ADDED_TO_BOTH;
        if !is_one_stretch || is_apart || added > MAX_ADDED {
            return false;
        }
        let is_about = |frame: &Frame<'_>, common: &Common| {
            let added = frame.before.iter().chain(frame.after).map(|word| word.term);
            let is_new = |term: &TermKey| common.terms.binary_search(term).is_err();
            let mut added: Vec<TermKey> = added.filter(is_new).collect();
            added.sort_unstable();
            let shares = [self, other].into_iter().filter_map(|wording| wording.support(&added));
            shares.reduce(f64::max).is_some_and(|share| share >= ABOUT_ADDED)
        };
        !is_about(&one, common) && !is_about(&two, other_common)
    }

    /// What surrounds the common stretch; None if nothing is common.
    fn frame(&self, common: &Common) -> Option<Frame<'_>> {
        let start = common.is_common.iter().position(|is_common| *is_common)?;
        let end = common.is_common.iter().rposition(|is_common| *is_common)? + 1;
        let of_body =
            total_idf(&self.body) as f64 / total_idf(&self.body[start..end]).max(1) as f64;
        let of_stretch = common.share * of_body;
        Some(Frame { before: &self.body[..start], after: &self.body[end..], of_stretch })
    }

    /// What the body has in common with the first `reach` words of another one.
    fn common(&self, other: &Self, reach: usize) -> Common {
        let mut is_common = vec![false; self.body.len()];
        for (start, run) in self.body.windows(RUN).enumerate() {
            if other.first_place(hash(run)).is_some_and(|place| place + RUN <= reach) {
                is_common[start..start + RUN].fill(true);
            }
        }
        let marked = self.body.iter().zip(&is_common).filter(|(_, is_common)| **is_common);
        let common: Vec<RatedTerm> = marked.map(|(word, _)| *word).collect();
        let share = total_idf(&common) as f64 / total_idf(&self.body).max(1) as f64;
        let mut terms: Vec<TermKey> = common.into_iter().map(|word| word.term).collect();
        terms.sort_unstable();
        Common { is_common, share, terms }
    }

    /// The terms of the headline, ascending.
    fn title_terms(&self) -> Vec<TermKey> {
        self.title.iter().map(|word| word.term).collect()
    }

    fn first_place(&self, run: u64) -> Option<usize> {
        let found = self.runs.binary_search_by_key(&run, |(hash, _)| *hash).ok()?;
        Some(self.runs[found].1 as usize)
    }

    /// The part of the headline that these terms, which ascend, cover; None without a headline.
    fn support(&self, terms: &[TermKey]) -> Option<f64> {
        let square = |word: &RatedTerm| u64::from(word.idf).pow(2);
        let whole: u64 = self.title.iter().map(square).sum();
        let found = self.title.iter().filter(|word| terms.binary_search(&word.term).is_ok());
        (whole > 0).then(|| found.map(square).sum::<u64>() as f64 / whole as f64)
    }
}

fn total_idf(words: &[RatedTerm]) -> u64 {
    words.iter().map(|word| u64::from(word.idf)).sum()
}

/// A hash of a sequence of terms.
fn hash(words: &[RatedTerm]) -> u64 {
    words.iter().fold(0, |hash, word| {
        (hash ^ word.term.bits()).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &str = "A ferry with 212 passengers on board ran aground near the harbour \
        entrance early on Tuesday after its steering failed in thick fog. Coast guard boats took \
        everyone ashore within two hours and nobody was badly hurt.";
    const PAYWALL: &str = "To continue reading subscribe now or log in to your account. Already a \
        subscriber? Sign in here. Subscribers get unlimited digital access to all stories, videos \
        and our archive. Cancel at any time.";

    fn is_near_duplicate(a: (&str, &str), b: (&str, &str)) -> Option<bool> {
        let wording = |(title, body)| Wording::of(ArticleText { title, body });
        let (a, b) = (wording(a), wording(b));
        assert_eq!(a.is_near_duplicate(&b), b.is_near_duplicate(&a), "whichever comes first");
        a.is_near_duplicate(&b)
    }

    #[test]
    fn one_body_under_two_headlines_is_a_near_duplicate() {
        for other in ["Hundreds rescued from stranded ship", "Mayor opens the new library", ""] {
            assert_eq!(
                is_near_duplicate(("Ferry runs aground in fog", WIRE), (other, WIRE)),
                Some(true),
                "{other:?}"
            );
        }
    }

    #[test]
    fn a_shorter_or_edited_copy_is_a_near_duplicate_if_a_headline_is_about_it() {
        let longer = format!(
            "{WIRE} Tugs were to pull the vessel free at high tide, and all sailings were \
             cancelled for the day."
        );
        let edited = WIRE.replace("badly", "seriously").replace("thick ", "");
        for copy in [&longer, &edited] {
            let found =
                is_near_duplicate(("Ferry runs aground in fog", WIRE), ("Passengers safe", copy));
            assert_eq!(found, Some(true), "{copy}");
        }
    }

    const DATELINE: &str = "PORT SARNO, Nov 23 (Reuters) -";
    const BYLINE: &str = "By Jane Doe, Staff Writer";
    const CREDIT: &str = "(Reporting by Carla Brandt; editing by Mark Hale)";
    const COPYRIGHT: &str = "Copyright 2026 The Halden Herald. All rights reserved. No part of it \
        may be republished.";

    #[test]
    fn a_dateline_or_byline_does_not_prevent_folding() {
        let dated = format!("{DATELINE} {WIRE}");
        let signed = format!("{BYLINE} {WIRE}");
        for (one, two) in [(WIRE, &dated), (WIRE, &signed), (&dated, &signed)] {
            let found = is_near_duplicate(("Mayor opens library", one), ("Shareholders vote", two));
            assert_eq!(found, Some(true), "{one:?} and {two:?}");
        }
    }

    #[test]
    fn a_credit_or_copyright_line_does_not_prevent_folding() {
        let credited = format!("{WIRE} {CREDIT}");
        let reserved = format!("{WIRE} {COPYRIGHT}");
        let dated = format!("{DATELINE} {WIRE}");
        let around = format!("{DATELINE} {WIRE} {CREDIT}");
        let copies = [&credited, &reserved, &around].map(|copy| (WIRE, copy));
        let pairs = [(credited.as_str(), &reserved), (&dated, &reserved)];
        for (one, two) in copies.into_iter().chain(pairs) {
            let found = is_near_duplicate(("Mayor opens library", one), ("Shareholders vote", two));
            assert_eq!(found, Some(true), "{one:?} and {two:?}");
        }
    }

    #[test]
    fn a_teaser_with_its_own_headline_is_not_a_copy_of_the_notice_alone() {
        let notice = PAYWALL.repeat(2);
        let teaser = format!("A ferry ran aground near the harbour entrance on Tuesday. {notice}");
        let found = is_near_duplicate(("Ferry runs aground", &teaser), ("Welcome back", &notice));
        assert_eq!(found, Some(false));
    }

    #[test]
    fn bodies_with_more_words_of_their_own_on_one_side_are_two_stories() {
        let notice = PAYWALL.repeat(2);
        let one = format!("Owners voted against it by a very narrow margin on Friday. {notice}");
        let two = format!("Tugs pulled the vessel free at high tide early this morning. {notice}");
        for (one, two) in [(one.as_str(), two.as_str()), (&two, &one)] {
            assert_eq!(is_near_duplicate(("Bank", one), ("Ferry", two)), Some(false));
        }
    }

    #[test]
    fn stories_with_the_same_paywall_are_different() {
        let stub = |start: &str| format!("{start} {PAYWALL}");
        let ferry =
            stub("A ferry with 212 passengers ran aground near the harbour early on Tuesday.");
        let bank = stub("Shareholders of the bank voted against the merger by a narrow margin.");
        assert_eq!(
            is_near_duplicate(("Ferry runs aground", &ferry), ("Bank merger fails", &bank)),
            Some(false)
        );
        assert_eq!(is_near_duplicate(("", &ferry), ("", &bank)), Some(false));
        // The same teaser under two headlines is still one story.
        assert_eq!(
            is_near_duplicate(("Ferry runs aground", &ferry), ("Passengers saved", &ferry)),
            Some(true)
        );
    }

    #[test]
    fn a_story_far_down_in_a_digest_is_not_a_copy_of_it() {
        let words: Vec<String> = (0..200).map(|word| format!("other{word}")).collect();
        let digest = format!("{} {WIRE}", words.join(" "));
        assert_eq!(
            is_near_duplicate(("Ferry runs aground", WIRE), ("The day in brief", &digest)),
            Some(false)
        );
    }

    #[test]
    fn only_the_beginning_of_a_long_body_is_examined() {
        let text = ArticleText { title: "", body: &"aß ".repeat(MAX_BYTES) };
        assert_eq!(Wording::of(text).body.len(), MAX_WORDS);
        // The limit in bytes is within a character.
        let text = ArticleText { title: "", body: &format!("a{}", "ß".repeat(MAX_BYTES)) };
        assert!(Wording::of(text).is_tiny());
    }

    #[test]
    fn tiny_bodies_are_not_compared() {
        for (a, b) in [
            ("", ""),
            ("More soon.", "More soon."),
            ("", WIRE),
            ("one two three four five six seven", WIRE),
        ] {
            assert_eq!(is_near_duplicate(("Ferry", a), ("Bank", b)), None, "{a:?}");
        }
    }
}
