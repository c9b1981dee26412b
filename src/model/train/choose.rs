//! Chooses how to estimate, by cross-validation on the training corpus alone.

use std::time::Instant;

use super::calibrate::{Calibration, calibrate, fit_scale};
use super::counts::{Counts, Lengths};
use super::cross_validate::{Bench, HeldOut, ScoreTable};
use super::estimate::{Candidate, Estimator, Linear};
use super::folds::{FOLDS, Folds};
use super::freeze::Terms;
use super::inverted::{Inverted, LeastFrequencies, Rank};
use super::link::{Effort, Features, Link, Prior};
use super::margin::Margin;
use super::select;
use super::topic_counts::TopicCounts;
use super::{DEFAULT_MIN_DOCUMENT_FREQUENCY, Recipe, TrainError, TrainOptions};
use crate::model::manifest::{Labels, LinkTrialRecord, MetricsRecord, RecipeRecord, TrialRecord};
use crate::model::softmax;

/// The pseudo-counts that `auto` tries, of the multinomial and the complement estimate: light and strong smoothing.
const ALPHAS: [[f64; 2]; 2] = [[0.03, 0.1], [0.1, 0.4]];
/// And what it tries besides where the corpus is small: there smoothing should often be stronger, and trying costs little.
const SMALL_ALPHAS: [[f64; 2]; 2] = [[0.4, 0.4], [1.0, 1.0]];
/// Up to so many documents a corpus is small.
const SMALL: u64 = 16_384;
/// Up to so many products of documents, inputs and topics a link is chosen on all folds, and not on one.
const MAX_ON_ALL_FOLDS: usize = 1 << 23;
/// How far the link's matrix may stray from nothing: what is tried.
const LINK_VARIANCES: [f64; 2] = [0.01, 0.1];
/// The most documents that smoothing and variance are chosen on (they are two numbers), and that the links are fitted to by which
/// a link is measured.
const MAX_CHOSEN_ON: usize = 12_288;
/// The most steps of the solver while choosing, and for what is chosen.
const CHOOSING_ITERATIONS: u64 = 20;
const FINAL_ITERATIONS: u64 = 60;
/// And for the links that a link is measured by: half, for they only say what it is worth.
const MEASURING_ITERATIONS: u64 = 30;
/// For several topics a document, as measured on reuters21578: see docs/adr/0006.
const INTERPOLATION: f64 = 0.8;
const MULTI_LABEL_PRIOR: Prior = Prior { own: 0.3, cross: 0.03 };

/// A way to a linear model.
#[derive(Debug, Clone, PartialEq)]
enum Plan {
    /// One estimator.
    Plain(Candidate),
    /// One or two, perhaps with the weights of the widest margin beside them, and a link over their scores.
    Linked { candidates: Vec<Candidate>, margin: Option<Linear>, link: Box<Link>, prior: Prior },
}

/// A plan with what its held-out scores taught.
#[derive(Debug)]
pub(super) struct Trial {
    plan: Plan,
    pub(super) calibration: Calibration,
    /// A place in [`Choice::vocabularies`].
    pub(super) vocabulary: usize,
    /// Whether that has words alone because they were tried beside words and pairs.
    pub(super) words_alone: bool,
    min_document_frequency: u32,
}

/// Terms that a model may have, and their counts.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub(super) terms: Terms,
    pub(super) counts: TopicCounts,
}

/// What was tried.
#[derive(Debug)]
pub(super) struct Choice {
    /// The best one first.
    pub(super) trials: Vec<Trial>,
    pub(super) vocabularies: Vec<Vocabulary>,
    link_trials: Vec<LinkTrialRecord>,
}

impl Choice {
    /// What the manifest says of it.
    pub(super) fn records(&self, options: &TrainOptions) -> (Vec<TrialRecord>, Vec<LinkTrialRecord>) {
        let record = |trial: &Trial| TrialRecord { recipe: trial.recipe(options), metrics: trial.calibration.metrics.clone() };
        (self.trials.iter().map(record).collect(), self.link_trials.clone())
    }
}

/// In how many documents terms have to be for what is tried.
///
/// On a small corpus words alone are tried beside words and pairs, words of a single document among them. Counts, and all that is chosen
/// on them, depend on the terms: to try others costs the whole search again, which a small corpus can afford. It is also where it
/// matters: see docs/adr/0004.
pub(super) fn least_frequencies(options: &TrainOptions, document_count: u64) -> LeastFrequencies {
    let least = options.min_document_frequency.unwrap_or(DEFAULT_MIN_DOCUMENT_FREQUENCY);
    let of_words = options.min_document_frequency.unwrap_or(1);
    LeastFrequencies { words: if tries_words_alone(options, document_count) { of_words } else { least }, pairs: least }
}

fn tries_words_alone(options: &TrainOptions, document_count: u64) -> bool {
    let is_searched = options.recipe == Recipe::Auto && options.labels == Labels::Single && options.text.pairs;
    is_searched && document_count <= SMALL
}

/// Tries what the options leave open, with each selection of terms; the first one in any case.
pub(super) fn choose(corpus: &mut Inverted, options: &TrainOptions) -> Result<Choice, TrainError> {
    let deadline = options.budget.map(|budget| Instant::now() + budget);
    let document_count = corpus.document_count() as u64;
    let least = least_frequencies(options, document_count);
    let folds = Folds::deal(corpus, options.seed);
    let mut choice = Choice { trials: Vec::new(), vocabularies: Vec::new(), link_trials: Vec::new() };
    for words_alone in [false, true] {
        if words_alone
            && (!tries_words_alone(options, document_count) || deadline.is_some_and(|deadline| Instant::now() >= deadline))
        {
            break;
        }
        let selection = if words_alone {
            select::words(corpus, least.words)
        } else {
            select::keep_best(corpus, options.keep_terms, least.pairs)
        };
        // Of a few short documents each term may be in one alone: then there are only the words.
        if corpus.terms().all(|term| term.rank < Rank::Selected) {
            continue;
        }
        let lengths = Lengths::of(corpus, &folds)?;
        let counts = Counts::of(corpus, &folds, &selection, &lengths)?;
        let bench = Bench { corpus, folds: &folds, lengths: &lengths, counts: &counts };
        let vocabulary = choice.vocabularies.len();
        let min_document_frequency = selection.min_document_frequency();
        let mut search = Search {
            bench,
            options,
            deadline,
            is_small: document_count <= SMALL,
            link_trials: Vec::new(),
            vocabulary,
            words_alone,
            min_document_frequency,
        };
        let trials = match (options.labels, options.recipe) {
            (Labels::Multiple, _) => search.multi_label()?,
            (Labels::Single, Recipe::Fixed(estimator)) => {
                let candidate = Candidate::Smoothed(estimator, options.alpha.unwrap_or(estimator.default_alpha()));
                let (documents, tables) = search.bench.score(&[candidate])?;
                tables.iter().map(|table| search.plain(candidate, &documents, table)).collect()
            }
            (Labels::Single, Recipe::Auto) => search.auto()?,
        };
        choice.trials.extend(trials);
        choice.link_trials.append(&mut search.link_trials);
        choice.vocabularies.push(Vocabulary { terms: Terms::selected(corpus), counts: counts.selected });
    }
    rank(&mut choice.trials, |trial| &trial.calibration.metrics);
    Ok(choice)
}

/// Puts the best trial first, the others behind it by accuracy. The best has the least log loss of those whose accuracy lies within a
/// standard error of the highest: on a few thousand documents accuracy cannot tell more, and the log loss also sees the
/// probabilities. (The one-standard-error rule of Breiman, Friedman, Olshen and Stone, 1984.)
fn rank<T>(trials: &mut [T], metrics: impl Fn(&T) -> &MetricsRecord) {
    // A stable sort: of equals the first tried comes first.
    trials.sort_by(|a, b| {
        let (a, b) = (metrics(a), metrics(b));
        b.accuracy.total_cmp(&a.accuracy).then(a.log_loss.total_cmp(&b.log_loss))
    });
    let Some(highest) = trials.first().map(&metrics) else { return };
    let variance = highest.accuracy * (1.0 - highest.accuracy) / highest.document_count.max(1) as f64;
    let least = highest.accuracy - variance.sqrt();
    let best = (0..trials.len())
        .filter(|&place| metrics(&trials[place]).accuracy >= least)
        .min_by(|&a, &b| metrics(&trials[a]).log_loss.total_cmp(&metrics(&trials[b]).log_loss));
    if let Some(best) = best {
        trials[..=best].rotate_right(1);
    }
}

/// Held-out scores that a link may look at.
struct Scores<'a> {
    /// The pseudo-counts of the two estimates.
    alphas: [f64; 2],
    /// Whether those of the widest margin are beside them.
    margin: bool,
    features: Features<'a>,
}

struct Search<'a> {
    bench: Bench<'a>,
    options: &'a TrainOptions,
    deadline: Option<Instant>,
    link_trials: Vec<LinkTrialRecord>,
    /// Whether the corpus is small.
    is_small: bool,
    /// Which of the vocabularies.
    vocabulary: usize,
    /// Whether that has words alone because they are tried beside words and pairs.
    words_alone: bool,
    min_document_frequency: u32,
}

impl Search<'_> {
    fn auto(&mut self) -> Result<Vec<Trial>, TrainError> {
        let mut pairs: Vec<[f64; 2]> = self.options.alpha.map_or(ALPHAS.to_vec(), |alpha| vec![[alpha, alpha]]);
        if self.options.alpha.is_none() && self.is_small {
            pairs.extend(SMALL_ALPHAS);
        }
        let candidates: Vec<Candidate> = pairs
            .iter()
            .flat_map(|&[multinomial, complement]| {
                [
                    Candidate::Smoothed(Estimator::Multinomial, multinomial),
                    Candidate::Smoothed(Estimator::Complement, complement),
                ]
            })
            .collect();
        let (documents, tables) = self.bench.score(&candidates)?;
        let mut trials: Vec<Trial> =
            candidates.iter().zip(&tables).map(|(&candidate, table)| self.plain(candidate, &documents, table)).collect();
        let topics = || documents.iter().map(|document| document.topics.as_slice()).collect();
        let scales: Vec<f64> = trials.iter().map(|trial| trial.calibration.scale).collect();
        let scaled = |at: usize| (&tables[at], scales[at]);
        let mut ways: Vec<Scores<'_>> = (pairs.iter().enumerate())
            .map(|(pair, &alphas)| {
                let features = Features::new(Labels::Single, &[scaled(2 * pair), scaled(2 * pair + 1)], topics());
                Scores { alphas, margin: false, features }
            })
            .collect();
        let Some((pair, prior)) = self.best_link(&ways, &documents)? else { return Ok(trials) };
        let candidates = candidates[2 * pair..2 * pair + 2].to_vec();
        trials.insert(0, self.linked(candidates.clone(), None, &ways.swap_remove(pair).features, &documents, prior)?);
        if self.is_small
            && !self.is_out_of_time()
            && let Some(Margin { held_out, linear }) = Margin::fit(&self.bench)?
        {
            let tables = [scaled(2 * pair), scaled(2 * pair + 1), (&held_out, fit_scale(&documents, &held_out))];
            let ways =
                [Scores { alphas: pairs[pair], margin: true, features: Features::new(Labels::Single, &tables, topics()) }];
            if let Some((_, prior)) = self.best_link(&ways, &documents)? {
                trials.insert(0, self.linked(candidates, Some(linear), &ways[0].features, &documents, prior)?);
            }
        }
        Ok(trials)
    }

    /// The scores (a place in `ways`) and the prior whose link does best on the documents of one fold that it did not see; None where there
    /// is no time for any.
    fn best_link(&mut self, ways: &[Scores<'_>], documents: &[HeldOut]) -> Result<Option<(usize, Prior)>, TrainError> {
        let folds = if ways.first().is_some_and(|first| first.features.products() <= MAX_ON_ALL_FOLDS) { FOLDS } else { 1 };
        let mut best: Option<(f64, usize, Prior)> = None;
        for (place, Scores { alphas, margin, features }) in ways.iter().enumerate() {
            for variance in LINK_VARIANCES {
                if self.is_out_of_time() {
                    break;
                }
                let prior = Prior { own: variance, cross: variance };
                let (mut loss, mut unseen_count) = (0.0, 0);
                for fold in 0..folds as u8 {
                    let (seen, unseen): (Vec<usize>, Vec<usize>) =
                        (0..documents.len()).partition(|&place| documents[place].fold != fold);
                    let link = self.fit(features, &features.thinned(seen, MAX_CHOSEN_ON), prior, CHOOSING_ITERATIONS)?;
                    loss += log_loss(&link.logits(features, unseen.iter().copied()), &unseen, documents);
                    unseen_count += unseen.len();
                }
                let log_loss = loss / unseen_count as f64;
                let [multinomial_alpha, complement_alpha] = *alphas;
                self.link_trials.push(LinkTrialRecord {
                    multinomial_alpha,
                    complement_alpha,
                    margin: *margin,
                    link_variance: variance,
                    words_alone: self.words_alone,
                    log_loss,
                });
                if best.is_none_or(|(least, _, _)| loss < least) {
                    best = Some((loss, place, prior));
                }
            }
        }
        Ok(best.map(|(_, place, prior)| (place, prior)))
    }

    fn multi_label(&mut self) -> Result<Vec<Trial>, TrainError> {
        let candidate = Candidate::OneAgainstRest { interpolation: INTERPOLATION };
        let (documents, tables) = self.bench.score(&[candidate])?;
        let Some(table) = tables.first() else { return Ok(Vec::new()) };
        let topics = documents.iter().map(|document| document.topics.as_slice()).collect();
        let features = Features::new(Labels::Multiple, &[(table, 2.0 / table.deviation())], topics);
        Ok(vec![self.linked(vec![candidate], None, &features, &documents, MULTI_LABEL_PRIOR)?])
    }

    fn plain(&self, candidate: Candidate, documents: &[HeldOut], table: &ScoreTable) -> Trial {
        self.trial(Plan::Plain(candidate), self.calibrate(documents, table, Labels::Single))
    }

    /// A link over the candidates' scores, and those of the margin. It is measured by two links, each of which did not see the folds it is measured on.
    fn linked(
        &self,
        candidates: Vec<Candidate>,
        margin: Option<Linear>,
        features: &Features<'_>,
        documents: &[HeldOut],
        prior: Prior,
    ) -> Result<Trial, TrainError> {
        let all = features.thinned((0..features.len()).collect(), usize::MAX);
        let link = self.fit(features, &all, prior, FINAL_ITERATIONS)?;
        let halves = [0, 1].map(|half| {
            let seen = (0..features.len()).filter(|&place| documents[place].fold % 2 != half).collect();
            self.fit(features, &features.thinned(seen, MAX_CHOSEN_ON), prior, MEASURING_ITERATIONS)
        });
        let [even, odd] = halves;
        let links = [even?, odd?];
        let mut held_out = ScoreTable::new(links[0].topic_count());
        for (place, document) in documents.iter().enumerate() {
            let logits = links[usize::from(document.fold % 2)].logits(features, [place]);
            held_out.push(logits.row(0).iter().copied());
        }
        let calibration = self.calibrate(documents, &held_out, features.labels());
        Ok(self.trial(Plan::Linked { candidates, margin, link: Box::new(link), prior }, calibration))
    }

    fn trial(&self, plan: Plan, calibration: Calibration) -> Trial {
        Trial {
            plan,
            calibration,
            vocabulary: self.vocabulary,
            words_alone: self.words_alone,
            min_document_frequency: self.min_document_frequency,
        }
    }

    fn fit(&self, features: &Features<'_>, chosen: &[usize], prior: Prior, iterations: u64) -> Result<Link, TrainError> {
        Link::fit(features, chosen, prior, Effort { iterations, threads: self.options.corpus.threads })
            .map_err(|error| TrainError::Estimator(error.to_string()))
    }

    fn calibrate(&self, documents: &[HeldOut], table: &ScoreTable, labels: Labels) -> Calibration {
        calibrate(documents, table, labels, self.options.target_precision)
    }

    fn is_out_of_time(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
}

/// Of the scores of the documents at `places`.
fn log_loss(scores: &ScoreTable, places: &[usize], documents: &[HeldOut]) -> f64 {
    let mut probabilities = Vec::new();
    places
        .iter()
        .enumerate()
        .map(|(row, &place)| {
            softmax(scores.row(row), &mut probabilities);
            let right = documents[place].topics.iter().map(|&topic| probabilities[topic]).fold(0.0, f64::max);
            -libm::log(right.max(f64::MIN_POSITIVE))
        })
        .sum()
}

impl Trial {
    /// Fits the plan to the whole corpus.
    pub(super) fn fit(&self, totals: &TopicCounts) -> Result<Linear, TrainError> {
        match &self.plan {
            Plan::Plain(candidate) => Linear::fit(*candidate, totals),
            Plan::Linked { candidates, margin, link, .. } => {
                let kinds =
                    candidates.iter().map(|&candidate| Linear::fit(candidate, totals)).collect::<Result<Vec<_>, _>>()?;
                Ok(link.fold(&kinds.iter().chain(margin).collect::<Vec<_>>()))
            }
        }
    }

    /// What the manifest says of the plan.
    pub(super) fn recipe(&self, options: &TrainOptions) -> RecipeRecord {
        let mut record = RecipeRecord {
            kind: String::new(),
            multinomial_alpha: None,
            complement_alpha: None,
            interpolation: None,
            margin: false,
            link_variance: None,
            scale: self.calibration.scale,
            seed: options.seed,
            min_document_frequency: self.min_document_frequency,
            keep_terms: options.keep_terms.unwrap_or(0),
            words_alone: self.words_alone,
        };
        let mut describe = |candidate: Candidate| match candidate {
            Candidate::Smoothed(estimator, alpha) => {
                match estimator {
                    Estimator::Multinomial => record.multinomial_alpha = Some(alpha),
                    Estimator::Complement => record.complement_alpha = Some(alpha),
                }
                estimator.name()
            }
            Candidate::OneAgainstRest { interpolation } => {
                record.interpolation = Some(interpolation);
                "one-against-rest"
            }
        };
        match &self.plan {
            Plan::Plain(candidate) => record.kind = describe(*candidate).to_owned(),
            Plan::Linked { candidates, margin, prior, .. } => {
                let names: Vec<&str> = candidates.iter().map(|&candidate| describe(candidate)).collect();
                record.kind = if let [only] = names[..] { only.to_owned() } else { "linked".to_owned() };
                record.margin = margin.is_some();
                record.link_variance = Some(prior.cross);
            }
        }
        record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(document_count: u64, accuracy: f64, log_loss: f64) -> MetricsRecord {
        MetricsRecord {
            document_count,
            accuracy,
            micro_f1: accuracy,
            macro_f1: accuracy,
            log_loss,
            expected_calibration_error: 0.0,
            confident_share: 0.0,
        }
    }

    /// The accuracies in the order of the ranking.
    fn ranked(document_count: u64, trials: &[(f64, f64)]) -> Vec<f64> {
        let mut trials: Vec<MetricsRecord> =
            trials.iter().map(|&(accuracy, log_loss)| metrics(document_count, accuracy, log_loss)).collect();
        rank(&mut trials, |metrics| metrics);
        trials.iter().map(|metrics| metrics.accuracy).collect()
    }

    #[test]
    fn within_a_standard_error_of_the_highest_accuracy_the_log_loss_decides() {
        // The standard error of 0.8 is 0.04 on 100 documents, and 0.004 on 10,000.
        let trials = [(0.75, 0.1), (0.77, 0.5), (0.78, 0.6), (0.8, 0.7)];
        assert_eq!(ranked(100, &trials), [0.77, 0.8, 0.78, 0.75]);
        assert_eq!(ranked(10_000, &trials), [0.8, 0.78, 0.77, 0.75]);
    }
}
