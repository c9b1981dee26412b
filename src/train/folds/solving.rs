//! Scores each held-out document by hyperplanes that were fitted without its fold, and fits the
//! final ones.

use std::io;

use ndarray::Array2;
use rayon::prelude::*;

use super::deal::{FOLDS, shuffled};
use super::held_out::ScoreTable;
use super::lengths::weight;
use super::scoring::{Scored, Split};
use crate::train::estimate::{Feature, Linear, Planes, Problem, Solver, padded};
use crate::train::lists::Lists;
use crate::train::terms::{Status, Term};

/// Seeds the order in which documents are visited.
const ORDER_SEED: u64 = 1;
/// The most entries of documents to fit to, which bounds the memory, and the most entries times
/// topics, which bounds the time. A larger corpus is sampled.
const MAX_ENTRIES: usize = 1 << 23;
const MAX_PRODUCTS: usize = 1 << 28;
/// The most weights, terms times topics; beyond that nothing is fitted.
const MAX_WEIGHTS: usize = 1 << 24;

/// The hyperplanes that a solver fits to a corpus, and their scores.
#[derive(Debug)]
pub(crate) struct Solved {
    /// The scores of the held-out documents, in order, by a fit without their fold.
    pub(crate) held_out: ScoreTable,
    /// Fitted to all documents, for the selected terms.
    pub(crate) linear: Linear,
}

/// The key by which documents are visited: not that by which they were dealt to the folds, whatever
/// the seed.
fn visited(document: u32) -> u64 {
    shuffled(ORDER_SEED, !u64::from(document))
}

/// Fits the hyperplanes of each solver; returns none if they would be too many.
pub(crate) fn solve(
    split: Split<'_>,
    scored: &Scored,
    solvers: &[&dyn Solver],
) -> io::Result<Vec<Solved>> {
    let topic_count = split.collection.topics.len();
    let is_used = |term: &&Term| term.status > Status::Dropped;
    let term_count = split.collection.vocabulary.terms.iter().filter(is_used).count();
    if solvers.is_empty() || term_count * padded(topic_count) > MAX_WEIGHTS {
        return Ok(Vec::new());
    }
    let fitting = Fitting::new(split, scored)?;
    let folds = (0..FOLDS).filter(|&fold| split.folds.has(fold)).chain([FOLDS]);
    let folds: Vec<usize> = folds.collect();
    let mut outcomes: Vec<Vec<Outcome>> =
        folds.into_par_iter().map(|fold| fitting.fit(solvers, fold)).collect();
    let finals = outcomes.pop().unwrap_or_default();
    let mut solved = Vec::with_capacity(solvers.len());
    for (solver, outcome) in finals.into_iter().enumerate() {
        let Outcome::Final(linear) = outcome else { continue };
        let mut rows: Vec<&(usize, Vec<f32>)> = Vec::new();
        for outcomes in &outcomes {
            if let Outcome::HeldOut(own) = &outcomes[solver] {
                rows.extend(own);
            }
        }
        rows.sort_unstable_by_key(|(place, _)| *place);
        let mut held_out = ScoreTable::new(topic_count);
        rows.into_iter().for_each(|(_, row)| held_out.push(row.iter().copied()));
        solved.push(Solved { held_out, linear });
    }
    Ok(solved)
}

/// The result of a fit without a fold, or of the final one.
enum Outcome {
    /// The scores of the fold's documents, each with its index among those held out.
    HeldOut(Vec<(usize, Vec<f32>)>),
    Final(Linear),
}

/// The input of all fits.
struct Fitting<'a> {
    split: Split<'a>,
    scored: &'a Scored,
    /// The terms that are not dropped; their indices are the term numbers of the problem.
    terms: Vec<u32>,
    /// Per document: its terms by these numbers, before its vector is scaled.
    rows: Lists<Feature>,
    /// The documents in the order of fitting.
    order: Vec<u32>,
    /// What a vector is multiplied by so that a document of typical length has length 1, as for
    /// naive Bayes.
    factor: f64,
}

impl<'a> Fitting<'a> {
    fn new(split: Split<'a>, scored: &'a Scored) -> io::Result<Self> {
        let collection = split.collection;
        let vocabulary = &collection.vocabulary.terms;
        let mut terms = Vec::new();
        let numbers: Vec<u32> = (0..)
            .zip(vocabulary)
            .map(|(number, term)| {
                terms.extend((term.status > Status::Dropped).then_some(number));
                (terms.len() as u32).saturating_sub(1)
            })
            .collect();
        // Neighbouring documents are alike, and a pass over one topic after another would learn
        // each anew.
        let mut order: Vec<u32> = (0..collection.document_count() as u32).collect();
        order.sort_unstable_by_key(|&document| visited(document));
        let factor = scored.counts.totals.length_factor();
        let mut fitting = Self { split, scored, terms, rows: Lists::default(), order, factor };
        let is_sampled = fitting.sample();
        for number in 0..collection.rows.block_count() {
            for (document, row) in collection.rows.block(number)?.iter() {
                let is_needed = is_sampled[document] || split.folds.is_held_out(document as u32);
                let row = if is_needed { row } else { &[] };
                fitting.rows.push(row.iter().filter_map(|&[number, count]| {
                    let term = &vocabulary[number as usize];
                    let feature = || Feature {
                        term: numbers[number as usize],
                        x: weight(term, count) as f32,
                    };
                    (term.status > Status::Dropped).then(feature)
                }));
            }
        }
        Ok(fitting)
    }

    /// Truncates the order to the documents that there is room for. Returns per document whether it
    /// is one of them.
    fn sample(&mut self) -> Vec<bool> {
        let collection = self.split.collection;
        let used = self.terms.iter().map(|&term| &collection.vocabulary.terms[term as usize]);
        let entries: u64 = used.map(|term| u64::from(term.document_frequency)).sum();
        let most = MAX_ENTRIES.min(MAX_PRODUCTS / padded(collection.topics.len()));
        let share = (most as f64 / entries.max(1) as f64).min(1.0);
        self.order.truncate((self.order.len() as f64 * share) as usize);
        let mut is_sampled = vec![false; collection.document_count()];
        self.order.iter().for_each(|&document| is_sampled[document as usize] = true);
        is_sampled
    }

    /// Fits to all documents outside a fold and scores the fold's; [`FOLDS`] fits to all documents.
    fn fit(&self, solvers: &[&dyn Solver], fold: usize) -> Vec<Outcome> {
        let Split { collection, folds, lengths, .. } = self.split;
        let mut problem = Problem::new(self.terms.len(), collection.topics.len());
        for &document in &self.order {
            if fold == FOLDS || folds.of(document) != fold {
                let scale = lengths.scales[document as usize];
                let topics = collection.document_topics.get(document as usize);
                problem.push(self.row(document, fold, scale), topics);
            }
        }
        let outcome = |planes| match fold {
            FOLDS => Outcome::Final(self.linear(&planes)),
            _ => Outcome::HeldOut(self.scores(&planes, fold)),
        };
        solvers.iter().map(|solver| outcome(solver.solve(&problem))).collect()
    }

    /// The final model of the selected terms.
    fn linear(&self, planes: &Planes) -> Linear {
        // Both ascend, and all selected terms are used.
        let selected: Vec<usize> = (0..self.terms.len())
            .filter(|&number| self.term(number).status == Status::Selected)
            .collect();
        let shape = (self.split.collection.topics.len(), selected.len());
        let weights = Array2::from_shape_fn(shape, |(topic, place)| {
            f64::from(planes.of_term(selected[place])[topic]) * self.factor
        });
        Linear { weights, bias: planes.bias().iter().map(|&bias| f64::from(bias)).collect() }
    }

    /// The scores of a fold's documents, each with its index among those held out.
    fn scores(&self, planes: &Planes, fold: usize) -> Vec<(usize, Vec<f32>)> {
        let folds = self.split.folds;
        let held_out = folds.held_out().iter().enumerate();
        let own = held_out.filter(|&(_, &document)| folds.of(document) == fold);
        let score = |(place, &document): (usize, &u32)| {
            let scale = self.scored.known_scales[place];
            (place, planes.scores(self.row(document, fold, scale)))
        };
        own.map(score).collect()
    }

    /// The term with this number in the problem.
    fn term(&self, number: usize) -> &Term {
        &self.split.collection.vocabulary.terms[self.terms[number] as usize]
    }

    /// A document as the model without the fold sees it; for [`FOLDS`], as the final model does.
    fn row(&self, document: u32, fold: usize, scale: f32) -> impl Iterator<Item = Feature> {
        let is_seen = move |number: usize| match fold {
            FOLDS => self.term(number).status == Status::Selected,
            fold => self.scored.kept[self.terms[number] as usize] >> fold & 1 == 1,
        };
        let scale = scale * self.factor as f32;
        let row = self.rows.get(document as usize).iter();
        row.filter(move |feature| is_seen(feature.term as usize))
            .map(move |feature| Feature { x: feature.x * scale, ..*feature })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_not_visited_in_the_order_in_which_folds_are_dealt() {
        let first = |key: &dyn Fn(u32) -> u64| {
            let mut documents: Vec<u32> = (0..10_000).collect();
            documents.sort_unstable_by_key(|&document| key(document));
            documents[..1_000].to_vec()
        };
        let visited = first(&visited);
        for seed in 0..4 {
            let dealt = first(&|document| shuffled(seed, document.into()));
            let both = dealt.iter().filter(|document| visited.contains(document)).count();
            assert!((60..140).contains(&both), "{seed}: {both} of the first 1,000");
        }
    }
}
