//! Stores an artefact's files, all of them or none.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::ArtifactError;
use super::file_names::{DOCUMENTS_FILE, OLD_COUNTS_FILE, WEIGHTS_FILE};
use crate::model::manifest::Manifest;

/// Checks that an artefact may be written to a directory: it does not exist, or holds nothing but
/// an artefact.
///
/// # Errors
/// [`ArtifactError::Foreign`] for anything else; [`ArtifactError::Read`] if the directory cannot be
/// listed.
pub fn check_replaceable(directory: &Path) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError::Read { path: directory.to_owned(), source };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(failed)?,
    };
    for entry in entries {
        let name = entry.map_err(failed)?.file_name();
        if ![Manifest::FILE, WEIGHTS_FILE, DOCUMENTS_FILE, OLD_COUNTS_FILE]
            .iter()
            .any(|file| name == *file)
        {
            let found = name.to_string_lossy().into_owned();
            return Err(ArtifactError::Foreign { path: directory.to_owned(), found });
        }
    }
    Ok(())
}

/// Writes the content of a file.
pub type WriteContent<'a> = dyn Fn(&mut dyn Write) -> io::Result<()> + 'a;

/// Writes the files of an artefact into a directory in one step: the old files stay until all new
/// ones are on disk, and are then replaced together.
///
/// # Errors
/// [`ArtifactError::Write`], or as [`check_replaceable`]. The directory is then unchanged.
pub fn write(directory: &Path, files: &[(&str, &[u8])]) -> Result<(), ArtifactError> {
    let contents: Vec<_> = files
        .iter()
        .map(|&(name, content)| (name, move |out: &mut dyn Write| out.write_all(content)))
        .collect();
    let files: Vec<(&str, &WriteContent<'_>)> =
        contents.iter().map(|(name, content)| (*name, content as &WriteContent<'_>)).collect();
    write_with(directory, &files, || Ok(()))
}

/// Like [`write()`], with contents that are streamed, and with a last check before the new files
/// replace the old ones.
///
/// # Errors
/// As [`write()`], or the error of `check`.
pub fn write_with(
    directory: &Path,
    files: &[(&str, &WriteContent<'_>)],
    check: impl FnOnce() -> Result<(), ArtifactError>,
) -> Result<(), ArtifactError> {
    check_replaceable(directory)?;
    let parent = parent(directory);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ArtifactError::Write { path, source }
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    // Removed with everything in it at the end of this function; on success it holds the old
    // artefact. Errors name what the caller asked for, never this directory.
    let temporary = tempfile::Builder::new()
        .prefix(".slugline-")
        .tempdir_in(parent)
        .map_err(|error| failed(directory)(error.kind().into()))?;
    let fresh = temporary.path().join("new");
    fs::create_dir(&fresh).map_err(failed(directory))?;
    for (name, content) in files {
        write_file(&fresh.join(name), content).map_err(failed(&directory.join(name)))?;
    }
    sync_directory(&fresh).map_err(failed(directory))?;
    check()?;
    replace(&fresh, directory, &temporary.path().join("old")).map_err(failed(directory))?;
    sync_directory(parent).map_err(failed(parent))
}

fn write_file(path: &Path, content: &WriteContent<'_>) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    content(&mut file)?;
    file.into_inner()?.sync_all()
}

/// Checks that an artefact can be written to a directory: [`check_replaceable`], and its nearest
/// existing ancestor accepts files.
///
/// # Errors
/// [`ArtifactError::Write`] if no file can be created there, or as [`check_replaceable`].
pub fn check_writable(directory: &Path) -> Result<(), ArtifactError> {
    check_replaceable(directory)?;
    let above = nearest_ancestor(directory);
    tempfile::tempfile_in(&above)
        .map(drop)
        .map_err(|source| ArtifactError::Write { path: above, source })
}

/// The nearest ancestor that exists.
fn nearest_ancestor(directory: &Path) -> PathBuf {
    directory.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or(Path::new(".")).to_owned()
}

/// The parent directory, which need not exist.
fn parent(directory: &Path) -> &Path {
    directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Moves `fresh` to `place`, which need not exist, and what was there to `fresh`.
#[cfg(target_os = "linux")]
fn replace(fresh: &Path, place: &Path, _old: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::NOENT) => fs::rename(fresh, place),
        outcome => outcome.map_err(io::Error::from),
    }
}

/// Moves `fresh` to `place`, and what was there to `old`. A crash between the two steps leaves
/// nothing at `place` and the old artefact at `old`.
#[cfg(not(target_os = "linux"))]
fn replace(fresh: &Path, place: &Path, old: &Path) -> io::Result<()> {
    match fs::rename(place, old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::rename(fresh, place)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_fail_the_check_replace_nothing() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = directory.path().join("mine/1");
        write(&model, &[(Manifest::FILE, b"{}")]).expect("a model on disk");
        let outcome =
            write_with(&model, &[(Manifest::FILE, &|out| out.write_all(b"other"))], || {
                Err(ArtifactError::WeightsChecksum)
            });
        assert!(matches!(outcome, Err(ArtifactError::WeightsChecksum)));
        assert_eq!(fs::read(model.join(Manifest::FILE)).expect("a file"), b"{}");
        // No temporary directory is left behind.
        assert_eq!(fs::read_dir(directory.path().join("mine")).expect("a directory").count(), 1);
    }

    #[test]
    fn a_failed_write_names_the_file_that_was_asked_for() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = directory.path().join("mine/1");
        let full = |_: &mut dyn Write| Err(io::ErrorKind::StorageFull.into());
        let error = write_with(&model, &[(WEIGHTS_FILE, &full)], || Ok(()))
            .expect_err("the content cannot be written");
        let expected = format!("cannot write {}", model.join(WEIGHTS_FILE).display());
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_directory_that_accepts_no_files_is_refused_in_advance() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = directory.path().join("mine/1");
        check_writable(&model).expect("a free place");
        assert_eq!(fs::read_dir(directory.path()).expect("a directory").count(), 0);
        fs::create_dir_all(&model).expect("a directory");
        fs::write(model.join("notes"), "mine").expect("a file");
        assert!(matches!(check_writable(&model), Err(ArtifactError::Foreign { .. })));
        let nowhere = Path::new("/proc/self/models/mine/1");
        assert!(matches!(check_writable(nowhere), Err(ArtifactError::Write { .. })));
    }

    #[test]
    fn the_nearest_ancestor_exists() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        fs::create_dir(path.join("models")).expect("a directory");
        assert_eq!(nearest_ancestor(&path.join("models/mine/1")), path.join("models"));
        assert_eq!(nearest_ancestor(&path.join("models/1")), path.join("models"));
        assert_eq!(nearest_ancestor(Path::new("no-such-name/1")), Path::new("."));
        assert_eq!(nearest_ancestor(Path::new("1")), Path::new("."));
    }
}
