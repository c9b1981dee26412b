//! Chooses how to estimate, by cross-validation on the training corpus alone.

use std::time::Instant;

use super::calibrate::{Calibration, calibrate, fit_scale};
use super::counts::{Counts, Lengths};
use super::cross_validate::{Bench, HeldOut, ScoreTable, Scored, log_loss};
use super::estimate::{Candidate, Estimator, Linear};
use super::folds::{FOLDS, Folds};
use super::freeze::Terms;
use super::inverted::{Inverted, LeastFrequencies, Rank};
use super::link::{Effort, Features, Link, Prior, features_of};
use super::margin::Margin;
use super::rank::rank;
use super::select;
use super::topic_counts::TopicCounts;
use super::{DEFAULT_MIN_DOCUMENT_FREQUENCY, Recipe, TrainError, TrainOptions, threads};
use crate::corpus::Progress;
use crate::model::manifest::{Labels, LinkTrialRecord, RecipeRecord, TrialRecord};

/// The pseudo-counts that `auto` tries, of the multinomial and the complement estimate: light and
/// strong smoothing.
const ALPHAS: [[f64; 2]; 2] = [[0.03, 0.1], [0.1, 0.4]];
/// And what it tries besides where the corpus is small: there smoothing should often be stronger,
/// and trying costs little.
const SMALL_ALPHAS: [[f64; 2]; 2] = [[0.4, 0.4], [1.0, 1.0]];
/// Up to so many documents a corpus is small.
const SMALL: u64 = 16_384;
/// Up to so many products of documents, inputs and topics a link is chosen on all folds, and not on
/// one.
const MAX_ON_ALL_FOLDS: usize = 1 << 23;
/// How far the link's matrix may stray from nothing: what is tried.
const LINK_VARIANCES: [f64; 2] = [0.01, 0.1];
/// The most documents that smoothing and variance are chosen on (they are two numbers), and that
/// the links are fitted to by which a link is measured.
const MAX_CHOSEN_ON: usize = 12_288;
/// Where the corpus is small, and where it is not: there steps cost more, and on newsroom fewer
/// came as near (docs/performance.md).
const STEPS_SMALL: Steps = Steps { choosing: 20, chosen: 60, measuring: 30 };
const STEPS: Steps = Steps { choosing: 12, chosen: 40, measuring: 20 };
/// For several topics a document, as measured on reuters21578: see docs/adr/0006.
const INTERPOLATION: f64 = 0.8;
const MULTI_LABEL_PRIOR: Prior = Prior { own: 0.3, cross: 0.03 };

/// A way to a linear model.
#[derive(Debug, Clone, PartialEq)]
enum Plan {
    /// One estimator.
    Plain(Candidate),
    /// One or two, perhaps with the weights of the widest margin beside them, and a link over their
    /// scores.
    Linked { candidates: Vec<Candidate>, margin: Option<Linear>, link: Box<Link>, prior: Prior },
}

/// A plan with what its held-out scores taught.
#[derive(Debug)]
pub(super) struct Trial {
    plan: Plan,
    pub(super) calibration: Calibration,
    pub(super) kept: Kept,
}

/// The most steps of the solver.
#[derive(Debug, Clone, Copy)]
struct Steps {
    /// For each link that is tried.
    choosing: u64,
    /// For the one that is chosen.
    chosen: u64,
    /// For the links that it is measured by: half, for they only say what it is worth.
    measuring: u64,
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
    /// Whether the budget ended before all was tried.
    pub(super) is_cut_short: bool,
}

impl Choice {
    /// What the manifest says of it.
    pub(super) fn records(
        &self,
        options: &TrainOptions,
    ) -> (Vec<TrialRecord>, Vec<LinkTrialRecord>) {
        let record = |trial: &Trial| TrialRecord {
            recipe: trial.recipe(options),
            metrics: trial.calibration.metrics.clone(),
        };
        (self.trials.iter().map(record).collect(), self.link_trials.clone())
    }
}

/// In how many documents terms have to be for what is tried.
///
/// On a small corpus words alone are tried beside words and pairs, words of a single document among
/// them. Counts, and all that is chosen on them, depend on the terms: to try others costs the whole
/// search again, which a small corpus can afford. It is also where it matters: see docs/adr/0004.
pub(super) fn least_frequencies(options: &TrainOptions, document_count: u64) -> LeastFrequencies {
    let least = options.min_document_frequency.unwrap_or(DEFAULT_MIN_DOCUMENT_FREQUENCY);
    let of_words = options.min_document_frequency.unwrap_or(1);
    LeastFrequencies {
        words: if tries_words_alone(options, document_count) { of_words } else { least },
        pairs: least,
    }
}

fn tries_words_alone(options: &TrainOptions, document_count: u64) -> bool {
    let is_searched =
        options.recipe == Recipe::Auto && options.labels == Labels::Single && options.text.pairs;
    is_searched && document_count <= SMALL
}

/// Tries what the options leave open, with each selection of terms; the first one in any case.
pub(super) fn choose(
    corpus: &mut Inverted,
    options: &TrainOptions,
    progress: &Progress,
) -> Result<Choice, TrainError> {
    // A moment that the clock cannot name does not come.
    let deadline = options.budget.and_then(|budget| Instant::now().checked_add(budget));
    let document_count = corpus.document_count() as u64;
    let least = least_frequencies(options, document_count);
    let folds = Folds::deal(corpus, options.seed, options.recipe);
    let mut choice = Choice {
        trials: Vec::new(),
        vocabularies: Vec::new(),
        link_trials: Vec::new(),
        is_cut_short: false,
    };
    let mut search = Search {
        options,
        progress,
        deadline,
        is_small: document_count <= SMALL,
        link_trials: Vec::new(),
        is_cut_short: false,
    };
    let candidates = search.candidates();
    let mut best: Option<Linkable> = None;
    for words_alone in [false, true] {
        if words_alone && !tries_words_alone(options, document_count) {
            break;
        }
        // Something has to be tried, however short the time.
        if !choice.trials.is_empty() && search.is_out_of_time() {
            break;
        }
        progress.enter(if words_alone { "choosing words alone" } else { "choosing terms" });
        let selection = if words_alone {
            select::words(corpus, least.words)
        } else {
            select::keep_best(corpus, options.keep_terms, least.pairs)
        };
        // Of a few short documents each term may be in one alone: then there are only the words.
        if corpus.terms().all(|term| term.rank < Rank::Selected) {
            continue;
        }
        progress.enter(if words_alone {
            "cross-validating words alone"
        } else {
            "cross-validating"
        });
        let lengths = Lengths::of(corpus, &folds)?;
        let (counts, scored) = Counts::of(corpus, &folds, &selection, &lengths, &candidates)?;
        let bench = Bench { corpus, folds: &folds, lengths: &lengths, counts: &counts };
        let kept = Kept {
            vocabulary: choice.vocabularies.len(),
            words_alone,
            min_document_frequency: selection.min_document_frequency(),
        };
        let tried = || search.measure(&bench, &candidates, scored, kept);
        let (terms, tried) = threads::join(
            options.corpus.threads,
            || Terms::selected(corpus, &counts.selected),
            tried,
        );
        let (trials, linkable): (_, Option<Linkable>) = tried?;
        // Of equals the first.
        if let Some(linkable) = linkable
            && best.as_ref().is_none_or(|best| linkable.way.loss < best.way.loss)
        {
            best = Some(linkable);
        }
        choice.trials.extend(trials);
        choice.vocabularies.push(Vocabulary { terms, counts: counts.selected });
    }
    if let Some(best) = best {
        progress.enter("fitting the link");
        choice.trials.insert(0, search.link(best)?);
    }
    choice.link_trials = search.link_trials;
    choice.is_cut_short = search.is_cut_short;
    rank(&mut choice.trials, |trial| &trial.calibration.metrics);
    Ok(choice)
}

/// Which selection of terms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    /// A place in [`Choice::vocabularies`].
    pub(super) vocabulary: usize,
    /// Whether that has words alone because they are tried beside words and pairs.
    pub(super) words_alone: bool,
    min_document_frequency: u32,
}

/// Held-out scores that a link may look at.
struct Scores<'a> {
    /// The pseudo-counts of the two estimates.
    alphas: [f64; 2],
    /// Whether those of the widest margin are beside them.
    margin: bool,
    features: Features<'a>,
}

/// The best of the links that were tried.
#[derive(Debug, Clone, Copy)]
struct Way {
    /// Which of the scores.
    place: usize,
    prior: Prior,
    /// On how many folds they were tried, and the mean log loss there.
    folds: usize,
    loss: f64,
}

/// What the best link is made of.
struct Linkable {
    way: Way,
    kept: Kept,
    candidates: Vec<Candidate>,
    margin: Option<Linear>,
    documents: Vec<HeldOut>,
    /// A table a kind of score, and what brings it to the scale of logits.
    tables: Vec<(ScoreTable, f64)>,
}

struct Search<'a> {
    options: &'a TrainOptions,
    progress: &'a Progress,
    deadline: Option<Instant>,
    /// Whether the corpus is small.
    is_small: bool,
    link_trials: Vec<LinkTrialRecord>,
    /// Whether the deadline came before all was tried.
    is_cut_short: bool,
}

impl Search<'_> {
    /// What naive Bayes is tried with: for [`Recipe::Auto`], the two estimates in turn.
    fn candidates(&self) -> Vec<Candidate> {
        let alpha = self.options.alpha;
        match (self.options.labels, self.options.recipe) {
            (Labels::Multiple, _) => {
                vec![Candidate::OneAgainstRest { interpolation: INTERPOLATION }]
            }
            (Labels::Single, Recipe::Fixed(estimator)) => {
                vec![Candidate::Smoothed(estimator, alpha.unwrap_or(estimator.default_alpha()))]
            }
            (Labels::Single, Recipe::Auto) => {
                let both = |[multinomial, complement]: [f64; 2]| {
                    [
                        Candidate::Smoothed(Estimator::Multinomial, multinomial),
                        Candidate::Smoothed(Estimator::Complement, complement),
                    ]
                };
                self.alphas().into_iter().flat_map(both).collect()
            }
        }
    }

    /// The pseudo-counts of the two estimates that [`Recipe::Auto`] tries together.
    fn alphas(&self) -> Vec<[f64; 2]> {
        let mut pairs: Vec<[f64; 2]> =
            self.options.alpha.map_or(ALPHAS.to_vec(), |alpha| vec![[alpha, alpha]]);
        if self.options.alpha.is_none() && self.is_small {
            pairs.extend(SMALL_ALPHAS);
        }
        pairs
    }

    /// Measures what naive Bayes is tried with, and, for [`Recipe::Auto`], what a link may be made
    /// of.
    fn measure(
        &mut self,
        bench: &Bench<'_>,
        candidates: &[Candidate],
        scored: Scored,
        kept: Kept,
    ) -> Result<(Vec<Trial>, Option<Linkable>), TrainError> {
        match (self.options.labels, self.options.recipe) {
            (Labels::Multiple, _) => Ok((self.multi_label(candidates, scored, kept)?, None)),
            (Labels::Single, Recipe::Fixed(_)) => Ok((self.plain(candidates, &scored, kept), None)),
            (Labels::Single, Recipe::Auto) => self.auto(bench, candidates, scored, kept),
        }
    }

    /// Measures both estimates by themselves, and finds out over which of them a link is best.
    fn auto(
        &mut self,
        bench: &Bench<'_>,
        candidates: &[Candidate],
        scored: Scored,
        kept: Kept,
    ) -> Result<(Vec<Trial>, Option<Linkable>), TrainError> {
        let pairs = self.alphas();
        let trials = self.plain(candidates, &scored, kept);
        let Scored { documents, tables } = scored;
        let mut tables: Vec<(ScoreTable, f64)> = tables
            .into_iter()
            .zip(&trials)
            .map(|(table, trial)| (table, trial.calibration.scale))
            .collect();
        let ways: Vec<Scores<'_>> = (pairs.iter().zip(tables.chunks_exact(2)))
            .map(|(&alphas, tables)| Scores {
                alphas,
                margin: false,
                features: features_of(&documents, tables),
            })
            .collect();
        // Two pairs of pseudo-counts may have one in common: it was tried once.
        let mut distinct: Vec<Trial> = Vec::with_capacity(trials.len());
        for trial in trials {
            if distinct.iter().all(|other| other.plan != trial.plan) {
                distinct.push(trial);
            }
        }
        let trials = distinct;
        let folds =
            if ways.first().is_some_and(|first| first.features.products() <= MAX_ON_ALL_FOLDS) {
                FOLDS
            } else {
                1
            };
        let Some(way) = self.best_link(&ways, &documents, folds, kept)? else {
            return Ok((trials, None));
        };
        let own = 2 * way.place..2 * way.place + 2;
        let tables = tables.drain(own.clone()).collect();
        let linkable = Linkable {
            way,
            kept,
            candidates: candidates[own].to_vec(),
            margin: None,
            documents,
            tables,
        };
        let linkable = if self.is_small {
            self.with_margin(bench, pairs[way.place], linkable)?
        } else {
            linkable
        };
        Ok((trials, Some(linkable)))
    }

    /// Lets the link look at the widest margin, too, where that lowers the log loss. To fit it
    /// takes the documents one by one, and often: a small corpus can afford it.
    fn with_margin(
        &mut self,
        bench: &Bench<'_>,
        alphas: [f64; 2],
        mut linkable: Linkable,
    ) -> Result<Linkable, TrainError> {
        if self.is_out_of_time() {
            return Ok(linkable);
        }
        self.progress.enter("cross-validating the widest margin");
        let Some(Margin { held_out, linear }) = Margin::fit(bench)? else { return Ok(linkable) };
        let Linkable { way, kept, documents, tables, .. } = &mut linkable;
        let scale = fit_scale(documents, &held_out, self.options.corpus.threads);
        tables.push((held_out, scale));
        let scores = [Scores { alphas, margin: true, features: features_of(documents, tables) }];
        match self
            .best_link(&scores, documents, way.folds, *kept)?
            .filter(|wide| wide.loss < way.loss)
        {
            Some(wide) => {
                *way = wide;
                linkable.margin = Some(linear);
            }
            None => drop(tables.pop()),
        }
        Ok(linkable)
    }

    /// Fits and measures the best link.
    fn link(&self, linkable: Linkable) -> Result<Trial, TrainError> {
        let Linkable { way, kept, candidates, margin, documents, tables } = linkable;
        self.linked(
            candidates,
            margin,
            &features_of(&documents, &tables),
            &documents,
            way.prior,
            kept,
        )
    }

    /// The scores and the prior whose link does best on the documents of so many folds (of each by
    /// a link that did not see it); None where there is no time for any.
    fn best_link(
        &mut self,
        ways: &[Scores<'_>],
        documents: &[HeldOut],
        folds: usize,
        kept: Kept,
    ) -> Result<Option<Way>, TrainError> {
        let mut best: Option<Way> = None;
        let (mut step, steps) = (0, ways.len() * LINK_VARIANCES.len() * folds);
        for (place, Scores { alphas, margin, features }) in ways.iter().enumerate() {
            for variance in LINK_VARIANCES {
                if self.is_out_of_time() {
                    break;
                }
                let prior = Prior { own: variance, cross: variance };
                let (mut loss, mut unseen_count) = (0.0, 0);
                for fold in 0..folds as u8 {
                    step += 1;
                    self.progress.step("cross-validating links", step, steps);
                    let (seen, unseen): (Vec<usize>, Vec<usize>) =
                        (0..documents.len()).partition(|&place| documents[place].part != fold);
                    let link = self.fit(
                        features,
                        &features.thinned(seen, MAX_CHOSEN_ON),
                        prior,
                        self.steps().choosing,
                    )?;
                    loss += log_loss(
                        &link.logits(features, unseen.iter().copied()),
                        &unseen,
                        documents,
                    );
                    unseen_count += unseen.len();
                }
                let loss = loss / unseen_count as f64;
                let [multinomial_alpha, complement_alpha] = *alphas;
                self.link_trials.push(LinkTrialRecord {
                    multinomial_alpha,
                    complement_alpha,
                    margin: *margin,
                    link_variance: variance,
                    words_alone: kept.words_alone,
                    log_loss: loss,
                });
                if best.is_none_or(|best| loss < best.loss) {
                    best = Some(Way { place, prior, folds, loss });
                }
            }
        }
        Ok(best)
    }

    /// Measures estimates by themselves.
    fn plain(&self, candidates: &[Candidate], scored: &Scored, kept: Kept) -> Vec<Trial> {
        let candidates: Vec<(Candidate, &ScoreTable)> =
            candidates.iter().copied().zip(&scored.tables).collect();
        let threads = self.options.corpus.threads;
        let threads_of_each = threads / candidates.len().max(1);
        threads::map(&candidates, threads, |&(candidate, table)| {
            let calibration =
                self.calibrate(&scored.documents, table, Labels::Single, threads_of_each);
            Trial { plan: Plan::Plain(candidate), calibration, kept }
        })
    }

    fn multi_label(
        &self,
        candidates: &[Candidate],
        scored: Scored,
        kept: Kept,
    ) -> Result<Vec<Trial>, TrainError> {
        let Scored { documents, tables } = scored;
        let Some(table) = tables.first() else { return Ok(Vec::new()) };
        let topics = documents.iter().map(|document| document.topics.as_slice()).collect();
        let features = Features::new(Labels::Multiple, &[(table, 2.0 / table.deviation())], topics);
        Ok(vec![self.linked(
            candidates.to_vec(),
            None,
            &features,
            &documents,
            MULTI_LABEL_PRIOR,
            kept,
        )?])
    }

    /// A link over the candidates' scores, and those of the margin. It is measured by two links,
    /// each of which did not see the folds it is measured on.
    fn linked(
        &self,
        candidates: Vec<Candidate>,
        margin: Option<Linear>,
        features: &Features<'_>,
        documents: &[HeldOut],
        prior: Prior,
        kept: Kept,
    ) -> Result<Trial, TrainError> {
        let all = features.thinned((0..features.len()).collect(), usize::MAX);
        let link = self.fit(features, &all, prior, self.steps().chosen)?;
        let halves = [0, 1].map(|half| {
            let seen =
                (0..features.len()).filter(|&place| documents[place].part % 2 != half).collect();
            self.fit(
                features,
                &features.thinned(seen, MAX_CHOSEN_ON),
                prior,
                self.steps().measuring,
            )
        });
        let [even, odd] = halves;
        let links = [even?, odd?];
        let mut held_out = ScoreTable::new(links[0].topic_count());
        for (place, document) in documents.iter().enumerate() {
            let logits = links[usize::from(document.part % 2)].logits(features, [place]);
            held_out.push(logits.row(0).iter().copied());
        }
        let calibration =
            self.calibrate(documents, &held_out, features.labels(), self.options.corpus.threads);
        Ok(Trial {
            plan: Plan::Linked { candidates, margin, link: Box::new(link), prior },
            calibration,
            kept,
        })
    }

    fn steps(&self) -> Steps {
        if self.is_small { STEPS_SMALL } else { STEPS }
    }

    fn fit(
        &self,
        features: &Features<'_>,
        chosen: &[usize],
        prior: Prior,
        iterations: u64,
    ) -> Result<Link, TrainError> {
        Link::fit(
            features,
            chosen,
            prior,
            Effort { iterations, threads: self.options.corpus.threads },
        )
        .map_err(|error| TrainError::Estimator(error.to_string()))
    }

    fn calibrate(
        &self,
        documents: &[HeldOut],
        table: &ScoreTable,
        labels: Labels,
        threads: usize,
    ) -> Calibration {
        calibrate(documents, table, labels, self.options.target_precision, threads)
    }

    /// Whether there is no time for more; then the search is cut short.
    fn is_out_of_time(&mut self) -> bool {
        let is_over = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.is_cut_short |= is_over;
        is_over
    }
}

impl Trial {
    /// Fits the plan to the whole corpus.
    pub(super) fn fit(&self, totals: &TopicCounts, threads: usize) -> Result<Linear, TrainError> {
        match &self.plan {
            Plan::Plain(candidate) => Linear::fit(*candidate, totals, threads),
            Plan::Linked { candidates, margin, link, .. } => {
                let kinds = candidates
                    .iter()
                    .map(|&candidate| Linear::fit(candidate, totals, threads))
                    .collect::<Result<Vec<_>, _>>()?;
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
            min_document_frequency: self.kept.min_document_frequency,
            keep_terms: options.keep_terms.unwrap_or(0),
            words_alone: self.kept.words_alone,
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
                let names: Vec<&str> =
                    candidates.iter().map(|&candidate| describe(candidate)).collect();
                record.kind =
                    if let [only] = names[..] { only.to_owned() } else { "linked".to_owned() };
                record.margin = margin.is_some();
                record.link_variance = Some(prior.cross);
            }
        }
        record
    }
}
