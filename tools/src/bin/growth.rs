//! How speed and memory grow: with the length of articles, the topics, the vocabulary and the
//! archive. See `benches/growth.sh`.
//!
//!     cargo run --release -p slugline-tools --bin growth -- FOLDER [ARTICLES]
//!
//! Writes FOLDER/performance.svg and FOLDER/performance-figures.md, a chart and its figures.
//! ARTICLES is the size of the largest archive (1,000,000).
//!
//! What is measured is generated: words by Zipf's law, of rank r a share of 1 / (r + 2.7), from a
//! vocabulary of their own; models by the same public door as those that are read from files. They
//! know words and no pairs: pairs are looked up all the same. Each speed of classification is the
//! best of three rounds.

use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::mpsc;
use std::time::Instant;

use anyhow::Context as _;
use half::f16;
use plotters::prelude::*;
use slugline::article::{ArticleText, TopicName};
use slugline::index::{
    ArchiveOptions, ArchivedArticle, EmbeddedArchive, SimilarQuery, SimilarSource, SimilarityIndex,
    Write as ArchiveWrite,
};
use slugline::model::{
    AnswerRule, BetaCalibration, DecisionRule, KnownShare, ModelParts, Scorer, TopicModel,
};
use slugline::text::{TextOptions, Vocabulary};

const ROUNDS: usize = 3;
/// How much text a round classifies, in bytes.
const ROUND_BYTES: usize = 4 << 20;
const TYPICAL_BYTES: usize = 2_500;
const TYPICAL_TOPICS: usize = 13;
const TYPICAL_TERMS: usize = 80_000;
/// How many words there are to write with; the smaller models do not know the rarest.
const LARGEST_VOCABULARY: usize = 2_000_000;
/// Instead of a folder: print the memory of one model.
const MEMORY_OF: &str = "--memory-of";
const QUERIES: usize = 300;
const ARTICLES_A_WRITE: usize = 512;

/// Numbers that look random and are the same every time (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    /// In [0, 1).
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A rank from 0 on, by Zipf's law as Mandelbrot corrected it: the inverse of the integral of 1
    /// / (r + 2.7).
    fn rank(&mut self, ranks: usize) -> usize {
        let (low, high) = (2.7_f64, ranks as f64 + 2.7);
        ((low * (high / low).powf(self.next()) - low) as usize).min(ranks - 1)
    }
}

/// The word of a rank: two to five syllables, frequent words shorter. No two ranks have the same
/// one.
fn word(rank: usize) -> String {
    const CONSONANTS: &[u8] = b"bdfgklmnprstvz";
    const VOWELS: &[u8] = b"aeiou";
    let (mut rest, mut word) = (rank, String::new());
    loop {
        word.push(char::from(CONSONANTS[rest % 14]));
        word.push(char::from(VOWELS[rest / 14 % 5]));
        rest /= 70;
        if rest == 0 {
            return word + "n";
        }
        rest -= 1;
    }
}

fn text(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 16);
    while text.len() < bytes {
        text.push_str(&word(random.rank(LARGEST_VOCABULARY)));
        text.push(if text.len().is_multiple_of(11) { ',' } else { ' ' });
    }
    text.truncate(bytes);
    text
}

fn model(terms: usize, topics: usize) -> anyhow::Result<TopicModel> {
    let mut random = Random(0x5EED);
    // One piece of text, as in an artefact: it leaves no holes in the heap, which would count as
    // memory of the model.
    let mut words = String::with_capacity(terms * 10);
    for rank in 0..terms {
        words.push_str(&word(rank));
        words.push('\n');
    }
    let weights: Vec<f16> =
        (0..terms * topics).map(|_| f16::from_f64(random.next() - 0.5)).collect();
    let rule = DecisionRule {
        confident_probability: 0.8,
        known_share: vec![KnownShare { min_tokens: 1, min_share: 0.1 }],
    };
    let names = (0..topics)
        .map(|topic| TopicName::new(&format!("topic-{topic:04}")))
        .collect::<Result<_, _>>()?;
    let vocabulary = Vocabulary::new(words.split_terminator('\n'))?;
    let idf = (0..terms).map(|rank| ((rank + 3) as f32).ln()).collect();
    let bias = vec![0.0; topics];
    let rule = AnswerRule {
        calibration: BetaCalibration::IDENTITY,
        decision: rule,
        thresholds: Vec::new(),
        shares: vec![1.0 / topics as f64; topics],
    };
    Ok(TopicModel::new(ModelParts {
        text: TextOptions::default(),
        topics: names,
        vocabulary,
        idf,
        weights: &weights,
        bias: &bias,
        rule,
    })?)
}

/// Microseconds an article.
fn classify(model: &TopicModel, bytes: usize) -> f64 {
    let mut random = Random(1);
    let texts: Vec<String> =
        (0..(ROUND_BYTES / bytes).max(20)).map(|_| text(&mut random, bytes)).collect();
    let mut scorer = Scorer::default();
    let rounds = (0..=ROUNDS).map(|_| {
        let started = Instant::now();
        for body in &texts {
            black_box(scorer.score(model, ArticleText { title: "", body }));
        }
        started.elapsed().as_secs_f64() * 1e6 / texts.len() as f64
    });
    rounds.fold(f64::INFINITY, f64::min)
}

fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN)
        / 1024.0
}

/// MiB that a process of its own holds more with such a model than without.
fn model_memory_mib(terms: usize) -> anyhow::Result<f64> {
    let child = std::process::Command::new(std::env::current_exe()?)
        .args([MEMORY_OF, &terms.to_string()])
        .output()?;
    let printed = String::from_utf8(child.stdout)?;
    printed
        .trim()
        .parse()
        .with_context(|| format!("the process that holds {terms} terms printed {printed:?}"))
}

/// An archive's size, the median time of a search in it, and that of the slowest in a hundred, in
/// milliseconds.
type Search = (usize, f64, f64);

/// Measures each size of the archive, and hands over what there is so far after each: the last
/// takes minutes.
fn search(
    sizes: &[usize],
    mut publish: impl FnMut(&[Search]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let directory =
        tempfile::tempdir_in(std::env::var_os("CARGO_TARGET_DIR").unwrap_or("target".into()))?;
    let archive =
        EmbeddedArchive::open(&directory.path().join("archive"), ArchiveOptions::default())?;
    let (mut random, mut stored, mut found) = (Random(2), 0, Vec::new());
    for &size in sizes {
        let (sender, outcomes) = mpsc::channel();
        let mut batches = 0;
        while stored < size {
            let count = ARTICLES_A_WRITE.min(size - stored);
            let article = |number: usize| {
                // Half of the articles are headlines with a line below, half have some paragraphs.
                let body = text(&mut random, if number.is_multiple_of(2) { 300 } else { 1_500 });
                let id = format!("article-{number:07}").parse().expect("an id");
                ArchiveWrite::put(ArchivedArticle::new(id, ArticleText { title: "", body: &body }))
            };
            let batch = (stored..stored + count).map(article).collect();
            let sender = sender.clone();
            let done = Box::new(move |outcome: Result<_, _>| {
                sender.send(outcome.map(|_| ())).expect("the receiver is there");
            });
            archive.write(batch, done).expect("nothing else is waiting");
            (stored, batches) = (stored + count, batches + 1);
        }
        for outcome in outcomes.iter().take(batches) {
            outcome?;
        }
        let mut queries = Random(3);
        let mut times = Vec::with_capacity(QUERIES);
        for _ in 0..QUERIES {
            let source =
                SimilarSource::Text { title: String::new(), body: text(&mut queries, 900) };
            let query = SimilarQuery::new(source);
            let started = Instant::now();
            black_box(archive.find_similar(&query)?);
            times.push(started.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        found.push((size, times[QUERIES / 2], times[QUERIES * 99 / 100]));
        publish(&found)?;
    }
    Ok(())
}

/// A chart: points of what grows, against what it grows with, both by powers of ten.
struct Panel {
    title: &'static str,
    x: &'static str,
    points: Vec<(f64, f64)>,
}

const BLUE_INK: RGBColor = RGBColor(31, 95, 153);
const GREY_INK: RGBColor = RGBColor(110, 110, 110);

fn draw(path: &Path, panels: &[Panel]) -> anyhow::Result<()> {
    let (columns, height) = (2, 270);
    let root = SVGBackend::new(path, (920, height * panels.len().div_ceil(columns) as u32))
        .into_drawing_area();
    root.fill(&WHITE)?;
    for (panel, area) in
        panels.iter().zip(root.split_evenly((panels.len().div_ceil(columns), columns)))
    {
        let range = |values: &mut dyn Iterator<Item = f64>| {
            let (low, high) = values.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
                (low.min(value), high.max(value))
            });
            (low / 1.5)..(high * 1.5)
        };
        let x = range(&mut panel.points.iter().map(|point| point.0));
        let y = range(&mut panel.points.iter().map(|point| point.1));
        // Where the first point would lead, growing in proportion.
        let (first, last) = (panel.points[0], panel.points[panel.points.len() - 1]);
        let proportion = [first, (last.0, first.1 * last.0 / first.0)];
        let y = y.start..y.end.max(proportion[1].1 * 1.5).min(y.end * 4.0);
        let mut chart = ChartBuilder::on(&area)
            .caption(panel.title, ("sans-serif", 16))
            .margin(12)
            .x_label_area_size(38)
            .y_label_area_size(64)
            .build_cartesian_2d(x.log_scale(), y.clone().log_scale())?;
        let number = |value: &f64| {
            if *value >= 1e6 {
                format!("{} M", value / 1e6)
            } else if *value >= 1e3 {
                format!("{} k", value / 1e3)
            } else {
                format!("{value}")
            }
        };
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc(panel.x)
            .x_label_formatter(&number)
            .y_label_formatter(&number)
            .x_labels(5)
            .y_labels(5)
            .label_style(("sans-serif", 12))
            .draw()?;
        let share = ((y.end / first.1).ln() / (proportion[1].1 / first.1).ln()).min(1.0);
        let end = (
            first.0 * (last.0 / first.0).powf(share),
            first.1 * (proportion[1].1 / first.1).powf(share),
        );
        chart.draw_series([PathElement::new([first, end], GREY_INK.stroke_width(1))])?;
        chart.draw_series([PathElement::new(panel.points.clone(), BLUE_INK.stroke_width(2))])?;
        chart.draw_series(
            panel.points.iter().map(|&point| Circle::new(point, 3, BLUE_INK.filled())),
        )?;
    }
    root.present()?;
    Ok(())
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().context("usage: growth FOLDER [ARTICLES]")?;
    if folder == MEMORY_OF {
        let terms = arguments.next().context("how many terms?")?.parse()?;
        let before = resident_mib();
        let model = model(terms, TYPICAL_TOPICS)?;
        println!("{:.2}", resident_mib() - before);
        black_box(model);
        return Ok(());
    }
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let largest: usize = arguments.next().map_or(Ok(1_000_000), |count| count.parse())?;
    let mut table = String::new();
    let mut panels = vec![by_length(&mut table)?, by_topics(&mut table)?];
    panels.extend(by_terms(&mut table)?);
    eprintln!("{table}");
    writeln!(table, "\n| articles in the archive | search p50, ms | p99, ms |\n|---|---|---|")?;
    let title = "FindSimilarArticles: milliseconds, median";
    panels.push(Panel { title, x: "articles in the archive", points: Vec::new() });
    let sizes = [10_000, 30_000, 100_000, 300_000, 1_000_000];
    let sizes: Vec<usize> = sizes.into_iter().filter(|size| *size <= largest).collect();
    search(&sizes, |searches| {
        if let (Some((articles, p50, p99)), Some(panel)) = (searches.last(), panels.last_mut()) {
            writeln!(table, "| {articles} | {p50:.2} | {p99:.2} |")?;
            panel.points.push((*articles as f64, *p50));
        }
        fs::write(folder.join("performance-figures.md"), &table)?;
        draw(&folder.join("performance.svg"), &panels)
    })
}

const CLASSIFY: &str = "Classify: microseconds per article";

fn by_length(table: &mut String) -> anyhow::Result<Panel> {
    writeln!(table, "| article, bytes | us | articles/s | MB/s |\n|---|---|---|---|")?;
    let model = model(TYPICAL_TERMS, TYPICAL_TOPICS)?;
    let mut points = Vec::new();
    for bytes in [200, 600, 2_000, 6_000, 20_000, 60_000, 200_000] {
        let us = classify(&model, bytes);
        writeln!(table, "| {bytes} | {us:.1} | {:.0} | {:.0} |", 1e6 / us, bytes as f64 / us)?;
        points.push((bytes as f64, us));
    }
    Ok(Panel { title: CLASSIFY, x: "bytes of the article", points })
}

fn by_topics(table: &mut String) -> anyhow::Result<Panel> {
    writeln!(table, "\n| topics | us | MB/s |\n|---|---|---|")?;
    let mut points = Vec::new();
    for topics in [4, 13, 50, 200, 1_000] {
        let us = classify(&model(TYPICAL_TERMS, topics)?, TYPICAL_BYTES);
        writeln!(table, "| {topics} | {us:.1} | {:.0} |", TYPICAL_BYTES as f64 / us)?;
        points.push((topics as f64, us));
    }
    Ok(Panel { title: CLASSIFY, x: "topics of the model", points })
}

/// Speed and memory.
fn by_terms(table: &mut String) -> anyhow::Result<[Panel; 2]> {
    writeln!(table, "\n| terms | us | MB/s | memory of the model, MiB |\n|---|---|---|---|")?;
    let (mut speed, mut memory) = (Vec::new(), Vec::new());
    for terms in [10_000, 50_000, 200_000, 700_000, 2_000_000] {
        let us = classify(&model(terms, TYPICAL_TOPICS)?, TYPICAL_BYTES);
        let mib = model_memory_mib(terms)?;
        writeln!(table, "| {terms} | {us:.1} | {:.0} | {mib:.1} |", TYPICAL_BYTES as f64 / us)?;
        speed.push((terms as f64, us));
        memory.push((terms as f64, mib));
    }
    let x = "terms of the model";
    let title = "Memory of a model, MiB";
    Ok([Panel { title: CLASSIFY, x, points: speed }, Panel { title, x, points: memory }])
}
