//! The options of commands that read documents: files, formats and the names of fields.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::output::printable;
use super::usage::Usage;
use crate::corpus::{FieldNames, Format, Input, OnError, Options};

/// The help on names of fields.
pub(super) const NAMES_HELP: &str = "\
Fields and columns are recognised by name, in any case and in every format: title or headline; \
body, text, content, article or description; topics, topic, label, labels, category or class index \
(a string, a list, or objects with a \"name\"; in CSV separated by semicolons; \"labels\" that are \
KEY=VALUE or an object are not topics). A warning names unused fields that look like text or \
topics. Two fields for the same thing are refused: choose one with --title-field, --body-field or \
--topics-field.";

/// Which documents a command reads.
#[derive(Args)]
pub(super) struct InputArguments {
    /// Documents: JSON Lines {"title", "body", "topics": [...]}, a JSON list, CSV or TSV with a
    /// header, or fastText's format; plain, .gz or .zst; "-" is standard input
    #[arg(long, short, required = true, num_args = 1.., value_name = "FILE")]
    input: Vec<PathBuf>,
    #[command(flatten)]
    reading: ReadingArguments,
    /// What to do about a line that is not a document
    #[arg(long, value_enum, default_value = "fail")]
    pub(super) on_error: OnErrorArgument,
}

/// Which labelled documents a command reads.
#[derive(Args)]
pub(super) struct CorpusArguments {
    #[command(flatten)]
    documents: InputArguments,
    /// The field or column that holds the topics, if it has an unusual name
    #[arg(long, value_name = "NAME", value_parser = field_name)]
    topics_field: Option<String>,
}

/// The format, and the names of fields.
#[derive(Args)]
pub(super) struct ReadingArguments {
    /// The format of the input [default: by the file's name, or else its first bytes]
    #[arg(long, value_enum)]
    format: Option<FormatArgument>,
    /// The field or column that holds the title, if it has an unusual name
    #[arg(long, value_name = "NAME", value_parser = field_name)]
    title_field: Option<String>,
    /// The field or column that holds the body, if it has an unusual name
    #[arg(long, value_name = "NAME", value_parser = field_name)]
    body_field: Option<String>,
    /// The delimiter of CSV: a character, or "tab" [default: by the file's name or the header]
    #[arg(long, value_name = "CHARACTER", value_parser = delimiter)]
    delimiter: Option<u8>,
}

#[derive(Clone, Copy, ValueEnum)]
enum FormatArgument {
    /// One JSON object per line
    Jsonl,
    /// A list of JSON objects, or consecutive objects
    Json,
    /// A table with a header and any delimiter
    Csv,
    /// A table with a header and tabs
    Tsv,
    /// fastText's training format
    Fasttext,
    /// One article
    Text,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum OnErrorArgument {
    Fail,
    Skip,
}

/// Parses the name of a field or column.
pub(super) fn field_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        Err("it must be the name of a field".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte]
            if byte.is_ascii()
                && !byte.is_ascii_alphanumeric()
                && !matches!(byte, b'"' | b'\n' | b'\r') =>
        {
            Ok(*byte)
        }
        _ => Err("it must be \"tab\" or one ASCII character such as \";\", \
                  but not a letter, digit or quotation mark"
            .to_owned()),
    }
}

/// Prints a warning about an input.
fn warn(warning: &str) {
    eprintln!("warning: {}", printable(warning));
}

impl ReadingArguments {
    /// How to read articles, whose topics do not matter, on one thread.
    pub(super) fn options(&self) -> Result<Options, Usage> {
        if let (Some(title), Some(body)) = (&self.title_field, &self.body_field)
            && title == body
        {
            return Err(Usage(format!(
                "--title-field and --body-field name the same field, {title:?}"
            )));
        }
        let format = self.format.map(|format| match format {
            FormatArgument::Jsonl => Format::JsonLines,
            FormatArgument::Json => Format::Json,
            FormatArgument::Csv | FormatArgument::Tsv => Format::Csv,
            FormatArgument::Fasttext => Format::FastText,
            FormatArgument::Text => Format::Text,
        });
        let tab = matches!(self.format, Some(FormatArgument::Tsv)).then_some(b'\t');
        let (title, body) = (self.title_field.clone(), self.body_field.clone());
        Ok(Options {
            format,
            delimiter: self.delimiter.or(tab),
            names: FieldNames { title, body, topics: None, without_topics: true },
            warn: Some(warn),
            threads: 1,
            ..Options::default()
        })
    }
}

impl InputArguments {
    pub(super) fn inputs(&self) -> Vec<Input> {
        self.input.iter().cloned().map(Input::from_argument).collect()
    }

    /// How to read articles, whose topics do not matter, on one thread.
    pub(super) fn options(&self) -> Result<Options, Usage> {
        let on_error = match self.on_error {
            OnErrorArgument::Fail => OnError::Fail,
            OnErrorArgument::Skip => OnError::Skip,
        };
        Ok(Options { on_error, ..self.reading.options()? })
    }
}

impl CorpusArguments {
    pub(super) fn inputs(&self) -> Vec<Input> {
        self.documents.inputs()
    }

    /// How to read labelled documents.
    pub(super) fn options(&self, threads: usize) -> Result<Options, Usage> {
        let options = self.documents.options()?;
        let topics = self.topics_field.clone();
        if topics.is_some() && [&options.names.title, &options.names.body].contains(&&topics) {
            return Err(Usage(
                "--topics-field names the same field as --title-field or --body-field".to_owned(),
            ));
        }
        let names = FieldNames { topics, without_topics: false, ..options.names };
        Ok(Options { names, threads, ..options })
    }
}
