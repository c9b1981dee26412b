//! An artefact is written whole or not at all.

use std::fs;

use slugline::model::Manifest;
use slugline::model::artifact::{
    ArtifactError, DOCUMENTS_FILE, Draft, WEIGHTS_FILE, encode, read, write,
};

use super::{draft, encoded, names, store};

#[test]
fn a_new_artefact_replaces_the_old_one_whole() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    let old = encoded();
    let files: [(&str, &[u8]); 3] = [
        (Manifest::FILE, &old.manifest),
        (WEIGHTS_FILE, &old.weights),
        (DOCUMENTS_FILE, b"of the old one"),
    ];
    write(&directory, &files).expect("the old artefact");
    let new = encode(Draft { bias: vec![1.0, 0.0, -1.0], ..draft() }).expect("the tables fit");
    store(&directory, &new).expect("the new artefact");
    assert_eq!(read(&directory).expect("a whole artefact").model.bias(), [1.0, 0.0, -1.0]);
    assert_eq!(
        names(&directory),
        [Manifest::FILE, WEIGHTS_FILE],
        "what was the old one's alone is gone"
    );
    assert_eq!(names(&root.path().join("mine")), ["3"], "nothing is left beside it");
}

#[test]
fn a_write_that_fails_leaves_the_old_artefact_and_nothing_else() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let directory = root.path().join("mine/3");
    let old = encoded();
    store(&directory, &old).expect("the old artefact");
    // The first file can be written, the second cannot.
    let files: [(&str, &[u8]); 2] = [(Manifest::FILE, b"new"), ("no/such/directory", b"new")];
    let error = write(&directory, &files).expect_err("a file that cannot be written");
    assert!(matches!(error, ArtifactError::Write { .. }), "{error:?}");
    assert_eq!(fs::read(directory.join(Manifest::FILE)).expect("the old manifest"), old.manifest);
    assert!(read(&directory).is_ok());
    assert_eq!(names(&root.path().join("mine")), ["3"]);
}

#[test]
fn what_is_no_artefact_is_not_replaced() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let [notes, file, empty] = ["notes/1", "file/1", "empty/1"].map(|path| root.path().join(path));
    fs::create_dir_all(&notes).expect("a directory");
    fs::write(notes.join("thesis.txt"), "years of work").expect("a file");
    fs::write(notes.join(Manifest::FILE), "a manifest too").expect("a file");
    let error = store(&notes, &encoded()).expect_err("the directory holds something else");
    assert!(
        matches!(&error, ArtifactError::Foreign { found, .. } if found == "thesis.txt"),
        "{error:?}"
    );
    assert_eq!(names(&notes), [Manifest::FILE, "thesis.txt"]);

    fs::create_dir_all(root.path().join("file")).expect("a directory");
    fs::write(&file, "years of work").expect("a file");
    assert!(store(&file, &encoded()).is_err());
    assert_eq!(fs::read(&file).expect("the file"), b"years of work");

    fs::create_dir_all(&empty).expect("a directory");
    store(&empty, &encoded()).expect("there is nothing to lose");
    assert!(read(&empty).is_ok());
}

#[test]
fn a_parent_that_is_a_file_stays_one() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let parent = root.path().join("mine");
    fs::write(&parent, "a file").expect("a file");
    let error = store(&parent.join("3"), &encoded()).expect_err("no directory can be there");
    assert!(error.to_string().contains(&parent.display().to_string()), "{error}");
    assert_eq!(fs::read(&parent).expect("the file"), b"a file");
    assert_eq!(names(root.path()), ["mine"]);
}

#[cfg(unix)]
#[test]
fn a_parent_that_may_not_be_written_keeps_the_old_artefact() {
    use std::os::unix::fs::PermissionsExt as _;

    let root = tempfile::tempdir().expect("a temporary directory");
    let parent = root.path().join("mine");
    let directory = parent.join("3");
    let old = encoded();
    store(&directory, &old).expect("the old artefact");
    let allow = |mode| {
        fs::set_permissions(&parent, fs::Permissions::from_mode(mode)).expect("our own directory")
    };
    allow(0o555);
    let outcome = store(
        &directory,
        &encode(Draft { bias: vec![0.0; 3], ..draft() }).expect("the tables fit"),
    );
    // Root may write all the same.
    let is_written = outcome.is_ok();
    allow(0o755);
    let kept = fs::read(directory.join(WEIGHTS_FILE)).expect("an artefact") == old.weights;
    assert_ne!(is_written, kept);
    assert!(read(&directory).is_ok());
    assert_eq!(names(&parent), ["3"]);
}
