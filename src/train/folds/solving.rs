//! Scores each held-out document by hyperplanes that were fitted to the other folds, and fits the
//! final ones.

use std::io;

use ndarray::Array2;
use rayon::prelude::*;

use super::deal::{FOLDS, shuffled};
use super::held_out::ScoreTable;
use super::lengths::weight;
use super::scoring::{Scored, Split};
use crate::train::estimate::{Feature, Linear, Problem, Solver};
use crate::train::lists::Lists;
use crate::train::terms::{Status, Term};

/// Decides the order in which documents are looked at.
const ORDER_SEED: u64 = 1;

/// What a solver makes of a corpus.
#[derive(Debug)]
pub(crate) struct Solved {
    /// The scores of the held-out documents, in their order, by what was fitted without their fold.
    pub(crate) held_out: ScoreTable,
    /// Fitted to all documents, for the selected terms.
    pub(crate) linear: Linear,
}

/// Fits hyperplanes; None where the corpus is too large for the solver.
pub(crate) fn solve(
    split: Split<'_>,
    scored: &Scored,
    solver: &dyn Solver,
) -> io::Result<Option<Solved>> {
    let collection = split.collection;
    let is_used = |term: &&Term| term.status > Status::Dropped;
    let used = || collection.vocabulary.terms.iter().filter(is_used);
    let entries = used().map(|term| u64::from(term.document_frequency)).sum();
    if !solver.is_affordable(used().count() as u64, collection.topics.len() as u64, entries) {
        return Ok(None);
    }
    let fitting = Fitting::new(split, scored)?;
    let mut outcomes: Vec<Outcome> =
        (0..=FOLDS).into_par_iter().map(|fold| fitting.fit(solver, fold)).collect();
    let linear = outcomes.pop().and_then(|outcome| outcome.linear);
    let mut rows: Vec<(usize, Vec<f32>)> =
        outcomes.into_iter().flat_map(|outcome| outcome.held_out).collect();
    rows.sort_unstable_by_key(|(place, _)| *place);
    let mut held_out = ScoreTable::new(collection.topics.len());
    rows.into_iter().for_each(|(_, row)| held_out.push(row));
    Ok(linear.map(|linear| Solved { held_out, linear }))
}

/// Of a fold the scores of its documents, each with its place among those held out; of all
/// documents the model.
struct Outcome {
    held_out: Vec<(usize, Vec<f32>)>,
    linear: Option<Linear>,
}

/// What all the fits look at.
struct Fitting<'a> {
    split: Split<'a>,
    scored: &'a Scored,
    /// The terms that are not dropped, by the numbers that they have here.
    terms: Vec<u32>,
    /// By document: its terms by these numbers, before its vector is scaled.
    rows: Lists<Feature>,
    /// The documents in the order in which they are fitted to.
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
        let mut rows = Lists::default();
        for number in 0..collection.rows.block_count() {
            for (_, row) in collection.rows.block(number)?.iter() {
                rows.push(row.iter().filter_map(|&[number, count]| {
                    let term = &vocabulary[number as usize];
                    let feature = || Feature {
                        term: numbers[number as usize],
                        x: weight(term, count) as f32,
                    };
                    (term.status > Status::Dropped).then(feature)
                }));
            }
        }
        // Nearby documents are alike, and a pass over one topic after the other would learn each
        // anew.
        let mut order: Vec<u32> = (0..collection.document_count() as u32).collect();
        let ordinals = &collection.documents.ordinals;
        order.sort_unstable_by_key(|&document| shuffled(ORDER_SEED, ordinals[document as usize]));
        let factor = scored.counts.totals.length_factor();
        Ok(Self { split, scored, terms, rows, order, factor })
    }

    /// Fits to all documents but those of a fold, and scores them; of no fold, to all.
    fn fit(&self, solver: &dyn Solver, fold: usize) -> Outcome {
        let Split { collection, folds, lengths, .. } = self.split;
        let is_whole = fold == FOLDS;
        let mut problem = Problem::new(self.terms.len(), collection.topics.len());
        for &document in &self.order {
            if is_whole || folds.of(document) != fold {
                let scale = lengths.scales[document as usize];
                let topics = collection.document_topics.get(document as usize);
                problem.push(self.row(document, fold, scale), topics);
            }
        }
        let planes = solver.solve(&problem);
        if is_whole {
            // Both ascend, and all selected terms are used.
            let selected: Vec<usize> = (0..self.terms.len())
                .filter(|&number| self.term(number).status == Status::Selected)
                .collect();
            let weight = |topic: usize, place: usize| {
                f64::from(planes.of_term(selected[place])[topic]) * self.factor
            };
            let shape = (collection.topics.len(), selected.len());
            let weights = Array2::from_shape_fn(shape, |(topic, place)| weight(topic, place));
            let bias = planes.bias().iter().map(|&bias| f64::from(bias)).collect();
            return Outcome { held_out: Vec::new(), linear: Some(Linear { weights, bias }) };
        }
        let held_out = folds.held_out().iter().enumerate();
        let own = held_out.filter(|&(_, &document)| folds.of(document) == fold);
        let score = |(place, &document): (usize, &u32)| {
            let scale = self.scored.known_scales[place];
            (place, planes.scores(self.row(document, fold, scale)))
        };
        Outcome { held_out: own.map(score).collect(), linear: None }
    }

    /// The term of a number that it has here.
    fn term(&self, number: usize) -> &Term {
        &self.split.collection.vocabulary.terms[self.terms[number] as usize]
    }

    /// A document as the model without a fold sees it; of no fold, as the final one does.
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
