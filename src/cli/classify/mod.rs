//! `slugline classify`: the topics of articles.

mod classifier;
mod contrast;
mod evidence;
mod field;
mod json;
mod table;

use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::article_file::{Stop, for_each_article};
use super::inputs::{NAMES_HELP, ReadingArguments};
use super::number::whole_number;
use super::output::{print, print_json};
use super::remote::ServerUrl;
use crate::corpus::{Document, Location};
use crate::grpc::pb;
use crate::service::RequestedOptions;
use classifier::Classifier;

const EXAMPLES: &str = "\
Examples:
  slugline classify article.txt
  slugline classify --explain --max-topics 2 article.txt
  slugline classify --explain --against business article.txt
  slugline classify --model models/mine/1 --json articles.jsonl
  pbpaste | slugline classify --server http://127.0.0.1:50051 -
  slugline classify --server 127.0.0.1:50051 --model news/2 article.txt

A text file is one article: its first line is the title if an empty line follows. JSON Lines, a \
JSON list, CSV with a header and fastText's format hold one article per record, {\"id\", \
\"title\", \"body\"}; JSON may also be a request to Classify, {\"article\": {...}}. The format \
follows from the file's name (.jsonl, .ndjson, .json, .csv, .tsv), or else, as on standard input, \
from its first bytes; .gz and .zst are decompressed. Without --model and --server, the model in \
the binary answers.";

/// Classify articles into topics
#[derive(Args)]
#[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
pub(super) struct Arguments {
    /// The articles: text, JSON Lines, JSON, CSV or fastText's format; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// The model: its directory, or news for the one in the binary; with --server, its name there,
    /// such as news (the newest version) or news/2
    #[arg(long, value_name = "MODEL")]
    model: Option<PathBuf>,
    /// The server to ask, as http://HOST:PORT or HOST:PORT; encryption is not supported yet
    #[arg(long, value_name = "URL")]
    server: Option<ServerUrl>,
    /// Show the terms that decided, with their places in title and body, in code points: for each
    /// topic, and for the first rather than the second
    #[arg(long)]
    explain: bool,
    /// With --explain, the topic to explain the first one against, instead of the second
    #[arg(long, value_name = "TOPIC", requires = "explain",
        value_parser = NonEmptyStringValueParser::new())]
    against: Option<String>,
    /// With --explain, the most terms per topic and in the comparison with the second, from 1 to 20
    /// [default: 20]
    #[arg(long, value_name = "N", value_parser = whole_number(1..=20_u16))]
    max_evidence_terms: Option<u16>,
    /// With --explain, the most places per term; 0 shows none [default: 20]
    #[arg(long, value_name = "N", value_parser = whole_number(0..=u16::MAX))]
    max_evidence_spans: Option<u16>,
    /// The most topics per article; 0 shows all
    #[arg(long, default_value_t = 3, value_name = "N",
        value_parser = whole_number(0..=u16::MAX))]
    max_topics: u16,
    /// Print one line of JSON per article
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn options(&self) -> RequestedOptions {
        RequestedOptions {
            max_topics: self.max_topics.into(),
            min_probability: 0.0,
            explain: self.explain,
            // The parser refuses 0, which means "not set" on the wire.
            max_evidence_terms: self.max_evidence_terms.map_or(0, Into::into),
            max_evidence_spans: self.max_evidence_spans.map(Into::into),
            explain_against: self.against.clone().unwrap_or_default(),
        }
    }
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let model = arguments.model.as_deref();
    let classifier = match &arguments.server {
        Some(url) => Classifier::of_server(url, model)?,
        None => Classifier::local(model)?,
    };
    if let Some(topic) = &arguments.against {
        classifier.check_topic(topic)?;
    }
    for file in &arguments.files {
        let count = for_each_article(file, &arguments.reading, |document| {
            let answer = classifier
                .ask(document.text(), arguments.options())
                .map_err(|error| Stop::BadArticle(format!("{error:#}")))?;
            show(&name(document, file), &answer, &arguments).map_err(Stop::Failure)
        })?;
        if count == 0 && !arguments.json {
            eprintln!("{}: no articles in it", file.display());
        }
    }
    Ok(())
}

/// The article's id, or else its place.
fn name(document: &Document<'_>, file: &Path) -> String {
    match document.location {
        _ if !document.id.is_empty() => document.id.to_string(),
        Location { line: 0, .. } => file.display().to_string(),
        location => format!("{}:{location}", file.display()),
    }
}

fn show(id: &str, answer: &pb::ClassifyResponse, arguments: &Arguments) -> anyhow::Result<()> {
    if !arguments.json {
        return print(|out| table::write(out, id, answer));
    }
    print_json(&if arguments.explain {
        json::Answer::explained(id, answer)
    } else {
        json::Answer::plain(id, answer)
    })
}
