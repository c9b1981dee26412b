//! The embedded archive across starts: the contract also holds for articles read back from the
//! disk.

use std::sync::mpsc;

use slugline::index::{
    ArchiveOptions, ArchivedArticle, ArticleId, ArticlePage, Condition, EmbeddedArchive,
    IndexError, IndexStatus, ListQuery, NoRoom, SimilarPage, SimilarQuery, SimilarityIndex, Write,
    WriteDone,
};

use super::BEHAVIOURS;

/// An embedded archive that is folded and reopened after every write.
#[derive(Debug)]
struct Reopened {
    directory: tempfile::TempDir,
    archive: std::sync::RwLock<Option<EmbeddedArchive>>,
}

impl Reopened {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let archive =
            EmbeddedArchive::open(directory.path(), ArchiveOptions::default()).expect("an archive");
        Self { directory, archive: std::sync::RwLock::new(Some(archive)) }
    }

    fn with<T>(&self, ask: impl FnOnce(&EmbeddedArchive) -> T) -> T {
        ask(self.archive.read().expect("no panic before").as_ref().expect("it is open"))
    }
}

impl SimilarityIndex for Reopened {
    fn write(&self, batch: Vec<Write>, done: WriteDone) -> Result<(), NoRoom> {
        let mut archive = self.archive.write().expect("no panic before");
        let (sender, outcomes) = mpsc::channel();
        let open = archive.take().expect("it is open");
        let is_even = batch.len().is_multiple_of(2);
        let stored = Box::new(move |outcome| sender.send(outcome).expect("it is waited for"));
        open.write(batch, stored).expect("nothing else is waiting");
        let outcome = outcomes.recv().expect("an answer");
        // Sometimes from the segments, and sometimes from the journal.
        if is_even {
            open.fold().expect("room on the disk");
        }
        drop(open);
        *archive = Some(
            EmbeddedArchive::open(self.directory.path(), ArchiveOptions::default())
                .expect("an archive"),
        );
        drop(archive);
        done(outcome);
        Ok(())
    }

    fn get(&self, id: &ArticleId) -> Result<Option<ArchivedArticle>, IndexError> {
        self.with(|archive| archive.get(id))
    }

    fn list(&self, query: &ListQuery) -> Result<ArticlePage, IndexError> {
        self.with(|archive| archive.list(query))
    }

    fn find_similar(&self, query: &SimilarQuery) -> Result<SimilarPage, IndexError> {
        self.with(|archive| archive.find_similar(query))
    }

    fn has_topic(&self, topic: &str) -> Result<bool, IndexError> {
        self.with(|archive| archive.has_topic(topic))
    }

    fn condition(&self) -> Condition {
        self.with(|archive| archive.condition())
    }

    fn status(&self) -> IndexStatus {
        self.with(|archive| archive.status())
    }
}

#[test]
fn the_embedded_backend_keeps_the_contract_across_starts() {
    for (name, behaviour) in BEHAVIOURS {
        println!("{name}");
        behaviour(&Reopened::new());
    }
}
