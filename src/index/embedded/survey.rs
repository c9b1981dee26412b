//! Surveys the journals of an archive before anything in them is relied on.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::acknowledged::{FILE, Mark, read};
use super::findings::Findings;
use super::journal::{self, AcknowledgedBytes, HEADER_BYTES, Loss, Scan, acknowledged_before};
use super::journals::NextJournal;

/// A journal that exists, or should.
#[derive(Debug)]
pub(super) struct SurveyedJournal {
    pub(super) number: u64,
    /// Its damage.
    pub(super) losses: Vec<Loss>,
    /// How much of it counts, in bytes.
    pub(super) end: u64,
    /// Whether its file exists and can be read.
    pub(super) is_readable: bool,
}

/// The journals of an archive.
#[derive(Debug)]
pub(super) struct Survey {
    /// All of them, ascending.
    pub(super) journals: Vec<SurveyedJournal>,
    /// The journal that the next writes go to.
    pub(super) next: NextJournal,
    pub(super) findings: Findings,
}

/// Surveys the journals from `first` on.
pub(super) fn survey(directory: &Path, first: u64) -> io::Result<Survey> {
    let numbers: Vec<u64> =
        journal::list(directory)?.into_iter().filter(|number| *number >= first).collect();
    let mut survey = Survey {
        journals: Vec::new(),
        next: NextJournal { number: first, acknowledged_before: 0 },
        findings: Findings::default(),
    };
    let mark = read(directory)?;
    if mark.is_none() {
        survey.findings.remarks.push(format!(
            "the file {FILE} is missing or damaged: an interrupted write counts as damage"
        ));
    }
    let last = numbers.last().copied().max(mark.map(|mark| mark.journal)).unwrap_or(first);
    for number in first..=last {
        if numbers.binary_search(&number).is_err() {
            survey.add_missing(number, format!("journal {number} is missing"));
        } else {
            let acknowledged = acknowledged_bytes(directory, number, last, mark);
            survey.add(directory, number, acknowledged);
        }
    }
    Ok(survey)
}

/// How much of a journal was acknowledged. `last` is the number of the last journal.
fn acknowledged_bytes(
    directory: &Path,
    number: u64,
    last: u64,
    mark: Option<Mark>,
) -> AcknowledgedBytes {
    let marked = mark.filter(|mark| mark.journal == number).map(|mark| mark.bytes);
    if number < last {
        // The next journal may have been created but not used, while this one went on.
        let by_next = acknowledged_by_next(directory, number);
        by_next.map_or(AcknowledgedBytes::Unknown, |bytes| {
            AcknowledgedBytes::Exactly(marked.map_or(bytes, |marked| marked.max(bytes)))
        })
    } else if mark.is_some() {
        // Without a mark, the journal was created after the mark was written.
        AcknowledgedBytes::AtLeast(marked.unwrap_or(HEADER_BYTES))
    } else {
        AcknowledgedBytes::Unknown
    }
}

/// How much of a journal was acknowledged, by the header of the next one; None if that cannot be
/// read.
pub(super) fn acknowledged_by_next(directory: &Path, number: u64) -> Option<u64> {
    let mut header = Vec::new();
    let file = File::open(journal::path(directory, number + 1)).ok()?;
    file.take(HEADER_BYTES).read_to_end(&mut header).ok()?;
    acknowledged_before(&header, number + 1)
}

impl Survey {
    /// Adds a journal all of which is lost.
    fn add_missing(&mut self, number: u64, damage: String) {
        self.findings.damage.push(damage);
        let losses = Vec::new();
        self.journals.push(SurveyedJournal { number, losses, end: 0, is_readable: false });
        self.next = NextJournal { number: number + 1, acknowledged_before: 0 };
    }

    /// Adds a journal that exists.
    fn add(&mut self, directory: &Path, number: u64, acknowledged: AcknowledgedBytes) {
        let bytes = match fs::read(journal::path(directory, number)) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.add_missing(number, format!("journal {number} cannot be read: {error}"));
                return;
            }
        };
        let scan = journal::scan(&bytes, number, acknowledged);
        self.report(number, &scan);
        let before =
            self.journals.last().map_or(scan.acknowledged_before, |previous| Some(previous.end));
        self.next = match before {
            // A journal without writes is created again.
            Some(acknowledged_before) if scan.end <= HEADER_BYTES => {
                NextJournal { number, acknowledged_before }
            }
            _ => NextJournal { number: number + 1, acknowledged_before: scan.end },
        };
        let Scan { losses, end, .. } = scan;
        self.journals.push(SurveyedJournal { number, losses, end, is_readable: true });
    }

    /// Adds what a scan found to the findings.
    fn report(&mut self, number: u64, scan: &Scan) {
        let Findings { damage, remarks } = &mut self.findings;
        if scan.acknowledged_before.is_none() {
            damage.push(format!("journal {number}: its header is damaged"));
        }
        for loss in &scan.losses {
            let (start, size) = (loss.range.start, loss.range.end - loss.range.start);
            let what = if loss.is_missing { "are missing" } else { "cannot be read" };
            let id = loss.id.as_ref().map_or_else(String::new, |id| format!(": article {id}"));
            damage.push(format!("journal {number}: {size} bytes at {start} {what}{id}"));
        }
        if scan.torn_bytes > 0 {
            // The write was never acknowledged, and is ignored.
            let size = scan.torn_bytes;
            remarks.push(format!("journal {number}: {size} bytes belong to an interrupted write"));
        }
    }
}
