//! `slugline articles list`: the articles of the archive.

use std::num::NonZeroUsize;

use anyhow::bail;
use clap::Args;

use crate::cli::article_view::{ArticleLine, headline};
use crate::cli::filter::FilterArguments;
use crate::cli::number::at_least;
use crate::cli::output::{print, print_json, printable, shortened};
use crate::cli::remote::{MAX_ANSWER_BYTES, Remote, ServerArguments};
use crate::grpc::client::ArticleServiceClient;
use crate::grpc::pb;

#[derive(Args)]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    server: ServerArguments,
    #[command(flatten)]
    filter: FilterArguments,
    /// List at most N articles [default: all]
    #[arg(long, value_name = "N",
        value_parser = at_least(NonZeroUsize::MIN))]
    limit: Option<NonZeroUsize>,
    /// Print each article in full, as a line of JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { server, filter, limit, json } = arguments;
    let remote = Remote::connect(&server.server)?;
    let mut client =
        ArticleServiceClient::new(remote.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut wanted = limit.map_or(usize::MAX, NonZeroUsize::get);
    let filter = Some(pb::ArticleFilter::from(filter))
        .filter(|filter| *filter != pb::ArticleFilter::default());
    // An article without a title is listed by the first line of its body.
    let view = pb::ArticleView::Full.into();
    let mut request =
        pb::ListArticlesRequest { filter, view, ..pb::ListArticlesRequest::default() };
    let (mut is_damaged, mut is_found) = (false, false);
    loop {
        request.page_size = i32::try_from(wanted).unwrap_or(i32::MAX);
        let page = remote.ask(async || client.list_articles(request.clone()).await)?;
        wanted = wanted.saturating_sub(page.articles.len());
        is_found |= !page.articles.is_empty();
        for article in page.articles {
            if json {
                print_json(&ArticleLine::from(article))?;
            } else {
                let id = printable(&article.id) + "  ";
                let title = shortened(headline(&article), &id);
                print(|out| writeln!(out, "{id}{title}"))?;
            }
        }
        page.unreadable_ids.iter().for_each(|id| eprintln!("unreadable: {}", printable(id)));
        is_damaged |= page.is_incomplete || !page.unreadable_ids.is_empty();
        if page.next_page_token.is_empty() || wanted == 0 {
            break;
        }
        request.page_token = page.next_page_token;
    }
    if !is_found && !json {
        eprintln!("no articles found");
    }
    if is_damaged {
        bail!("the archive is damaged: some of its articles cannot be read");
    }
    Ok(())
}
