//! Makes the embedded word vectors from GloVe's: the same bytes each time.
//!
//!     word_vectors OUTPUT GLOVE FILE...
//!
//! GLOVE is `glove.6B.50d.txt`: a word per line with its 50 numbers, frequent words first. The
//! files are the background of the ranking. docs/ranking.md describes the method.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use linfa_linalg::eigh::{EigSort as _, Eigh as _};
use ndarray::{Array1, Array2, ArrayView1, Axis};
use slugline::article::ArticleText;
use slugline::corpus::{Input, OnError, Options, Progress, for_each_document};
use slugline::index::{Analyzer, DIMENSIONS, TermKey, WordVectors};

/// How many stems have a vector.
const STEMS: usize = 20_000;
/// The size of GloVe's vectors.
const GLOVE_DIMENSIONS: usize = 50;
/// How many principal components are removed.
const REMOVED_COMPONENTS: usize = GLOVE_DIMENSIONS - DIMENSIONS;
/// A word of rank r weighs 1 / (r + this) in the vector of its stem.
const RANK_SMOOTHING: f64 = 10.0;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: word_vectors OUTPUT GLOVE FILE...";
    let output: PathBuf = arguments.next().context(usage)?.into();
    let glove: PathBuf = arguments.next().context(usage)?.into();
    let files: Vec<Input> = arguments.map(PathBuf::from).map(Input::from_argument).collect();
    let frequencies = document_frequencies(&files)?;
    let mut stems = stem_vectors(&glove)?;
    stems.retain(|term, _| frequencies.contains_key(term));
    let mut chosen: Vec<(f64, TermKey, Array1<f64>)> =
        stems.into_iter().map(|(term, vector)| (frequencies[&term], term, vector)).collect();
    chosen.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    chosen.truncate(STEMS);
    let weights: Array1<f64> = chosen.iter().map(|(frequency, ..)| *frequency).collect();
    let rows: Vec<ArrayView1<'_, f64>> = chosen.iter().map(|(.., vector)| vector.view()).collect();
    let vectors = distinctive(&ndarray::stack(Axis(0), &rows)?, &weights)?;
    let largest = vectors.iter().fold(0.0_f64, |largest, part| largest.max(part.abs()));
    let scale = f64::from(i8::MAX) / largest;
    let encoded = chosen.iter().zip(vectors.outer_iter()).map(|((_, term, _), vector)| {
        (*term, std::array::from_fn(|dimension| (vector[dimension] * scale).round() as i8))
    });
    let file = WordVectors::encode(encoded);
    std::fs::write(&output, &file).with_context(|| format!("cannot write {}", output.display()))?;
    println!("{} stems, {} bytes", chosen.len(), file.len());
    Ok(())
}

/// In how many documents each term occurs.
fn document_frequencies(inputs: &[Input]) -> anyhow::Result<BTreeMap<TermKey, f64>> {
    let options = Options { on_error: OnError::Skip, threads: 1, ..Options::default() };
    let worker = || (Analyzer::default(), BTreeMap::<TermKey, f64>::new());
    let (states, _) = for_each_document(
        inputs,
        &options,
        &Progress::default(),
        worker,
        |(analyzer, frequencies), _, document| {
            let terms: BTreeSet<TermKey> = analyzer.terms(document.text()).into_iter().collect();
            terms.into_iter().for_each(|term| *frequencies.entry(term).or_default() += 1.0);
            Ok(())
        },
    )?;
    Ok(states.into_iter().flat_map(|(_, frequencies)| frequencies).collect())
}

/// The vector of each stem: the mean over its words, the frequent ones counting more.
fn stem_vectors(glove: &Path) -> anyhow::Result<BTreeMap<TermKey, Array1<f64>>> {
    let file = File::open(glove).with_context(|| format!("cannot open {}", glove.display()))?;
    let mut analyzer = Analyzer::default();
    let mut sums: BTreeMap<TermKey, (f64, Array1<f64>)> = BTreeMap::new();
    for (rank, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read {}", glove.display()))?;
        let (word, numbers) = line.split_once(' ').unwrap_or((&line, ""));
        let vector: Array1<f64> =
            numbers.split(' ').map(str::parse).collect::<Result<_, _>>().with_context(|| {
                format!("{}:{}: not a word and numbers", glove.display(), rank + 1)
            })?;
        ensure!(
            vector.len() == GLOVE_DIMENSIONS,
            "{}:{}: {} numbers instead of {GLOVE_DIMENSIONS}",
            glove.display(),
            rank + 1,
            vector.len()
        );
        // Punctuation is not a term, and some of GloVe's words are several.
        let [term] = analyzer.terms(ArticleText { title: "", body: word })[..] else { continue };
        let weight = 1.0 / (rank as f64 + RANK_SMOOTHING);
        let (total, sum) =
            sums.entry(term).or_insert_with(|| (0.0, Array1::zeros(GLOVE_DIMENSIONS)));
        *total += weight;
        sum.scaled_add(weight, &vector);
    }
    Ok(sums.into_iter().map(|(term, (total, sum))| (term, sum / total)).collect())
}

/// The vectors without what most texts have in common: their weighted mean and first principal
/// components say that a text is English news, not what it is about. The other components are
/// divided by the square root of their standard deviation, so that the next ones do not take their
/// place.
fn distinctive(vectors: &Array2<f64>, weights: &Array1<f64>) -> anyhow::Result<Array2<f64>> {
    let total = weights.sum();
    let vectors = vectors - &(weights.dot(vectors) / total);
    let weighted = &vectors * &weights.view().insert_axis(Axis(1));
    let covariance = weighted.t().dot(&vectors) / total;
    let (variances, directions) = covariance.eigh()?.sort_eig_desc();
    let (_, directions) = directions.view().split_at(Axis(1), REMOVED_COMPONENTS);
    let (_, variances) = variances.view().split_at(Axis(0), REMOVED_COMPONENTS);
    Ok(vectors.dot(&directions) / variances.mapv(|variance| variance.sqrt().sqrt()))
}
