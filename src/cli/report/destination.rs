//! The file of a report: checked before the work begins, and written in one step after it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tempfile::NamedTempFile;

use crate::corpus::Input;

/// A file that can be written, as far as can be told without writing it.
#[derive(Debug)]
pub(in crate::cli) struct Destination {
    /// As its user named it.
    named: PathBuf,
    /// Where it lies, behind links.
    place: PathBuf,
}

impl Destination {
    /// Looks whether a report can be written there.
    ///
    /// # Errors
    /// If it cannot, or would overwrite an input.
    pub(in crate::cli) fn check(named: &Path, inputs: &[Input]) -> anyhow::Result<Self> {
        let place = match fs::canonicalize(named) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => named.to_owned(),
            place => place.with_context(|| failed(named))?,
        };
        if place.exists() && !place.is_file() {
            anyhow::bail!("{}: it exists, and is not a file", failed(named));
        }
        let is_place = |input: &Input| match input {
            Input::File(path) => fs::canonicalize(path).is_ok_and(|path| path == place),
            Input::Stdin => false,
        };
        if inputs.iter().any(is_place) {
            anyhow::bail!("{}: it is an input", failed(named));
        }
        let destination = Self { named: named.to_owned(), place };
        // Removed at once: a command that is interrupted leaves nothing behind.
        drop(destination.temporary_file().with_context(|| failed(named))?);
        Ok(destination)
    }

    /// Puts the report there, whole.
    ///
    /// # Errors
    /// If it cannot be written; what was there before is then as it was.
    pub(in crate::cli) fn write(&self, page: &str) -> anyhow::Result<()> {
        let written = self.temporary_file().and_then(|mut file| {
            // The file itself, because errors of the wrapper name the temporary file.
            file.as_file_mut().write_all(page.as_bytes())?;
            file.as_file().sync_all()?;
            file.persist(&self.place)?;
            Ok(())
        });
        written.with_context(|| failed(&self.named))
    }

    /// An empty file next to the report that can be renamed to it, with the permissions of any new
    /// file. Errors do not name it: its user never asked for it.
    fn temporary_file(&self) -> io::Result<NamedTempFile> {
        if self.place.file_name().is_none() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not the name of a file",
            ));
        }
        let parent = self
            .place
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut builder = tempfile::Builder::new();
        builder.prefix(".slugline-").suffix(".html");
        builder.make_in(parent, |path| File::create_new(path))
    }
}

fn failed(path: &Path) -> String {
    format!("cannot write the report {}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn nothing_is_there_until_all_of_it_is() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("report.html");
        let destination = Destination::check(&path, &[]).expect("a free place");
        assert!(names(directory.path()).is_empty());
        destination.write("one").expect("a free place");
        destination.write("two").expect("a file of ours");
        assert_eq!(fs::read_to_string(&path).expect("the report"), "two");
        assert_eq!(names(directory.path()), ["report.html"]);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_refused_at_once() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let input = directory.path().join("corpus.jsonl");
        fs::write(&input, "{}").expect("a file");
        let refusal = |path: &Path| {
            let error = Destination::check(path, &[Input::Stdin, Input::File(input.clone())])
                .expect_err("no place for it");
            format!("{error:#}")
        };
        for (path, reason) in [
            (directory.path().join("missing").join("report.html"), "cannot write the report"),
            (directory.path().to_owned(), "is not a file"),
            (input.join("report.html"), "cannot write the report"),
            (directory.path().join(".").join("corpus.jsonl"), "it is an input"),
            (PathBuf::from(""), "cannot write the report"),
        ] {
            let error = refusal(&path);
            assert!(
                error.contains(reason) && error.contains(&path.display().to_string()),
                "{path:?}: {error}"
            );
        }
        assert_eq!(names(directory.path()), ["corpus.jsonl"]);
    }

    #[test]
    fn no_error_names_the_temporary_file() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("reports").join("report.html");
        fs::create_dir(directory.path().join("reports")).expect("a directory");
        let destination = Destination::check(&path, &[]).expect("a free place");
        fs::remove_dir(directory.path().join("reports")).expect("an empty directory");
        let written = format!("{:#}", destination.write("one").expect_err("nowhere to write"));
        let checked = format!("{:#}", Destination::check(&path, &[]).expect_err("no directory"));
        for error in [written, checked] {
            let named = format!("cannot write the report {}: ", path.display());
            assert!(error.starts_with(&named), "{error}");
            assert!(!error.contains(".slugline-"), "{error}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_a_link_to_the_report() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let [link, target] = ["link.html", "target.html"].map(|name| directory.path().join(name));
        fs::write(&target, "old").expect("a file");
        std::os::unix::fs::symlink("target.html", &link).expect("a link");
        Destination::check(&link, &[])
            .and_then(|destination| destination.write("new"))
            .expect("a file behind a link");
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&target).expect("the report"), "new");
    }
}
