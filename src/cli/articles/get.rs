//! `slugline articles get`: one article of the archive.

use anyhow::Context as _;
use clap::Args;

use crate::cli::article_view::ArticleLine;
use crate::cli::output::print_json;
use crate::cli::remote::{Remote, ServerArguments};
use crate::grpc::client::ArticleServiceClient;
use crate::grpc::pb;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// The article's id
    #[arg(value_name = "ID")]
    id: String,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let remote = Remote::connect(&arguments.server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel());
    let request = pb::GetArticleRequest { id: arguments.id.clone(), ..Default::default() };
    let found = remote.ask(async || client.get_article(request.clone()).await)?;
    let article = found.article.context("the server sent no article")?;
    print_json(&ArticleLine::from(article))
}
