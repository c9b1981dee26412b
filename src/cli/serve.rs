//! `slugline serve`: the server.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use clap::Args;
use tokio::signal;

use super::listen::ListenAddress;
use super::number::whole_number;
use super::telemetry::{self, LogFormat};
use super::usage::Usage;
use crate::article::Limits;
use crate::grpc::server::{BoundServer, ServerConfig};
use crate::service::{ArchiveLocation, ModelSource, Sources};

/// The default directory of models.
const DEFAULT_MODELS: &str = "models";

/// Async workers per core. Some work of a call cannot leave its worker, such as encoding an answer
/// of 4 MiB. With one worker per core, a few such calls would hold up all others; with two, the
/// system shares the cores out.
const WORKERS_PER_CORE: usize = 2;
/// Threads for blocking work: enough to keep a disk busy, and one per concurrent search, during
/// which another thread stands in for the async worker.
const BLOCKING_THREADS: usize = 32 + 64;

/// File descriptors reserved for the archive: segments, journals and their folding.
const RESERVED_FILES: usize = 512;

const EXAMPLES: &str = "\
Examples:
  slugline serve
  slugline serve --listen 127.0.0.1:6000 --models /var/lib/slugline/models --default-model mine
  grpcurl -plaintext -d '{\"article\": {\"title\": \"Rates rise again\"}}' 127.0.0.1:50051 \
slugline.v1.ClassificationService/Classify

The model \"news\" is part of the binary; a model of that name in the models directory takes its \
place. Once the models and the archive are open, standard output says \"listening on ADDRESS\"; \
earlier calls are asked to retry. The log goes to standard error. There is neither encryption nor \
a password yet: listen on addresses of this machine, or put a proxy in front.";

/// Serve models over gRPC
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// The address to listen on, HOST:PORT; port 0 picks a free port. If a name has several
    /// addresses, the first IPv4 one is used, or else the first
    #[arg(
        long,
        env = "SLUGLINE_LISTEN",
        default_value = "127.0.0.1:50051",
        value_name = "ADDRESS"
    )]
    listen: ListenAddress,
    /// The directory of models, laid out as NAME/VERSION [default: models, if it exists]
    #[arg(long, env = "SLUGLINE_MODELS", value_name = "DIR")]
    models: Option<PathBuf>,
    /// The directory of the archive of articles. It is created at the start, with a lock file in
    /// it, and removed at the end if no article was stored
    #[arg(long, env = "SLUGLINE_ARCHIVE", default_value = "archive", value_name = "DIR")]
    archive: PathBuf,
    /// The model for requests that name none: NAME for its newest version, or NAME/VERSION
    #[arg(long, env = "SLUGLINE_DEFAULT_MODEL", default_value = "news", value_name = "MODEL")]
    default_model: String,
    /// Seconds that calls in flight may take to end after SIGTERM or Ctrl-C, at most 86400; a
    /// second signal ends them at once
    #[arg(long, env = "SLUGLINE_DRAIN_SECONDS", default_value_t = 10, value_name = "SECONDS",
        value_parser = whole_number(0..=86_400_u64))]
    drain_seconds: u64,
    /// What to log: error, warn, info, debug, trace, or a filter such as
    /// "slugline=debug,tonic=info"
    #[arg(long, env = "SLUGLINE_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
    /// The format of the log
    #[arg(long, env = "SLUGLINE_LOG_FORMAT", value_enum, default_value = "text")]
    log_format: LogFormat,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<()> {
    let started = Instant::now();
    telemetry::start(&arguments.log, arguments.log_format)
        .map_err(|reason| Usage(format!("--log: {reason}")))?;
    let directory = match arguments.models {
        Some(directory) => Some(directory),
        None => Some(PathBuf::from(DEFAULT_MODELS)).filter(|directory| directory.is_dir()),
    };
    let config = ServerConfig {
        listen: arguments.listen.resolve()?,
        limits: limits(),
        drain: Duration::from_secs(arguments.drain_seconds),
    };
    let sources = Sources {
        models: ModelSource { directory, default_model: arguments.default_model },
        archive: ArchiveLocation::Directory(arguments.archive),
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(WORKERS_PER_CORE * cores)
        .max_blocking_threads(BLOCKING_THREADS)
        .build()
        .context("cannot start the threads of the server")?;
    let outcome = runtime.block_on(serve(config, sources, started));
    // Abandoned work on other threads must not hold up the exit.
    runtime.shutdown_background();
    outcome
}

/// The limits, with no more connections than the process has descriptors for, less those that the
/// archive needs.
fn limits() -> Limits {
    let mut limits = Limits::default();
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        // The most that this process may give itself; if that fails, the current limit stands.
        let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
        let files = if raised { maximum } else { current };
        let files = files.and_then(|files| usize::try_from(files).ok()).unwrap_or(usize::MAX);
        limits.connections = limits.connections.min(files - RESERVED_FILES.min(files / 2));
        tracing::debug!(files, connections = limits.connections, "descriptors");
    }
    limits
}

async fn serve(config: ServerConfig, sources: Sources, started: Instant) -> anyhow::Result<()> {
    if !config.listen.ip().is_loopback() {
        tracing::warn!(
            listen = %config.listen,
            "reachable from other machines, without encryption or a password"
        );
    }
    #[cfg(unix)]
    ignore_hangups().context("cannot listen for signals")?;
    let shutdown = shutdown_signal().context("cannot listen for signals")?;
    let server = BoundServer::bind(config).await?;
    let address = server.address();
    tracing::info!(%address, "taking connections; the models and the archive are being opened");
    let say_so = move || {
        // Whoever started the server may wait for this line; it is fine if nobody reads it.
        let _ =
            writeln!(io::stdout(), "listening on {address}").and_then(|()| io::stdout().flush());
        tracing::info!(%address, after = ?started.elapsed(), "serving");
    };
    server.run(move || sources.open(), shutdown, say_so).await?;
    tracing::info!("stopped");
    Ok(())
}

/// Logs that a SIGHUP changes nothing: nothing is reloaded yet, and without a handler the signal
/// would end the process with its calls in flight.
#[cfg(unix)]
fn ignore_hangups() -> io::Result<()> {
    let mut hangup = signal::unix::signal(signal::unix::SignalKind::hangup())?;
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            tracing::info!("SIGHUP is ignored: nothing is read again while the server runs");
        }
    });
    Ok(())
}

/// Completes at SIGTERM or Ctrl-C. The next one ends the process at once.
fn shutdown_signal() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    #[cfg(unix)]
    let mut terminate = signal::unix::signal(signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = signal::unix::signal(signal::unix::SignalKind::interrupt())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        #[cfg(not(unix))]
        let _ = signal::ctrl_c().await;
        tracing::info!("shutting down");
        tokio::spawn(async move {
            #[cfg(unix)]
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            #[cfg(not(unix))]
            let _ = signal::ctrl_c().await;
            tracing::warn!("second signal: exiting without waiting for calls in flight");
            std::process::exit(1);
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_leave_threads_for_other_calls() {
        assert!(Limits::default().concurrent_searches + 16 <= BLOCKING_THREADS);
    }
}
