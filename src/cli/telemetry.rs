//! The log, on standard error: text for people, or JSON for machines. It never holds article text.

use std::io;

use tracing_subscriber::EnvFilter;

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// A line of text.
    Text,
    /// One JSON object per line.
    Json,
}

/// Starts the log of this process.
///
/// # Errors
/// If the filter is invalid, or a log exists already; in words.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| error.to_string())
}
