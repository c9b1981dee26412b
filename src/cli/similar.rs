//! `slugline similar`: the articles of a server's archive most like one of them, or like a text.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};
use serde::Serialize;

use super::article_file::read_article;
use super::article_view::{ArticleLine, headline};
use super::filter::FilterArguments;
use super::inputs::ReadingArguments;
use super::number::{number, whole_number};
use super::output::{print, print_json, printable, shortened};
use super::remote::{MAX_ANSWER_BYTES, Remote, ServerArguments};
use super::times::{publish_time, span};
use super::usage::Usage;
use crate::grpc::client::SimilarityServiceClient;
use crate::grpc::pb;
use crate::grpc::pb::find_similar_articles_request::Source;

const EXAMPLES: &str = "\
Examples:
  slugline similar --id 2026-11-23/17
  slugline similar --topic business --since 2026-11-01 --collapse draft.txt
  slugline similar --id 2026-11-23/17 --recency-half-life 3d
  slugline similar --json --limit 3 - < draft.txt";

/// Find similar articles in the archive of a server
#[derive(Args)]
#[command(after_help = EXAMPLES, group(ArgGroup::new("what").args(["id", "file"]).required(true)))]
pub(super) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// Find articles like the one with this id
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Find articles like the one in this file: text, whose first line is the title if an empty
    /// line follows, or a record in any format that classify reads; "-" is standard input
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// The least similarity, from 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "X",
        value_parser = number(0.0..=1.0, "from 0 to 1"))]
    min_similarity: f64,
    /// Rank articles higher the closer they are in time to the one asked about (or to now, for a
    /// FILE): what this gains is halved with every span of this length, such as 3d or 12h
    #[arg(long, value_name = "SPAN", value_parser = span)]
    recency_half_life: Option<Duration>,
    /// Measure closeness in time from here instead, such as 2014-05-30
    #[arg(long, value_name = "TIME", value_parser = publish_time, requires = "recency_half_life")]
    reference_time: Option<prost_types::Timestamp>,
    /// The most results, from 1 to 100
    #[arg(long, default_value_t = 10, value_name = "N",
        value_parser = whole_number(1..=100_u8))]
    limit: u8,
    /// Show near-duplicates as one result
    #[arg(long)]
    collapse: bool,
    /// Print one line of JSON per result
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Result {
    similarity: f64,
    score: f64,
    matched_terms: Vec<Term>,
    other_share: f64,
    meaning_share: f64,
    near_duplicate_ids: Vec<String>,
    article: ArticleLine,
}

#[derive(Serialize)]
struct Term {
    term: String,
    share: f64,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let source = match (&arguments.id, &arguments.file) {
        (Some(id), _) => Source::ArticleId(id.clone()),
        (None, Some(file)) => read_article(file, &arguments.reading, |document| {
            Ok(Source::Article(pb::Article {
                title: document.title.to_string(),
                body: document.body.to_string(),
                language_code: String::new(),
            }))
        })?,
        // clap requires one of them.
        (None, None) => return Err(Usage("--id or FILE is required".to_owned()).into()),
    };
    let mut request = pb::FindSimilarArticlesRequest {
        // An article without a title is shown by the first line of its body.
        view: pb::ArticleView::Full.into(),
        source: Some(source),
        filter: Some(arguments.filter.into()),
        min_similarity: arguments.min_similarity,
        page_size: arguments.limit.into(),
        page_token: String::new(),
        collapse_near_duplicates: arguments.collapse,
        recency_half_life: arguments.recency_half_life.map(prost_duration).transpose()?,
        reference_time: arguments.reference_time,
    };
    let remote = Remote::connect(&arguments.server.server)?;
    let mut client =
        SimilarityServiceClient::new(remote.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut is_found = false;
    // A page of long articles may hold fewer than asked for.
    while request.page_size > 0 {
        let found = remote.ask(async || client.find_similar_articles(request.clone()).await)?;
        request.page_size -= found.articles.len() as i32;
        request.page_token = found.next_page_token;
        is_found |= !found.articles.is_empty();
        found.unreadable_ids.iter().for_each(|id| eprintln!("unreadable: {}", printable(id)));
        for similar in found.articles {
            if arguments.json {
                print_json(&as_json(similar))?;
            } else {
                print(|out| show(out, &similar))?;
            }
        }
        if request.page_token.is_empty() {
            break;
        }
    }
    if !is_found && !arguments.json {
        eprintln!("no similar articles found");
    }
    Ok(())
}

fn prost_duration(span: Duration) -> anyhow::Result<prost_types::Duration> {
    prost_types::Duration::try_from(span)
        .map_err(|_| Usage("--recency-half-life is too long".to_owned()).into())
}

fn as_json(similar: pb::SimilarArticle) -> Result {
    let terms = similar
        .matched_terms
        .into_iter()
        .map(|matched| Term { term: matched.term, share: matched.share });
    Result {
        similarity: similar.similarity,
        score: similar.score,
        matched_terms: terms.collect(),
        other_share: similar.other_share,
        meaning_share: similar.meaning_share,
        near_duplicate_ids: similar.near_duplicate_ids,
        article: similar.article.unwrap_or_default().into(),
    }
}

fn show(out: &mut dyn Write, similar: &pb::SimilarArticle) -> io::Result<()> {
    let article = similar.article.clone().unwrap_or_default();
    let before = format!("{:.3}  {}  ", similar.similarity, printable(&article.id));
    let mut after = match similar.near_duplicate_count {
        0 => String::new(),
        1 => "  (and 1 near-duplicate)".to_owned(),
        count => format!("  (and {count} near-duplicates)"),
    };
    if format!("{:.3}", similar.score) != format!("{:.3}", similar.similarity) {
        after.push_str(&format!("  (score {:.3})", similar.score));
    }
    let title = shortened(headline(&article), &format!("{before}{after}"));
    writeln!(out, "{before}{title}{after}")?;
    let terms: Vec<String> = similar
        .matched_terms
        .iter()
        .take(6)
        .map(|matched| format!("{} {:.0} %", printable(&matched.term), 100.0 * matched.share))
        .collect();
    let meaning = 100.0 * similar.meaning_share;
    writeln!(out, "       {}; meaning {meaning:.0} %", terms.join(", "))
}
