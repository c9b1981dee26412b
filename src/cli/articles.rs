//! `slugline articles`: the archive of a server.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};

use super::article_file::read_one;
use super::article_json::{Line, publish_time, to_put};
use super::filter::FilterArguments;
use super::import::import;
use super::inputs::{InputArguments, NAMES_HELP, ReadingArguments};
use super::output::{counted, print, print_json, printable};
use super::remote::{DEFAULT_SERVER, MAX_ANSWER_BYTES, Remote, ServerUrl};
use crate::grpc::pb;
use crate::grpc::server::client::ArticleServiceClient;

const EXAMPLES: &str = "\
Examples:
  slugline articles import --input articles.jsonl.zst
  slugline articles put --id 2026-11-23/17 --source Reuters article.txt
  slugline articles get 2026-11-23/17
  slugline articles list --topic sport --since 2026-11-23
  slugline articles delete 2026-11-23/17

An import reads what train reads: JSON Lines, {\"id\", \"title\", \"body\", \"publish_time\", \
\"source\", \"language_code\", \"labels\": {...}}, a JSON list, or CSV with such columns. Id and \
text are required. \"publish_time\" may be \"date\", \"published\", \"published_at\" or \
\"pubdate\", \"source\" may be \"publisher\", \"language_code\" may be \"language\" or \"lang\"; \
in CSV labels stand in columns such as \"labels.desk\", or in one as KEY=VALUE with semicolons \
between. Times are 2014-05-30T01:34:32Z, 2014-05-30, or as feeds have them, Fri, 30 May 2014 \
01:34:32 GMT; what cannot be one under another name than \"publish_time\" is left out with a \
warning. Topics are not read: the server classifies what it stores. Articles that are there \
already are replaced: to run an import again is safe.";

/// Put articles into the archive of a server, and look at them
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Put many articles from files
    #[command(after_help = format!("{EXAMPLES}\n\n{NAMES_HELP}"))]
    Import {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        input: InputArguments,
        /// Store only articles whose id is not there yet; the others are rejected
        #[arg(long)]
        create_only: bool,
    },
    /// Put one article from a text file
    Put(PutArguments),
    /// Print an article as a line of JSON
    Get {
        #[command(flatten)]
        server: Server,
        /// The article's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// List the articles by their ids
    List {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        filter: FilterArguments,
        /// List at most this many; 0 lists all
        #[arg(long, default_value_t = 0, value_name = "N")]
        limit: usize,
        /// Print each article whole, as a line of JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete articles
    Delete {
        #[command(flatten)]
        server: Server,
        /// The articles' ids
        #[arg(value_name = "ID", required = true)]
        ids: Vec<String>,
        /// Take it for done if there is no article of an id
        #[arg(long)]
        allow_missing: bool,
    },
}

/// Which server to ask.
#[derive(Args)]
pub(super) struct Server {
    /// The server to ask, http://HOST:PORT or HOST:PORT; there is no encryption yet
    #[arg(long, env = "SLUGLINE_SERVER", default_value = DEFAULT_SERVER, value_name = "URL")]
    pub(super) server: ServerUrl,
}

#[derive(Args)]
pub(super) struct PutArguments {
    #[command(flatten)]
    server: Server,
    /// The article's id
    #[arg(long, value_name = "ID")]
    id: String,
    /// Who published it; like the options below, in place of what the file says
    #[arg(long, default_value = "", value_name = "NAME")]
    source: String,
    /// Its language, such as "en"
    #[arg(long, default_value = "", value_name = "CODE")]
    language: String,
    /// When it was published, such as 2014-05-30T01:34:32Z
    #[arg(long, value_name = "TIME", value_parser = publish_time)]
    time: Option<prost_types::Timestamp>,
    /// A label, KEY=VALUE; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = label)]
    label: Vec<(String, String)>,
    /// Fail if there is an article of this id
    #[arg(long)]
    create_only: bool,
    /// The text: its first line is the title if an empty line follows it, or it is a record of any
    /// format that classify
    /// takes; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
    #[command(flatten)]
    reading: ReadingArguments,
}

/// Parts a label into key and value.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Import { server, input, create_only } => import(&server, &input, create_only),
        Command::Put(arguments) => put(arguments),
        Command::Get { server, id } => get(&server, id),
        Command::List { server, filter, limit, json } => list(&server, filter, limit, json),
        Command::Delete { server, ids, allow_missing } => delete(&server, ids, allow_missing),
    }
}

fn put(arguments: PutArguments) -> anyhow::Result<()> {
    let warn = |_: &'static str, warning: &str| eprintln!("warning: {}", printable(warning));
    let mut article =
        read_one(&arguments.file, &arguments.reading, |document| to_put(document, warn))?;
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

fn get(server: &Server, id: String) -> anyhow::Result<()> {
    let remote = Remote::connect(&server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel());
    let found = remote.ask(async || {
        client.get_article(pb::GetArticleRequest { id: id.clone(), ..Default::default() }).await
    })?;
    let article = found.article.context("the server sent no article")?;
    print_json(&Line::from(article))
}

fn list(server: &Server, filter: FilterArguments, limit: usize, json: bool) -> anyhow::Result<()> {
    let remote = Remote::connect(&server.server)?;
    let mut client =
        ArticleServiceClient::new(remote.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut rest = if limit == 0 { usize::MAX } else { limit };
    let filter = Some(pb::ArticleFilter::from(filter))
        .filter(|filter| *filter != pb::ArticleFilter::default());
    // A body's first line stands for a headline that is not there.
    let view = pb::ArticleView::Full.into();
    let mut request =
        pb::ListArticlesRequest { filter, view, ..pb::ListArticlesRequest::default() };
    let (mut is_damaged, mut is_found) = (false, false);
    loop {
        request.page_size = i32::try_from(rest).unwrap_or(i32::MAX);
        let page = remote.ask(async || client.list_articles(request.clone()).await)?;
        rest = rest.saturating_sub(page.articles.len());
        is_found |= !page.articles.is_empty();
        for article in page.articles {
            if json {
                print_json(&Line::from(article))?;
            } else {
                print(|out| {
                    writeln!(out, "{}  {}", printable(&article.id), printable(headline(&article)))
                })?;
            }
        }
        page.unreadable_ids.iter().for_each(|id| eprintln!("unreadable: {}", printable(id)));
        is_damaged |= page.is_incomplete || !page.unreadable_ids.is_empty();
        if page.next_page_token.is_empty() || rest == 0 {
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

/// The title, or the first line of the text where there is none.
pub(super) fn headline(article: &pb::ArchivedArticle) -> &str {
    let title = article.title.trim();
    if title.is_empty() { article.body.trim().lines().next().unwrap_or("") } else { title }
}

fn delete(server: &Server, ids: Vec<String>, allow_missing: bool) -> anyhow::Result<()> {
    let remote = Remote::connect(&server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel());
    let mut failed = 0;
    for id in ids {
        let request =
            pb::DeleteArticleRequest { id: id.clone(), allow_missing, etag: String::new() };
        if let Err(error) = remote.ask(async || client.delete_article(request.clone()).await) {
            eprintln!("{}: {error:#}", printable(&id));
            failed += 1;
        }
    }
    if failed > 0 {
        bail!("{} not deleted", counted(failed, "article"));
    }
    Ok(())
}
