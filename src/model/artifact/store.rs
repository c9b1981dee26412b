//! Stores an artefact's files: whole or not at all.

use std::fs::{self, File};
use std::io::{self, Seek as _, Write as _};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::thread;

use super::{ArtifactError, DOCUMENTS_FILE, OLD_COUNTS_FILE, WEIGHTS_FILE};
use crate::model::Manifest;

/// Checks that an artefact may be written to a directory: it is not there, or there is nothing in
/// it but an artefact.
///
/// # Errors
/// [`ArtifactError::Foreign`] for anything else; [`ArtifactError::Read`] if it cannot be looked
/// into.
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

/// Writes the files of an artefact into a directory of their own, in one step: what was there
/// before stays, whole, until the new files are on disk, and then gives way to them, whole.
///
/// # Errors
/// [`ArtifactError::Write`], or those of [`check_replaceable`]; the directory is then as it was.
pub fn write(directory: &Path, files: &[(&str, &[u8])]) -> Result<(), ArtifactError> {
    write_with(directory, files, None, || Ok(()))
}

/// As [`write()`], with one more file, which has no name so far: it gets one where it is in the
/// same file system, and is copied elsewhere. And they take their place only if `check` has nothing
/// against it, which is called while they are brought to the disk.
///
/// # Errors
/// As [`write()`], and that of `check`.
pub fn write_with(
    directory: &Path,
    files: &[(&str, &[u8])],
    unnamed: Option<(&str, File)>,
    check: impl FnOnce() -> Result<(), ArtifactError>,
) -> Result<(), ArtifactError> {
    check_replaceable(directory)?;
    let parent = parent(directory);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ArtifactError::Write { path, source }
    };
    fs::create_dir_all(parent).map_err(failed(parent))?;
    // Removed with all that is in it when this function returns early, and holds the old artefact
    // when it does not.
    let beside =
        tempfile::Builder::new().prefix(".slugline-").tempdir_in(parent).map_err(failed(parent))?;
    let fresh = beside.path().join("new");
    fs::create_dir(&fresh).map_err(failed(&fresh))?;
    thread::scope(|scope| {
        let stored = scope.spawn(|| {
            for (name, content) in files {
                let path = fresh.join(name);
                File::create(&path)
                    .and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()))
                    .map_err(failed(&path))?;
            }
            if let Some((name, file)) = unnamed {
                let path = fresh.join(name);
                give_name(file, &path).map_err(failed(&path))?;
            }
            sync_directory(&fresh).map_err(failed(&fresh))
        });
        // Here, where memory has been used before: a new thread asks for all of its own.
        let checked = check();
        stored.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        checked
    })?;
    replace(&fresh, directory, &beside.path().join("old")).map_err(failed(directory))?;
    sync_directory(parent).map_err(failed(parent))
}

/// The nearest directory above that is there already, for what is to be in the same file system.
pub fn nearest_directory(directory: &Path) -> PathBuf {
    directory.ancestors().skip(1).find(|above| above.is_dir()).unwrap_or(Path::new(".")).to_owned()
}

/// The directory that this one is in, or will be.
fn parent(directory: &Path) -> &Path {
    directory.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Gives a file without a name one, or a copy of it where that cannot be. It is on disk then, but
/// for its name.
fn give_name(mut file: File, path: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{AtFlags, CWD, linkat};
        let open = format!("/proc/self/fd/{}", file.as_raw_fd());
        if linkat(CWD, open, CWD, path, AtFlags::SYMLINK_FOLLOW).is_ok() {
            return file.sync_all();
        }
    }
    let mut copy = File::create(path)?;
    file.rewind()?;
    io::copy(&mut file, &mut copy)?;
    copy.sync_all()
}

/// Puts `fresh` where `place` is, which need not be there.
#[cfg(target_os = "linux")]
fn replace(fresh: &Path, place: &Path, _old: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, fresh, CWD, place, RenameFlags::EXCHANGE) {
        Err(rustix::io::Errno::NOENT) => fs::rename(fresh, place),
        outcome => outcome.map_err(io::Error::from),
    }
}

/// Puts `fresh` where `place` is. Between its two steps there is nothing at `place`: a crash there
/// leaves the old artefact whole, under the name of `old`.
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
    fn a_file_without_a_name_gets_one_or_is_copied() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let unnamed = tempfile::tempfile_in(&directory).expect("a file");
        // One that had a name and lost it cannot have another one.
        let lost = directory.path().join("lost");
        let without =
            File::options().read(true).write(true).create_new(true).open(&lost).expect("a file");
        fs::remove_file(&lost).expect("it is there");
        let expected = File::create(directory.path().join("other"))
            .and_then(|file| file.metadata())
            .expect("a file")
            .permissions();
        for (mut file, version) in [(unnamed, "1"), (without, "2")] {
            file.write_all(b"some documents").expect("room");
            let model = directory.path().join("mine").join(version);
            write_with(&model, &[(Manifest::FILE, b"{}")], Some((DOCUMENTS_FILE, file)), || Ok(()))
                .expect("a model on disk");
            let documents = model.join(DOCUMENTS_FILE);
            assert_eq!(fs::read(&documents).expect("a file"), b"some documents");
            assert_eq!(documents.metadata().expect("a file").permissions(), expected);
            assert_eq!(fs::read(model.join(Manifest::FILE)).expect("a file"), b"{}");
        }
    }

    #[test]
    fn files_that_do_not_pass_their_check_do_not_take_the_place_of_others() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let model = directory.path().join("mine/1");
        write(&model, &[(Manifest::FILE, b"{}")]).expect("a model on disk");
        let outcome = write_with(&model, &[(Manifest::FILE, b"other")], None, || {
            Err(ArtifactError::WeightsChecksum)
        });
        assert!(matches!(outcome, Err(ArtifactError::WeightsChecksum)));
        assert_eq!(fs::read(model.join(Manifest::FILE)).expect("a file"), b"{}");
        // Nor does anything else stay.
        assert_eq!(fs::read_dir(directory.path().join("mine")).expect("a directory").count(), 1);
    }

    #[test]
    fn the_nearest_directory_is_there() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path();
        fs::create_dir(path.join("models")).expect("a directory");
        assert_eq!(nearest_directory(&path.join("models/mine/1")), path.join("models"));
        assert_eq!(nearest_directory(&path.join("models/1")), path.join("models"));
        assert_eq!(nearest_directory(Path::new("no-such-name/1")), Path::new("."));
        assert_eq!(nearest_directory(Path::new("1")), Path::new("."));
    }
}
