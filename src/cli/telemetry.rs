//! The log: to standard error, as text for people or as JSON for machines. No article text is ever
//! in it.

use std::io;

use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LogFormat {
    /// A line of text.
    Text,
    /// A JSON object a line.
    Json,
}

/// Starts the log of this process.
///
/// # Errors
/// If the filter is not one, or there is a log already; in words.
pub(super) fn start(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter = EnvFilter::builder().parse(filter).map_err(|error| error.to_string())?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().try_init(),
    }
    .map_err(|error| error.to_string())
}
