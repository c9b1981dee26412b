//! The manifest of an archive. It is stored twice, so that damage to one of the files does no harm.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::files;

/// The format that this version writes, and the only one it reads.
pub(super) const FORMAT: u32 = 5;
/// The manifest, and its copy.
pub(super) const FILE: &str = "archive.json";
const COPY: &str = "archive.json.copy";

/// The manifest of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The first journal that holds anything live; earlier ones are removed.
    pub(super) first_journal: u64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    format: u32,
    first_journal: u64,
    checksum: u64,
}

/// The manifest as found in a directory.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FoundManifest {
    /// It is sound; one of the two files may have a problem.
    Sound(Manifest, Option<String>),
    /// It has another format.
    OtherFormat(u32),
    /// Neither file exists.
    Absent,
    /// Neither file is sound, for this reason.
    Damaged(String),
}

/// The first 8 bytes of SHA-256 over the other fields.
fn checksum(format: u32, first_journal: u64) -> u64 {
    let digest = Sha256::digest(format!("slugline archive {format} {first_journal}"));
    digest.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

impl Manifest {
    /// Writes both files durably.
    pub(super) fn write(self, directory: &Path) -> io::Result<()> {
        let Self { first_journal } = self;
        let stored =
            Stored { format: FORMAT, first_journal, checksum: checksum(FORMAT, first_journal) };
        let content = serde_json::to_vec(&stored)?;
        for name in [FILE, COPY] {
            files::replace(directory, name, &content)?;
        }
        Ok(())
    }

    /// Finds the manifest of a directory.
    pub(super) fn find(directory: &Path) -> io::Result<FoundManifest> {
        let (mut found, mut problems, mut are_absent) = (Vec::new(), Vec::new(), 0);
        for name in [FILE, COPY] {
            match fs::read(directory.join(name)) {
                Ok(content) => match parse(&content) {
                    Ok(manifest) => found.push(manifest),
                    Err(Some(format)) => return Ok(FoundManifest::OtherFormat(format)),
                    Err(None) => problems.push(format!("{name} is damaged")),
                },
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    are_absent += 1;
                    problems.push(format!("{name} is missing"));
                }
                Err(error) => return Err(error),
            }
        }
        if let [first, second] = found[..]
            && first != second
        {
            problems.push(format!("{FILE} and {COPY} differ: a crash interrupted their update"));
        }
        // After a crash between the two writes, the larger number is the newer one.
        let newest = found.into_iter().max_by_key(|manifest| manifest.first_journal);
        let problems = (!problems.is_empty()).then(|| problems.join(", "));
        Ok(match (newest, problems) {
            (Some(manifest), problems) => FoundManifest::Sound(manifest, problems),
            (None, _) if are_absent == 2 => FoundManifest::Absent,
            (None, problems) => FoundManifest::Damaged(problems.unwrap_or_default()),
        })
    }

    /// Whether this is the name of one of the two files.
    pub(super) fn is_file(name: &str) -> bool {
        [FILE, COPY].contains(&name)
    }
}

/// Parses one of the files; the error is its format, if that can be read and is another one.
fn parse(content: &[u8]) -> Result<Manifest, Option<u32>> {
    #[derive(Deserialize)]
    struct Earlier {
        format: u32,
    }
    match serde_json::from_slice::<Stored>(content) {
        Ok(Stored { format, first_journal, checksum: found })
            if found == checksum(format, first_journal) =>
        {
            if format == FORMAT {
                Ok(Manifest { first_journal })
            } else {
                Err(Some(format))
            }
        }
        Ok(_) => Err(None),
        Err(_) => {
            let earlier: Option<Earlier> = serde_json::from_slice(content).ok();
            Err(earlier.map(|earlier| earlier.format).filter(|format| *format != FORMAT))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sound_file_suffices_and_two_damaged_ones_are_detected() {
        let directory = tempfile::tempdir().expect("a directory");
        let find = || Manifest::find(directory.path()).expect("readable");
        assert_eq!(find(), FoundManifest::Absent);
        let manifest = Manifest { first_journal: 12 };
        manifest.write(directory.path()).expect("room");
        assert_eq!(find(), FoundManifest::Sound(manifest, None));
        let whole = fs::read(directory.path().join(FILE)).expect("a file");
        for bit in 0..8 * whole.len() {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(directory.path().join(FILE), &damaged).expect("room");
            assert_eq!(
                find(),
                FoundManifest::Sound(manifest, Some("archive.json is damaged".to_owned())),
                "bit {bit}"
            );
        }
        fs::write(directory.path().join(COPY), "{").expect("room");
        assert!(matches!(find(), FoundManifest::Damaged(_)));
        fs::remove_file(directory.path().join(FILE)).expect("it is there");
        assert!(matches!(find(), FoundManifest::Damaged(reason) if reason.contains("is missing")));
        fs::write(directory.path().join(FILE), r#"{"format": 3}"#).expect("room");
        assert_eq!(find(), FoundManifest::OtherFormat(3));
    }
}
