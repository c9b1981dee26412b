//! `slugline articles`: the archive of a server.

use std::path::PathBuf;
use std::sync::Mutex;

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::article_json::{Line, publish_time, to_import};
use super::classify::ArticleFile;
use super::output::{counted, print, print_json, printable, thousands};
use super::progress;
use super::remote::{DEFAULT_SERVER, MAX_ANSWER_BYTES, Remote};
use super::{CorpusArguments, OnErrorArgument};
use crate::corpus::for_each_document;
use crate::grpc::pb;
use crate::grpc::server::client::ArticleServiceClient;

/// A message of an import has about this many articles, or bytes of text.
const MESSAGE_ARTICLES: usize = 128;
const MESSAGE_BYTES: usize = 1 << 20;
/// So many messages may wait to be sent.
const MESSAGES_AHEAD: usize = 4;

const EXAMPLES: &str = "\
Examples:
  slugline articles import --input articles.jsonl.zst
  slugline articles put --id 2026-11-23/17 --source Reuters article.txt
  slugline articles get 2026-11-23/17
  slugline articles delete 2026-11-23/17

An import reads JSON Lines, {\"id\", \"title\", \"body\", \"publish_time\", \"source\", \"language_code\", \"labels\": {...}}: id and text \
are required, \"date\" and \"publisher\" do as well as \"publish_time\" and \"source\". Articles that are there already are replaced: to \
run an import again is safe.";

/// Put articles into the archive of a server, and look at them
#[derive(Subcommand)]
#[command(after_help = EXAMPLES)]
pub(super) enum Command {
    /// Put many articles from files
    #[command(after_help = EXAMPLES)]
    Import {
        #[command(flatten)]
        server: Server,
        #[command(flatten)]
        corpus: CorpusArguments,
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
    /// The server to ask
    #[arg(long, env = "SLUGLINE_SERVER", default_value = DEFAULT_SERVER, value_name = "URL")]
    pub(super) server: String,
}

#[derive(Args)]
pub(super) struct PutArguments {
    #[command(flatten)]
    server: Server,
    /// The article's id
    #[arg(long, value_name = "ID")]
    id: String,
    /// Who published it
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
    /// The text: its first line is the title if an empty line follows it, or it is JSON if the file's
    /// name ends in .json; "-" is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    file: PathBuf,
}

/// Parts a label into key and value.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("{text:?} is not KEY=VALUE"))?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(super) fn run(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Import { server, corpus } => import(&server, &corpus),
        Command::Put(arguments) => put(arguments),
        Command::Get { server, id } => get(&server, id),
        Command::List { server, limit, json } => list(&server, limit, json),
        Command::Delete { server, ids, allow_missing } => delete(&server, ids, allow_missing),
    }
}

fn import(server: &Server, corpus: &CorpusArguments) -> anyhow::Result<()> {
    let remote = Remote::connect(&server.server)?;
    let (messages, receiver) = mpsc::channel(MESSAGES_AHEAD);
    let mut client = ArticleServiceClient::new(remote.channel());
    // The call runs on the thread that waits for its answer; the files are read on another one.
    let inputs = corpus.inputs();
    let (reading, answer) = std::thread::scope(|scope| {
        let reader = scope.spawn(|| read(corpus, &inputs, messages));
        let answer = remote.ask(client.import_articles(ReceiverStream::new(receiver)));
        (reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), answer)
    });
    // What is wrong with a file says more than that its stream was cut short.
    let skipped = match (reading, &answer) {
        (Err(error), Ok(answer)) => {
            return Err(error.context(format!("{} had been stored before", counted(count(answer.accepted_count), "article"))));
        }
        (Err(error), Err(_)) if !error.is::<Hangup>() => return Err(error),
        (Err(_), Err(_)) => 0,
        (Ok(skipped), _) => skipped,
    };
    let answer = answer?;
    for rejection in &answer.rejections {
        let reason = rejection.error.as_ref().map_or("", |error| error.message.as_str());
        eprintln!("rejected: {}: {}", printable(&rejection.id), printable(reason));
    }
    let (accepted, replaced) = (count(answer.accepted_count), count(answer.replaced_count));
    let rejected = count(answer.rejected_count) + skipped;
    print(|out| {
        writeln!(
            out,
            "{} stored, {} of them in place of others; {} rejected",
            counted(accepted, "article"),
            thousands(replaced),
            thousands(rejected)
        )
    })?;
    if rejected > 0 && matches!(corpus.on_error, OnErrorArgument::Fail) {
        bail!("{} rejected", counted(rejected, "article"));
    }
    Ok(())
}

/// The server takes no more.
#[derive(Debug, thiserror::Error)]
#[error("the server ended the import")]
struct Hangup;

/// Reads the articles and sends them off; returns how many lines were left out.
fn read(
    corpus: &CorpusArguments,
    inputs: &[crate::corpus::Input],
    messages: mpsc::Sender<pb::ImportArticlesRequest>,
) -> anyhow::Result<u64> {
    let pending = Mutex::new((Vec::new(), 0));
    let is_cut_off = std::sync::atomic::AtomicBool::new(false);
    let send = |articles: Vec<pb::ArchivedArticle>| {
        messages.blocking_send(pb::ImportArticlesRequest { articles, create_only: false }).map_err(|_| {
            is_cut_off.store(true, std::sync::atomic::Ordering::Relaxed);
            Hangup.to_string()
        })
    };
    let outcome = progress::watch(inputs, |progress| {
        for_each_document(
            inputs,
            &corpus.options(1),
            progress,
            || (),
            |(), _, document| {
                if is_cut_off.load(std::sync::atomic::Ordering::Relaxed) {
                    return Err(Hangup.to_string());
                }
                let article = to_import(&document)?;
                let mut pending = pending.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                pending.1 += document.text().size_bytes();
                pending.0.push(article);
                if pending.0.len() >= MESSAGE_ARTICLES || pending.1 >= MESSAGE_BYTES {
                    pending.1 = 0;
                    return send(std::mem::take(&mut pending.0));
                }
                Ok(())
            },
        )
    });
    if is_cut_off.load(std::sync::atomic::Ordering::Relaxed) {
        return Err(Hangup.into());
    }
    // What was read before a bad line is sent all the same.
    let (rest, _) = pending.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !rest.is_empty() && send(rest).is_err() {
        return Err(Hangup.into());
    }
    let ((), summary) = outcome.map(|(_, summary)| ((), summary))?;
    for line in &summary.skipped_examples {
        eprintln!("left out: {}", printable(&line.to_string()));
    }
    Ok(summary.skipped)
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

fn put(arguments: PutArguments) -> anyhow::Result<()> {
    let file = ArticleFile::read(&arguments.file)?;
    let article = file.text();
    let request = pb::PutArticleRequest {
        article: Some(pb::ArchivedArticle {
            id: arguments.id.clone(),
            title: article.title.trim().to_owned(),
            body: article.body.trim().to_owned(),
            language_code: arguments.language,
            publish_time: arguments.time,
            source: arguments.source,
            labels: arguments.label.into_iter().collect(),
            ..pb::ArchivedArticle::default()
        }),
        create_only: arguments.create_only,
    };
    let remote = Remote::connect(&arguments.server.server)?;
    let stored = remote.ask(ArticleServiceClient::new(remote.channel()).put_article(request))?;
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
    let found = remote.ask(
        ArticleServiceClient::new(remote.channel())
            .get_article(pb::GetArticleRequest { id, ..pb::GetArticleRequest::default() }),
    )?;
    let article = found.article.context("the server sent no article")?;
    print_json(&Line::from(article))
}

fn list(server: &Server, limit: usize, json: bool) -> anyhow::Result<()> {
    let remote = Remote::connect(&server.server)?;
    let mut client = ArticleServiceClient::new(remote.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
    let mut rest = if limit == 0 { usize::MAX } else { limit };
    // A body's first line stands for a headline that is not there.
    let mut request = pb::ListArticlesRequest { view: pb::ArticleView::Full.into(), ..pb::ListArticlesRequest::default() };
    let mut is_damaged = false;
    loop {
        request.page_size = i32::try_from(rest).unwrap_or(i32::MAX);
        let page = remote.ask(client.list_articles(request.clone()))?;
        rest = rest.saturating_sub(page.articles.len());
        for article in page.articles {
            if json {
                print_json(&Line::from(article))?;
            } else {
                print(|out| writeln!(out, "{}  {}", printable(&article.id), printable(headline(&article))))?;
            }
        }
        page.unreadable_ids.iter().for_each(|id| eprintln!("unreadable: {}", printable(id)));
        is_damaged |= page.is_incomplete || !page.unreadable_ids.is_empty();
        if page.next_page_token.is_empty() || rest == 0 {
            break;
        }
        request.page_token = page.next_page_token;
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
    for id in ids {
        let request = pb::DeleteArticleRequest { id: id.clone(), allow_missing, etag: String::new() };
        remote.ask(client.delete_article(request)).with_context(|| id)?;
    }
    Ok(())
}
