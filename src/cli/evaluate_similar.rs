//! `slugline evaluate-similar`: how good the search for similar articles is, each article of an
//! archive being left out once.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, ValueEnum};
use serde::Serialize;

use super::inputs::{CorpusArguments, NAMES_HELP};
use super::number::at_least;
use super::output::{print, print_json, thousands};
use super::progress;
use super::skipped::report_skipped;
use super::times::span;
use super::upload::first_time;
use crate::corpus::{Document, FieldNames, Input, Options, for_each_document};
use crate::index::{
    ArchiveOptions, ArchivedArticle, ArticleId, EmbeddedArchive, MemoryIndex, PublishTime, Recency,
    ReferenceTime, SimilarQuery, SimilarSource, SimilarityIndex, Write,
};
use crate::service;

/// The results that count.
const DEPTH: usize = 10;
/// Articles per write.
const BATCH: usize = 256;

const EXAMPLES: &str = "\
Examples:
  slugline evaluate-similar --input train.jsonl.zst test.jsonl.zst --relevant topics
  slugline evaluate-similar --input news.jsonl --relevant story --queries 1000 --json

R-precision@10 of a query is the number of relevant articles among its first 10 results, divided \
by the number of relevant articles, at most 10. MRR@10 is the mean of 1 / the rank of the first \
relevant result, 0 without one. Articles to which no other is relevant are not queries. The story \
of an article is the string in \"story\".";

/// Measure the search for similar articles
#[derive(Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    #[command(flatten)]
    corpus: CorpusArguments,
    /// Which articles are relevant to each other: those of one story, or those that share a topic
    #[arg(long, value_enum)]
    relevant: Relevant,
    /// Rank articles higher the closer they are in time to the query, as similar does; articles
    /// have the times that articles import would store
    #[arg(long, value_name = "SPAN", value_parser = span)]
    recency_half_life: Option<Duration>,
    /// Sample N queries with a fixed seed [default: every article is a query]
    #[arg(long, value_name = "N",
        value_parser = at_least(NonZeroUsize::MIN))]
    queries: Option<NonZeroUsize>,
    /// Search by comparing with every article, instead of with the archive's index
    #[arg(long)]
    exhaustive: bool,
    /// Also compare the archive's results with those of --exhaustive, rank by rank
    #[arg(long, conflicts_with = "exhaustive")]
    compare: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Relevant {
    Story,
    Topics,
}

/// By article, the stories or topics that make it relevant.
type Groups = Vec<Vec<u32>>;

struct Articles {
    /// The text of each is in the archive.
    ids: Vec<ArticleId>,
    /// The groups of each article.
    groups: Groups,
    group_count: usize,
}

#[derive(Serialize)]
struct Report {
    queries: usize,
    r_precision_at_10: f64,
    mrr_at_10: f64,
    p50_ms: f64,
    p99_ms: f64,
    articles: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    equal_places: Option<f64>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let inputs = arguments.corpus.inputs();
    let options = arguments.corpus.options(1)?;
    let without_topics = arguments.relevant == Relevant::Story;
    let options = Options { names: FieldNames { without_topics, ..options.names }, ..options };
    let directory = tempfile::tempdir().map_err(|error| {
        // The kind alone: the full error names a random directory that nobody asked for.
        let parent = std::env::temp_dir();
        anyhow!("cannot create a directory in {}: {}", parent.display(), error.kind())
    })?;
    let path = directory.path().join("archive");
    let archive = (!arguments.exhaustive)
        .then(|| EmbeddedArchive::open(&path, ArchiveOptions::default()))
        .transpose()
        .context("cannot create an archive")?;
    let memory = (arguments.exhaustive || arguments.compare).then(MemoryIndex::default);
    let indexes: Vec<&dyn SimilarityIndex> = archive
        .iter()
        .map(|archive| archive as &dyn SimilarityIndex)
        .chain(memory.iter().map(|memory| memory as &dyn SimilarityIndex))
        .collect();
    let search = Search { indexes: &indexes, half_life: arguments.recency_half_life };
    let articles = read(&inputs, &options, arguments.relevant, &search)?;
    if let Some(archive) = &archive {
        archive.fold().context("cannot write the archive")?;
    }
    let report = measure(&articles, &search, arguments.queries)?;
    if arguments.json { print_json(&report) } else { show(&report) }
}

/// Reads the articles and puts them into each index.
fn read(
    inputs: &[Input],
    options: &Options,
    relevant: Relevant,
    search: &Search<'_>,
) -> anyhow::Result<Articles> {
    let mut articles = Articles { ids: Vec::new(), groups: Vec::new(), group_count: 0 };
    let mut known: HashMap<String, u32> = HashMap::new();
    let state = Mutex::new((&mut articles, &mut known, Vec::new()));
    let put = |batch: Vec<Write>| -> Result<(), String> {
        for index in search.indexes {
            let (sender, outcome) = mpsc::channel();
            // The receiver waits below.
            let given =
                index.write(batch.clone(), Box::new(move |stored| drop(sender.send(stored))));
            given.map_err(|_| "too many writes in flight".to_owned())?;
            outcome
                .recv()
                .map_err(|error| error.to_string())?
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    };
    let (_, summary) = progress::watch(inputs, |progress| {
        for_each_document(
            inputs,
            options,
            progress,
            || (),
            |(), _, document| {
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let (articles, known, batch) = &mut *state;
                let names: BTreeSet<&str> = match relevant {
                    Relevant::Story => document.story.iter().map(AsRef::as_ref).collect(),
                    Relevant::Topics => document.topics.iter().map(AsRef::as_ref).collect(),
                };
                let groups = names.into_iter().map(|name| {
                    let next = known.len() as u32;
                    *known.entry(name.to_owned()).or_insert(next)
                });
                articles.groups.push(groups.collect());
                // The files' own ids may repeat.
                let id: ArticleId = format!("{:08}", articles.ids.len())
                    .parse()
                    .map_err(|error| format!("{error}"))?;
                articles.ids.push(id.clone());
                let publish_time =
                    if search.half_life.is_some() { publish_time(&document)? } else { None };
                let article = ArchivedArticle::new(id, document.text());
                batch.push(Write::put(ArchivedArticle { publish_time, ..article }));
                if batch.len() >= BATCH { put(std::mem::take(batch)) } else { Ok(()) }
            },
        )
    })?;
    report_skipped(&summary);
    let (_, _, rest) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    put(rest).map_err(anyhow::Error::msg)?;
    articles.group_count = known.len();
    Ok(articles)
}

/// The time that an import would store.
fn publish_time(document: &Document<'_>) -> Result<Option<PublishTime>, String> {
    let time = first_time(document.extra()?.publish_times, |_, _| {})?;
    let stored = time.map(|time| service::publish_time(time.seconds, time.nanos, "publish_time"));
    stored.transpose().map_err(|error| error.to_string())
}

/// The search to measure.
struct Search<'a> {
    /// The archive, and the one to compare it with.
    indexes: &'a [&'a dyn SimilarityIndex],
    /// That of recency, if it counts.
    half_life: Option<Duration>,
}

impl Search<'_> {
    fn results(
        &self,
        index: &dyn SimilarityIndex,
        id: &ArticleId,
    ) -> anyhow::Result<Vec<ArticleId>> {
        // Without a time of its own, an article has no age to measure from: 1970 is as good.
        let reference = ReferenceTime::OfSource { otherwise: PublishTime(0) };
        let recency = self.half_life.map(|half_life| Recency { half_life, reference });
        let source = SimilarSource::Id(id.clone());
        let page = index.find_similar(&SimilarQuery { recency, ..SimilarQuery::new(source) })?;
        Ok(page.hits.into_iter().map(|hit| hit.article.id).collect())
    }
}

impl Articles {
    /// How many other articles are relevant to each article.
    fn relevant_counts(&self) -> Vec<usize> {
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); self.group_count];
        for (place, groups) in self.groups.iter().enumerate() {
            groups.iter().for_each(|group| members[*group as usize].push(place as u32));
        }
        let count = |groups: &Vec<u32>| match groups[..] {
            [] => 0,
            [group] => members[group as usize].len() - 1,
            _ => {
                let of_groups = groups.iter().flat_map(|group| &members[*group as usize]);
                of_groups.collect::<BTreeSet<_>>().len() - 1
            }
        };
        self.groups.iter().map(count).collect()
    }

    /// Whether an article found is relevant to the one asked about.
    fn is_relevant(&self, asked: usize, found: &ArticleId) -> anyhow::Result<bool> {
        let found: usize = found.as_str().parse().context("not an id of this archive")?;
        Ok(self.groups[asked].iter().any(|group| self.groups[found].contains(group)))
    }
}

/// Asks about up to `most` articles, all of them without it.
fn measure(
    articles: &Articles,
    search: &Search<'_>,
    most: Option<NonZeroUsize>,
) -> anyhow::Result<Report> {
    let counts = articles.relevant_counts();
    let mut queries: Vec<usize> = (0..counts.len()).filter(|place| counts[*place] > 0).collect();
    if queries.is_empty() {
        bail!(
            "no two articles are relevant to each other: \
             do the files have the field that --relevant names?"
        );
    }
    if let Some(most) = most {
        sample(&mut queries, most.get());
    }
    let (mut precision, mut reciprocal, mut times) = (0.0, 0.0, Vec::with_capacity(queries.len()));
    let (mut equal, mut compared) = (0_usize, 0_usize);
    for place in &queries {
        let started = Instant::now();
        let found = search.results(search.indexes[0], &articles.ids[*place])?;
        times.push(started.elapsed());
        let relevant: Vec<bool> =
            found.iter().map(|id| articles.is_relevant(*place, id)).collect::<Result<_, _>>()?;
        let hits = relevant.iter().filter(|relevant| **relevant).count();
        precision += hits as f64 / counts[*place].min(DEPTH) as f64;
        let first = relevant.iter().position(|relevant| *relevant);
        reciprocal += first.map_or(0.0, |first| 1.0 / (first + 1) as f64);
        if let Some(reference) = search.indexes.get(1) {
            let expected = search.results(*reference, &articles.ids[*place])?;
            compared += expected.len();
            equal += expected.iter().zip(&found).filter(|(one, other)| one == other).count();
        }
    }
    times.sort();
    let percentile =
        |percent: usize| milliseconds(times[(times.len() * percent / 100).min(times.len() - 1)]);
    Ok(Report {
        queries: queries.len(),
        r_precision_at_10: precision / queries.len() as f64,
        mrr_at_10: reciprocal / queries.len() as f64,
        p50_ms: percentile(50),
        p99_ms: percentile(99),
        articles: articles.ids.len(),
        equal_places: (compared > 0).then(|| equal as f64 / compared as f64),
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Keeps `count` places, drawn with a fixed seed, in order.
fn sample(places: &mut Vec<usize>, count: usize) {
    // SplitMix64 (Steele, Lea, Flood, 2014): any even draw that is the same everywhere will do.
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    };
    let count = count.min(places.len());
    for at in 0..count {
        let rest = (places.len() - at) as u64;
        places.swap(at, at + (next() % rest) as usize);
    }
    places.truncate(count);
    places.sort_unstable();
}

fn show(report: &Report) -> anyhow::Result<()> {
    print(|out| {
        writeln!(
            out,
            "{} queries over {} articles",
            thousands(report.queries as u64),
            thousands(report.articles as u64)
        )?;
        writeln!(out, "  R-precision@10  {:.4}", report.r_precision_at_10)?;
        writeln!(out, "  MRR@10          {:.4}", report.mrr_at_10)?;
        writeln!(
            out,
            "  time per query  p50 {:.2} ms, p99 {:.2} ms",
            report.p50_ms, report.p99_ms
        )?;
        if let Some(equal) = report.equal_places {
            writeln!(
                out,
                "  equal to the exhaustive search in {:.2} % of the first {DEPTH} ranks",
                100.0 * equal
            )?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_drawn_once_each_and_always_the_same() {
        let drawn = |count| {
            let mut places: Vec<usize> = (100..200).collect();
            sample(&mut places, count);
            places
        };
        let some = drawn(20);
        assert_eq!(some, drawn(20));
        assert!(some.len() == 20 && some.is_sorted_by(|a, b| a < b));
        assert_ne!(some, (100..120).collect::<Vec<_>>());
        assert_eq!(drawn(1_000).len(), 100);
    }
}
