//! `slugline articles delete`: articles out of the archive.

use anyhow::bail;
use clap::Args;

use crate::cli::output::{counted, printable};
use crate::cli::remote::{Remote, ServerArguments};
use crate::grpc::client::ArticleServiceClient;
use crate::grpc::pb;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    /// The articles' ids
    #[arg(value_name = "ID", required = true)]
    ids: Vec<String>,
    /// Succeed even if there is no article with an id
    #[arg(long)]
    allow_missing: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let remote = Remote::connect(&arguments.server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel());
    let allow_missing = arguments.allow_missing;
    let mut failed = 0;
    for id in arguments.ids {
        let request = pb::DeleteArticleRequest { id, allow_missing, etag: String::new() };
        if let Err(error) = remote.ask(async || client.delete_article(request.clone()).await) {
            eprintln!("{}: {error:#}", printable(&request.id));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{} not deleted", counted(failed, "article"));
    }
    Ok(())
}
