//! `slugline classify`: articles from files, by a model at hand or by a server.

use std::io::{self, BufRead as _, Read as _, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use serde::{Deserialize, Deserializer, Serialize};

use super::output::{print, print_json, printable};
use super::read_model;
use super::remote::Remote;
use crate::article::{ArticleText, Limits};
use crate::corpus::{self, Format, Input, Progress, for_each_document};
use crate::grpc::pb;
use crate::grpc::server::client::ClassificationServiceClient;
use crate::service::{ClassifyQuery, ModelEntry, ModelSet, ModelSource, ModelState, RequestedOptions, classify};

const EXAMPLES: &str = "\
Examples:
  slugline classify article.txt
  slugline classify --explain --max-topics 2 article.txt
  slugline classify --model models/mine/1 --json articles.jsonl
  pbpaste | slugline classify --server http://127.0.0.1:50051 -

A text file is one article: its first line is the title if an empty line follows it. A file whose name ends in .json is one \
article, {\"title\", \"body\"}, or a request as Classify takes it, {\"article\": {...}}. One whose name ends in .jsonl, .jsonl.gz or \
.jsonl.zst holds an article a line: {\"id\", \"title\", \"body\"}. Without --model and --server, the model that is \
part of the binary answers.";

/// How many places of a term the table shows; JSON has them all.
const SHOWN_PLACES: usize = 3;

/// Say what articles are about
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The articles; "-" is standard input, as text
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    /// The directory of the model to use
    #[arg(long, value_name = "DIR", conflicts_with = "server")]
    model: Option<PathBuf>,
    /// The server to ask, such as http://127.0.0.1:50051
    #[arg(long, value_name = "URL")]
    server: Option<String>,
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
    Remote(Remote),
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut classifier = Classifier::open(&arguments)?;
    for file in &arguments.files {
        if is_json_lines(file) {
            classify_lines(&mut classifier, file, &arguments)?;
        } else {
            let article = ArticleFile::read(file)?;
            let answer = classifier.ask(article.text(), &arguments).with_context(|| file.display().to_string())?;
            show(&file.display().to_string(), &answer, &arguments)?;
        }
    }
    Ok(())
}

fn is_json_lines(file: &Path) -> bool {
    let name = file.to_string_lossy().to_ascii_lowercase();
    [".jsonl", ".jsonl.gz", ".jsonl.zst"].iter().any(|ending| name.ends_with(ending))
}

fn classify_lines(classifier: &mut Classifier, file: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    let inputs = [Input::from_argument(file.to_owned())];
    let options = corpus::Options { format: Some(Format::JsonLines), threads: 1, ..corpus::Options::default() };
    // There is one worker, and it might be another thread: what it cannot hand up as a bad line it leaves here.
    let failure = std::sync::Mutex::new(None);
    let turn = std::sync::Mutex::new(classifier);
    let outcome = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        || (),
        |(), _, document| {
            let mut classifier = turn.lock().map_err(|error| error.to_string())?;
            let id = if document.id.is_empty() { file.display().to_string() } else { document.id.to_string() };
            let answer = classifier.ask(document.text(), arguments).map_err(|error| format!("{error:#}"))?;
            show(&id, &answer, arguments).map_err(|error| {
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
        _ => Ok(outcome.map(|_| ())?),
    }
}

/// An article from a file of its own.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ArticleFile {
    #[serde(default, deserialize_with = "text_or_null")]
    title: String,
    #[serde(default, deserialize_with = "text_or_null")]
    body: String,
}

/// In JSON null is what is not there, as protobuf's mapping has it.
fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ArticleFile {
    /// Reads a text file (see [`split_title`]), or, where its name ends in .json, an object: of title and body, or one that has such an object
    /// as its `article`, which is what ClassificationService takes.
    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let text = read_text(file)?;
        if file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            return Self::from_json(&text).with_context(|| {
                format!(
                    "{} is no JSON object with a \"title\" and a \"body\", or with an \"article\" that has them",
                    file.display()
                )
            });
        }
        let ArticleText { title, body } = split_title(&text);
        Ok(Self { title: title.to_owned(), body: body.to_owned() })
    }

    fn from_json(text: &str) -> anyhow::Result<Self> {
        let mut object: serde_json::Map<String, serde_json::Value> =
            serde_json::from_str(text.strip_prefix('\u{feff}').unwrap_or(text))?;
        let article = object.remove("article").filter(|article| !article.is_null());
        let article = article.unwrap_or(serde_json::Value::Object(object));
        let article: Self = serde_json::from_value(article)?;
        if article.text().is_blank() {
            bail!("there is neither a title nor a body in it");
        }
        Ok(article)
    }

    pub(super) fn text(&self) -> ArticleText<'_> {
        ArticleText { title: &self.title, body: &self.body }
    }
}

/// Reads a text file, no further than a server would take it.
fn read_text(file: &Path) -> anyhow::Result<String> {
    let limit = Limits::default().article_bytes as u64;
    let name = file.display();
    let mut bytes = Vec::new();
    let read = if file.as_os_str() == "-" {
        io::stdin().lock().take(limit + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
    };
    read.with_context(|| format!("cannot read {name}"))?;
    if bytes.len() as u64 > limit {
        bail!("{name} is larger than {limit} bytes, the most an article may have");
    }
    String::from_utf8(bytes).with_context(|| format!("{name} is not valid UTF-8 text"))
}

/// The first line is the title if there is an empty line after it.
fn split_title(text: &str) -> ArticleText<'_> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.as_bytes().lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let second = lines.next().and_then(Result::ok);
    match second {
        Some(second) if second.trim().is_empty() && !first.trim().is_empty() => {
            let (title, body) = text.split_at(first.len());
            // Places in the body are counted from its first word, and not from the empty line.
            ArticleText { title, body: body.trim_start() }
        }
        _ => ArticleText { title: "", body: text },
    }
}

impl Classifier {
    fn open(arguments: &Arguments) -> anyhow::Result<Self> {
        if let Some(url) = &arguments.server {
            return Ok(Self::Remote(Remote::connect(url)?));
        }
        if let Some(directory) = &arguments.model {
            let loaded = read_model(directory)?;
            let id = loaded.manifest.id();
            let entry = ModelEntry { label: id.to_string().into(), id, state: ModelState::Serving(loaded.into()) };
            return Ok(Self::Local(Box::new(entry)));
        }
        let set = ModelSet::open(&ModelSource { directory: None, default_model: "news".to_owned() })?;
        Ok(Self::Local(Box::new(set.default_entry().clone())))
    }

    fn ask(&mut self, text: ArticleText<'_>, arguments: &Arguments) -> anyhow::Result<pb::ClassifyResponse> {
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
            Self::Remote(remote) => {
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
                    ..pb::ClassifyRequest::default()
                };
                remote.ask(ClassificationServiceClient::new(remote.channel()).classify(request))
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

fn as_json<'a>(id: &'a str, answer: &'a pb::ClassifyResponse, decision: &'static str, explain: bool) -> Answer<'a> {
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

fn table(out: &mut dyn Write, id: &str, answer: &pb::ClassifyResponse, decision: &str) -> io::Result<()> {
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
            format!("{} {:.1} %{}", printable(&topic.name), 100.0 * topic.probability, mark(topic.assigned))
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
            let places = if part.spans.is_empty() { String::new() } else { format!("  ({})", places(&part.spans)) };
            writeln!(out, "      {:+.3}  {}{times}{places}", part.weight, printable(&part.term))?;
        }
        if !topic.evidence.is_empty() {
            writeln!(out, "      {:+.3}  (all other terms)", topic.other_evidence_weight)?;
            writeln!(out, "      {:+.3}  (before any word)", topic.bias)?;
        }
    }
    if answer.decision() == pb::Decision::UnknownText {
        writeln!(out, "  note: too little of the text is known; the topics are as likely as before any word is read")?;
    }
    for warning in &answer.warnings {
        writeln!(out, "  note: {}", printable(&warning.message))?;
    }
    Ok(())
}

/// What stands behind a topic that is assigned; nothing where a document has one topic, for there the first is the answer.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_title_when_an_empty_line_follows() {
        let titled = split_title("A title\r\n\r\nThe body.\nMore.");
        assert_eq!((titled.title, titled.body), ("A title", "The body.\nMore."));
        let plain = split_title("A line\nand another");
        assert_eq!((plain.title, plain.body), ("", "A line\nand another"));
        assert_eq!(split_title("one line"), ArticleText { title: "", body: "one line" });
        assert_eq!(split_title(""), ArticleText::default());
        assert_eq!(split_title("日本\n\n本文").title, "日本");
    }

    #[test]
    fn a_json_article_stands_alone_or_in_a_request() {
        let read = |text: &str| ArticleFile::from_json(text).map(|article| (article.title, article.body));
        let expected = || ("A title".to_owned(), "A \"body\".".to_owned());
        let alone = r#"{"title": "A title", "body": "A \"body\".", "id": 7}"#;
        assert_eq!(read(alone).expect("an article"), expected());
        let request = format!("\u{feff}{{\"article\": {alone}, \"explain\": true}}");
        assert_eq!(read(&request).expect("a request"), expected());
        let nothing = r#"{"title": null, "body": "text", "article": null}"#;
        assert_eq!(read(nothing).expect("an article"), (String::new(), "text".to_owned()));
        for bad in [
            "{}",
            "{\"title\": null}",
            "{\"article\": null}",
            "[]",
            "{\"title\": 1}",
            "{\"article\": {\"title\": \" \"}}",
            "{\"title\": \"cut of",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
