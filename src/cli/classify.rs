//! `slugline classify`: articles from files, by a model at hand or by a server.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde::Serialize;

use super::inputs::{NAMES_HELP, ReadingArguments};
use super::output::{print, print_json, printable};
use super::read_model;
use super::remote::{Remote, ServerUrl};
use crate::article::{ArticleText, Limits};
use crate::corpus::{self, Document, Input, Progress, for_each_document};
use crate::grpc::pb;
use crate::grpc::server::client::ClassificationServiceClient;
use crate::service::{
    ClassifyQuery, ModelEntry, ModelSet, ModelSource, ModelState, RequestedOptions, classify,
};

const EXAMPLES: &str = "\
Examples:
  slugline classify article.txt
  slugline classify --explain --max-topics 2 article.txt
  slugline classify --model models/mine/1 --json articles.jsonl
  pbpaste | slugline classify --server http://127.0.0.1:50051 -
  slugline classify --server 127.0.0.1:50051 --model news/2 article.txt

A text file is one article: its first line is the title if an empty line follows it. JSON Lines, a \
JSON list, CSV with a header and fastText's format hold an article a record, {\"id\", \"title\", \
\"body\"}; JSON may also be a request as Classify takes it, {\"article\": {...}}. The file's name \
says which it is (.jsonl, .ndjson, .json, .csv, .tsv), else its first bytes, as on standard input; \
.gz and .zst are read, too. Without --model and --server, the model that is part of the binary \
answers.";

/// How many places of a term the table shows; JSON has them all.
const SHOWN_PLACES: usize = 3;

/// Say what articles are about
#[derive(Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    /// The articles: texts, JSON Lines, JSON, CSV or fastText's format; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// The model to use: its directory, or news for the one in the binary; with --server its name
    /// there, such as news (its newest version) or news/2
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// The server to ask, http://HOST:PORT or HOST:PORT; there is no encryption yet
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// Show the words that decided, and where they stand in title and body, in code points
    #[arg(long)]
    explain: bool,
    /// With --explain, show at most this many words a topic; 0 shows as many as there may be, 20
    #[arg(long, default_value_t = 0, value_name = "N")]
    max_evidence_terms: u16,
    /// With --explain, show at most this many places a word; 0 shows none [default: 20]
    #[arg(long, value_name = "N")]
    max_evidence_spans: Option<u16>,
    /// Show at most this many topics; 0 shows all
    #[arg(long, default_value_t = 3, value_name = "N")]
    max_topics: u16,
    /// Print one JSON object an article, a line each
    #[arg(long)]
    json: bool,
}

/// Who answers.
enum Classifier {
    Local(Box<ModelEntry>),
    /// With the model's name there; empty for the server's default.
    Remote(Box<Remote>, String),
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let options = corpus::Options { takes_text: true, ..arguments.reading.options()? };
    let mut classifier = Classifier::open(&arguments)?;
    arguments
        .files
        .iter()
        .try_for_each(|file| classify_file(&mut classifier, file, &options, &arguments))
}

fn classify_file(
    classifier: &mut Classifier,
    file: &Path,
    options: &corpus::Options,
    arguments: &Arguments,
) -> anyhow::Result<()> {
    let inputs = [Input::from_argument(file.to_owned())];
    // There is one worker, and it might be another thread: what it cannot hand up as a bad line it
    // leaves here.
    let failure = std::sync::Mutex::new(None);
    let turn = std::sync::Mutex::new(classifier);
    let outcome = for_each_document(
        &inputs,
        options,
        &Progress::default(),
        || (),
        |(), _, document| {
            let mut classifier = turn.lock().map_err(|error| error.to_string())?;
            let answer =
                classifier.ask(document.text(), arguments).map_err(|error| format!("{error:#}"))?;
            show(&name(&document, file), &answer, arguments).map_err(|error| {
                let reason = error.to_string();
                if let Ok(mut failure) = failure.lock() {
                    *failure = Some(error);
                }
                reason
            })
        },
    );
    match failure.into_inner() {
        Ok(Some(error)) => Err(error),
        _ => {
            let (_, summary) = outcome?;
            if summary.documents == 0 && !arguments.json {
                eprintln!("{}: no articles in it", file.display());
            }
            Ok(())
        }
    }
}

/// What an answer is called: the article's id, else where it stands.
fn name(document: &Document<'_>, file: &Path) -> String {
    match (document.id.is_empty(), document.line) {
        (false, _) => document.id.to_string(),
        (true, 0) => file.display().to_string(),
        (true, line) => format!("{}:{line}", file.display()),
    }
}

impl Classifier {
    fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        if let Some(url) = &arguments.server {
            let model = arguments
                .model
                .as_deref()
                .map(|model| model.to_str().context("the name of a model is UTF-8"));
            let model = model.transpose()?.unwrap_or_default().to_owned();
            return Ok(Self::Remote(Box::new(Remote::connect(url)?), model));
        }
        if let Some(directory) = &arguments.model {
            let loaded = read_model(directory)?;
            let id = loaded.manifest.id();
            let entry = ModelEntry {
                label: id.to_string().into(),
                id,
                state: ModelState::Serving(loaded.into()),
            };
            return Ok(Self::Local(Box::new(entry)));
        }
        let set =
            ModelSet::open(&ModelSource { directory: None, default_model: "news".to_owned() })?;
        Ok(Self::Local(Box::new(set.default_entry().clone())))
    }

    fn ask(
        &mut self,
        text: ArticleText<'_>,
        arguments: &Arguments,
    ) -> anyhow::Result<pb::ClassifyResponse> {
        match self {
            Self::Local(entry) => {
                let options = RequestedOptions {
                    max_topics: arguments.max_topics.into(),
                    min_probability: 0.0,
                    explain: arguments.explain,
                    max_evidence_terms: arguments.max_evidence_terms.into(),
                    max_evidence_spans: arguments.max_evidence_spans.map(Into::into),
                };
                let query = ClassifyQuery { text, language_code: "", options: options.checked()? };
                Ok(classify(entry, &query, &Limits::default(), "article")?.into())
            }
            Self::Remote(remote, model) => {
                let request = pb::ClassifyRequest {
                    article: Some(pb::Article {
                        title: text.title.to_owned(),
                        body: text.body.to_owned(),
                        language_code: String::new(),
                    }),
                    max_topics: arguments.max_topics.into(),
                    explain: arguments.explain,
                    max_evidence_terms: arguments.max_evidence_terms.into(),
                    max_evidence_spans: arguments.max_evidence_spans.map(Into::into),
                    model: model.clone(),
                    ..pb::ClassifyRequest::default()
                };
                let mut client = ClassificationServiceClient::new(remote.channel());
                remote.ask(async || client.classify(request.clone()).await)
            }
        }
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    id: &'a str,
    model: &'a str,
    decision: &'static str,
    topics: Vec<Topic<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    levels: Vec<Level<'a>>,
    token_count: i32,
    known_token_count: i32,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    probability: f64,
    log_odds: f64,
    /// Of models of several topics a document alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation<'a>>,
}

#[derive(Serialize)]
struct Level<'a> {
    depth: i32,
    topics: Vec<BroadTopic<'a>>,
}

#[derive(Serialize)]
struct BroadTopic<'a> {
    name: &'a str,
    probability: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    assigned: Option<bool>,
}

impl<'a> From<&'a pb::TopicLevel> for Level<'a> {
    fn from(level: &'a pb::TopicLevel) -> Self {
        let topics = level.topics.iter().map(|topic| BroadTopic {
            name: &topic.name,
            probability: topic.probability,
            assigned: topic.assigned,
        });
        Self { depth: level.depth, topics: topics.collect() }
    }
}

#[derive(Serialize)]
struct Explanation<'a> {
    bias: f64,
    evidence: Vec<Term<'a>>,
    other_evidence_weight: f64,
}

#[derive(Serialize)]
struct Term<'a> {
    term: &'a str,
    weight: f64,
    count: i32,
    spans: Vec<Span>,
}

/// Counted in code points of the article's title or body.
#[derive(Serialize)]
struct Span {
    field: &'static str,
    start: i32,
    end: i32,
}

impl From<&pb::TextSpan> for Span {
    fn from(span: &pb::TextSpan) -> Self {
        let field = match span.field() {
            pb::ArticleField::Title => "title",
            pb::ArticleField::Body => "body",
            pb::ArticleField::Unspecified => "unspecified",
        };
        Self { field, start: span.start, end: span.end }
    }
}

fn show(id: &str, answer: &pb::ClassifyResponse, arguments: &Arguments) -> anyhow::Result<()> {
    let decision = match answer.decision() {
        pb::Decision::Confident => "confident",
        pb::Decision::Uncertain => "uncertain",
        pb::Decision::UnknownText => "unknown text",
        pb::Decision::Unspecified => "unspecified",
    };
    if arguments.json {
        print_json(&as_json(id, answer, decision, arguments.explain))
    } else {
        print(|out| table(out, id, answer, decision))
    }
}

fn as_json<'a>(
    id: &'a str,
    answer: &'a pb::ClassifyResponse,
    decision: &'static str,
    explain: bool,
) -> Answer<'a> {
    let topics = answer.topics.iter().map(|topic| Topic {
        name: &topic.name,
        probability: topic.probability,
        log_odds: topic.log_odds,
        assigned: topic.assigned,
        explanation: explain.then(|| Explanation {
            bias: topic.bias,
            evidence: topic
                .evidence
                .iter()
                .map(|part| Term {
                    term: &part.term,
                    weight: part.weight,
                    count: part.count,
                    spans: part.spans.iter().map(Into::into).collect(),
                })
                .collect(),
            other_evidence_weight: topic.other_evidence_weight,
        }),
    });
    Answer {
        id,
        model: &answer.model,
        decision,
        topics: topics.collect(),
        levels: answer.levels.iter().map(Into::into).collect(),
        token_count: answer.token_count,
        known_token_count: answer.known_token_count,
        warnings: answer.warnings.iter().map(|warning| warning.message.as_str()).collect(),
    }
}

fn table(
    out: &mut dyn Write,
    id: &str,
    answer: &pb::ClassifyResponse,
    decision: &str,
) -> io::Result<()> {
    writeln!(
        out,
        "{}: {decision} ({}, {} of {} words known)",
        printable(id),
        answer.model,
        answer.known_token_count,
        answer.token_count
    )?;
    for level in &answer.levels {
        let shown = |topic: &pb::BroadTopic| {
            format!(
                "{} {:.1} %{}",
                printable(&topic.name),
                100.0 * topic.probability,
                mark(topic.assigned)
            )
        };
        let topics: Vec<String> = level.topics.iter().map(shown).collect();
        writeln!(out, "  depth {}: {}", level.depth, topics.join(", "))?;
    }
    let width = answer.topics.iter().map(|topic| topic.name.chars().count()).max().unwrap_or(0);
    for topic in &answer.topics {
        writeln!(
            out,
            "  {:5.1} %  {:width$}  log-odds {:+.2}{}",
            100.0 * topic.probability,
            printable(&topic.name),
            topic.log_odds,
            mark(topic.assigned)
        )?;
        for part in &topic.evidence {
            let times = if part.count == 1 { String::new() } else { format!("  x{}", part.count) };
            let places = if part.spans.is_empty() {
                String::new()
            } else {
                format!("  ({})", places(&part.spans))
            };
            writeln!(out, "      {:+.3}  {}{times}{places}", part.weight, printable(&part.term))?;
        }
        if !topic.evidence.is_empty() {
            writeln!(out, "      {:+.3}  (all other terms)", topic.other_evidence_weight)?;
            writeln!(out, "      {:+.3}  (before any word)", topic.bias)?;
        }
    }
    if answer.decision() == pb::Decision::UnknownText {
        writeln!(
            out,
            "  note: too little of the text is known; the topics are as likely as they were in training"
        )?;
    }
    for warning in &answer.warnings {
        writeln!(out, "  note: {}", printable(&warning.message))?;
    }
    Ok(())
}

/// What stands behind a topic that is assigned; nothing where a document has one topic, for there
/// the first is the answer.
fn mark(assigned: Option<bool>) -> &'static str {
    if assigned == Some(true) { "  assigned" } else { "" }
}

/// The first of the places: "title 3-11, body 120-128, ...".
fn places(spans: &[pb::TextSpan]) -> String {
    let mut places: Vec<String> = spans
        .iter()
        .take(SHOWN_PLACES)
        .map(Span::from)
        .map(|Span { field, start, end }| format!("{field} {start}-{end}"))
        .collect();
    if spans.len() > SHOWN_PLACES {
        places.push("...".to_owned());
    }
    places.join(", ")
}
