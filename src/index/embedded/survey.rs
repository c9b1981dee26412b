//! Looks over the journals of an archive before anything of it is believed: whether all are there,
//! and what they lost.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::acknowledged::{FILE, read};
use super::journal::{self, Assured, HEADER_BYTES, Loss, acknowledged_before};
use super::journals::Next;

/// A journal that is there, or should be.
#[derive(Debug)]
pub(super) struct Surveyed {
    pub(super) number: u64,
    /// What it lost.
    pub(super) losses: Vec<Loss>,
    /// How far it counts, in bytes.
    pub(super) end: u64,
    /// Whether it is there, and its file can be read.
    pub(super) is_there: bool,
}

/// The journals of an archive, as they were found.
#[derive(Debug)]
pub(super) struct Survey {
    /// All of them, ascending.
    pub(super) journals: Vec<Surveyed>,
    /// Where the next one goes.
    pub(super) next: Next,
    /// What was acknowledged and cannot be read.
    pub(super) damage: Vec<String>,
    /// What else there is to say.
    pub(super) remarks: Vec<String>,
}

/// The journals from `first` on.
pub(super) fn survey(directory: &Path, first: u64) -> io::Result<Survey> {
    let numbers: Vec<u64> =
        journal::list(directory)?.into_iter().filter(|number| *number >= first).collect();
    let mut survey = Survey {
        journals: Vec::new(),
        next: Next { number: first, acknowledged_before: 0 },
        damage: Vec::new(),
        remarks: Vec::new(),
    };
    let mark = read(directory)?;
    if mark.is_none() {
        survey.remarks.push(format!(
            "the file {FILE} is missing or damaged: a write that was cut off counts as damage"
        ));
    }
    let last = numbers.last().copied().max(mark.map(|mark| mark.journal)).unwrap_or(first);
    for number in first..=last {
        if numbers.binary_search(&number).is_err() {
            survey.miss(number, format!("journal {number} is missing"));
            continue;
        }
        let noted = mark.filter(|mark| mark.journal == number).map(|mark| mark.bytes);
        let assured = if number < last {
            // The next journal may have been begun and not used, while this one went on.
            let counted = acknowledged(directory, number);
            counted.map_or(Assured::Unknown, |counted| {
                Assured::Exactly(noted.map_or(counted, |noted| noted.max(counted)))
            })
        } else if mark.is_some() {
            // One of which nothing is noted was begun after that.
            Assured::AtLeast(noted.unwrap_or(HEADER_BYTES))
        } else {
            Assured::Unknown
        };
        survey.look_at(directory, number, assured);
    }
    Ok(survey)
}

/// How much of a journal was acknowledged, by the header of the next one; None where that cannot be
/// read.
pub(super) fn acknowledged(directory: &Path, number: u64) -> Option<u64> {
    let mut header = Vec::new();
    let file = File::open(journal::path(directory, number + 1)).ok()?;
    file.take(HEADER_BYTES).read_to_end(&mut header).ok()?;
    acknowledged_before(&header, number + 1)
}

impl Survey {
    /// Notes that all of a journal is lost.
    fn miss(&mut self, number: u64, damage: String) {
        self.damage.push(damage);
        self.journals.push(Surveyed { number, losses: Vec::new(), end: 0, is_there: false });
        self.next = Next { number: number + 1, acknowledged_before: 0 };
    }

    fn look_at(&mut self, directory: &Path, number: u64, assured: Assured) {
        let bytes = match fs::read(journal::path(directory, number)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.miss(number, format!("journal {number} cannot be read: {error}"));
                return;
            }
        };
        let scan = journal::scan(&bytes, number, assured);
        if scan.acknowledged_before.is_none() {
            self.damage.push(format!("journal {number}: its header is damaged"));
        }
        for loss in &scan.losses {
            let size = loss.range.end - loss.range.start;
            let what = if loss.is_missing { "are missing" } else { "cannot be read" };
            let id = loss.id.as_ref().map_or_else(String::new, |id| format!(": the article {id}"));
            self.damage
                .push(format!("journal {number}: {size} bytes at {} {what}{id}", loss.range.start));
        }
        if scan.torn_bytes > 0 {
            // A write that nobody was told is stored: whatever it was, it is not there.
            self.remarks.push(format!(
                "journal {number}: {} bytes are of a write that was cut off",
                scan.torn_bytes
            ));
        }
        let before =
            self.journals.last().map_or(scan.acknowledged_before, |before| Some(before.end));
        self.next = match before {
            // A journal that nothing was written to is written anew.
            Some(acknowledged_before) if scan.end <= HEADER_BYTES => {
                Next { number, acknowledged_before }
            }
            _ => Next { number: number + 1, acknowledged_before: scan.end },
        };
        self.journals.push(Surveyed { number, losses: scan.losses, end: scan.end, is_there: true });
    }
}
