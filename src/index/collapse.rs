//! Folds near-duplicates: each result into the first one that it is a copy of.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::candidate::{Candidate, Group};
use super::deadline::Deadline;
use super::query::NEAR_DUPLICATE_COSINE;
use super::query_vector::QueryVector;
use super::vector::Vector;
use super::wording::Wording;
use super::{ArchivedArticle, IndexError};

/// The results are compared up to this size of their texts, in bytes; later ones are not folded.
/// Two hundred texts of 160 KiB fit.
const MAX_BYTES: usize = 32 << 20;
/// Articles are only compared if they share at least one in this number of the shorter one's
/// runs: a copy shares more.
const COMMON_DIVISOR: usize = 5;

/// A result into which others may be folded.
struct Leader {
    wording: Wording,
    vector: QueryVector,
}

/// The results so far.
#[derive(Default)]
struct Leaders {
    leaders: Vec<Leader>,
    /// The group of each leader.
    groups: Vec<usize>,
    /// The first leader with a run, and the others: few runs have any.
    by_run: HashMap<u64, u32>,
    others: HashMap<u64, Vec<u32>>,
}

impl Leaders {
    /// The group of the first leader that an article is a near-duplicate of.
    fn find(&self, wording: &Wording, vector: &Vector) -> Option<usize> {
        let mut common = vec![0_usize; self.leaders.len()];
        for run in wording.runs() {
            let Some(first) = self.by_run.get(&run) else { continue };
            let others = self.others.get(&run).into_iter().flatten();
            others.chain([first]).for_each(|leader| common[*leader as usize] += 1);
        }
        let is_copy = |(leader, common): &(&Leader, usize)| {
            let Leader { wording: other, vector: other_vector } = leader;
            if wording.is_tiny() || other.is_tiny() {
                return other_vector.cosine(vector) >= NEAR_DUPLICATE_COSINE;
            }
            let least = wording.runs().len().min(other.runs().len()) / COMMON_DIVISOR;
            *common > 0 && *common >= least && other.is_near_duplicate(wording) == Some(true)
        };
        let found = self.leaders.iter().zip(common).position(|leader| is_copy(&leader));
        found.map(|leader| self.groups[leader])
    }

    fn push(&mut self, group: usize, wording: Wording, vector: &Vector) {
        let number = self.leaders.len() as u32;
        for run in wording.runs() {
            match self.by_run.entry(run) {
                Entry::Vacant(first) => drop(first.insert(number)),
                Entry::Occupied(_) => self.others.entry(run).or_default().push(number),
            }
        }
        self.leaders.push(Leader { wording, vector: QueryVector::new(vector) });
        self.groups.push(group);
    }
}

/// Folds each candidate into the first result that it is a near-duplicate of. Those that cannot be
/// read are not folded.
///
/// # Errors
/// [`IndexError::Late`] when the deadline passes; otherwise the error of `read_one`.
pub(super) fn collapse<H>(
    candidates: Vec<Candidate<H>>,
    deadline: Deadline,
    read_one: impl Fn(&H) -> Result<(ArchivedArticle, Vector), IndexError>,
) -> Result<Vec<Group<H>>, IndexError> {
    let mut groups: Vec<Group<H>> = Vec::new();
    let mut leaders = Leaders::default();
    let mut bytes = 0;
    for candidate in candidates {
        deadline.check()?;
        let read = if bytes < MAX_BYTES { Some(read_one(&candidate.handle)) } else { None };
        let (wording, vector) = match read {
            Some(Ok((article, vector))) => {
                bytes += article.text().size_bytes();
                (Wording::of(article.text()), vector)
            }
            Some(Err(IndexError::Corrupt { .. })) | None => {
                groups.push(Group { leader: candidate, near_duplicates: Vec::new() });
                continue;
            }
            Some(Err(error)) => return Err(error),
        };
        match leaders.find(&wording, &vector) {
            Some(group) => groups[group].near_duplicates.push(candidate.id),
            None => {
                leaders.push(groups.len(), wording, &vector);
                groups.push(Group { leader: candidate, near_duplicates: Vec::new() });
            }
        }
    }
    Ok(groups)
}
