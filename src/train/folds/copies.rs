//! Finds documents that are copies of each other, which must not be parted by cross-validation.

use crate::train::documents::Documents;

/// A title, or a body, that more documents share than these is the name of a section or a notice,
/// and no sign of a copy: 20 documents, or one in 100 of a large corpus; of a small one, one in 20.
const MAX_COPIES: usize = 20;
const MAX_COPIES_SHARE: usize = 100;
const SMALL_SHARE: usize = 20;

/// Which documents are copies of each other.
#[derive(Debug)]
pub(crate) struct Copies {
    /// By document: the first document of its group.
    leaders: Vec<u32>,
}

impl Copies {
    /// Documents are copies if their words and pairs are the same, or the words of their bodies, or
    /// the set of the words of their titles without reply marks; and copies of copies are copies.
    pub(crate) fn of(documents: &Documents) -> Self {
        let mut copies = Self { leaders: (0..documents.len() as u32).collect() };
        copies.join_equal(documents.bags.iter().copied(), usize::MAX);
        let share = |one_in: usize| documents.len() / one_in;
        let most = share(MAX_COPIES_SHARE).max(MAX_COPIES.min(share(SMALL_SHARE)).max(2));
        copies.join_equal(documents.fingerprints.iter().map(|(title, _)| *title), most);
        copies.join_equal(documents.fingerprints.iter().map(|(_, body)| *body), most);
        for document in 0..copies.leaders.len() as u32 {
            copies.leaders[document as usize] = copies.leader(document);
        }
        copies
    }

    /// Joins documents of equal fingerprints where at most so many have the same; 0 is none.
    fn join_equal(&mut self, fingerprints: impl Iterator<Item = u64>, most: usize) {
        let mut documents: Vec<(u64, u32)> =
            fingerprints.zip(0..).filter(|(fingerprint, _)| *fingerprint != 0).collect();
        documents.sort_unstable();
        for same in documents.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() <= most) {
            same.windows(2).for_each(|two| self.join(two[0].1, two[1].1));
        }
    }

    /// Joins two groups (union-find with path halving; Tarjan and van Leeuwen, 1984).
    fn join(&mut self, one: u32, other: u32) {
        let [one, other] = [self.leader(one), self.leader(other)];
        self.leaders[one.max(other) as usize] = one.min(other);
    }

    fn leader(&mut self, mut document: u32) -> u32 {
        while self.leaders[document as usize] != document {
            let above = self.leaders[document as usize];
            self.leaders[document as usize] = self.leaders[above as usize];
            document = above;
        }
        document
    }

    /// The first document of the group that a document belongs to: itself, where it has no copies.
    pub(crate) fn first(&self, document: usize) -> usize {
        self.leaders[document] as usize
    }

    /// How many documents are copies of one that came before.
    pub(crate) fn count(&self) -> usize {
        (0..self.leaders.len()).filter(|&document| self.first(document) != document).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn firsts(texts: &[&str]) -> Vec<usize> {
        let copies = Copies::of(&Documents::of_texts(texts));
        (0..texts.len()).map(|document| copies.first(document)).collect()
    }

    #[test]
    fn equal_texts_are_copies_whatever_stands_between() {
        assert_eq!(firsts(&["late goal", "bank rate", "Late goal!", "late win"]), [0, 1, 0, 3]);
    }

    #[test]
    fn titles_make_copies_but_for_their_reply_marks_and_order() {
        let texts = ["Late goal\n\nsome text", "Re: goal, late\n\nanother", "Goal\n\nsome text"];
        assert_eq!(firsts(&texts), [0, 0, 2]);
    }

    #[test]
    fn bodies_make_copies_and_copies_of_copies_are_copies() {
        let body = "a bank raises the rate of all loans to five per cent";
        let texts = [
            format!("One title\n\n{body}"),
            format!("Another one\n\n{body}"),
            "another one\n\nof no other word".to_owned(),
        ];
        assert_eq!(firsts(&texts.each_ref().map(String::as_str)), [0, 0, 0]);
    }

    #[test]
    fn a_title_that_many_share_makes_no_copies() {
        // Of 60 documents 3 may share a title, of 1,000 there may be 20.
        for (count, most) in [(60, 3), (1_000, 20)] {
            for shared in [most, most + 1] {
                let title = |n| if n < shared { "Letters".to_owned() } else { format!("t{n}") };
                let texts: Vec<String> =
                    (0..count).map(|n| format!("{}\n\nletter{n}", title(n))).collect();
                let firsts = firsts(&texts.iter().map(String::as_str).collect::<Vec<_>>());
                let copies = (0..count).filter(|&n| firsts[n] != n).count();
                assert_eq!(copies, if shared > most { 0 } else { most - 1 }, "{shared} of {count}");
            }
        }
    }

    #[test]
    fn documents_without_a_word_are_no_copies() {
        assert_eq!(firsts(&["!?", "...", ""]), [0, 1, 2]);
    }
}
