//! `slugline articles put`: one article into the archive.

use std::path::PathBuf;

use clap::Args;

use crate::cli::article_file::read_article;
use crate::cli::inputs::ReadingArguments;
use crate::cli::label;
use crate::cli::output::{print, printable};
use crate::cli::remote::{Remote, ServerArguments};
use crate::cli::times::publish_time;
use crate::cli::upload::to_put;
use crate::grpc::client::ArticleServiceClient;
use crate::grpc::pb;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// The article's id
    #[arg(long, value_name = "ID")]
    id: String,
    /// Who published it; like the options below, overrides what the file says
    #[arg(long, default_value = "", value_name = "NAME")]
    source: String,
    /// Its language, such as "en"
    #[arg(long, default_value = "", value_name = "CODE")]
    language: String,
    /// When it was published, such as 2014-05-30T01:34:32Z
    #[arg(long, value_name = "TIME", value_parser = publish_time)]
    time: Option<prost_types::Timestamp>,
    /// A label, KEY=VALUE; may be repeated
    #[arg(long, value_name = "KEY=VALUE", value_parser = label::parse)]
    label: Vec<(String, String)>,
    /// Fail if the id exists already
    #[arg(long)]
    create_only: bool,
    /// The article: text, whose first line is the title if an empty line follows, or a record in
    /// any format that classify reads; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    reading: ReadingArguments,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let warn = |_: &'static str, warning: &str| eprintln!("warning: {}", printable(warning));
    let mut article =
        read_article(&arguments.file, &arguments.reading, |document| to_put(document, warn))?;
    article.id.clone_from(&arguments.id);
    article.title = article.title.trim().to_owned();
    article.body = article.body.trim().to_owned();
    if !arguments.language.is_empty() {
        article.language_code = arguments.language;
    }
    if !arguments.source.is_empty() {
        article.source = arguments.source;
    }
    article.publish_time = arguments.time.or(article.publish_time);
    article.labels.extend(arguments.label);
    let request =
        pb::PutArticleRequest { article: Some(article), create_only: arguments.create_only };
    let remote = Remote::connect(&arguments.server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel());
    let stored = remote.ask(async || client.put_article(request.clone()).await)?;
    let outcome = match stored.outcome() {
        pb::PutOutcome::Created => "created",
        pb::PutOutcome::Replaced => "replaced",
        pb::PutOutcome::Unspecified => "stored",
    };
    print(|out| {
        write!(out, "{}: {outcome} ({})", printable(&arguments.id), stored.model)?;
        for topic in &stored.topics {
            write!(out, "  {} {:.1} %", printable(&topic.name), 100.0 * topic.probability)?;
        }
        writeln!(out)
    })
}
