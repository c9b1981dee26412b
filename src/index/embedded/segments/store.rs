//! The archive's directory of segments, and what writes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::{META_LOCK, WatchCallback, WatchHandle};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{
    Directory as _, Index, IndexMeta, IndexWriter, SegmentReader, TantivyDocument, TantivyError,
    Term,
};

use super::derived_files::DerivedFiles;
use super::directory::SegmentDirectory;
use super::error::failure;
use super::extents::{Extents, packed};
use super::fields::{Fields, schema, tags};
use super::ids::Ids;
use super::reused_vectors::ReusedVectors;
use super::set::Segments;
use super::vectors::PackedVector;
use super::view::SegmentView;
use crate::index::analyzer::of_text;
use crate::index::embedded::files::Access;
use crate::index::embedded::recent::{Recent, RecentVersion};
use crate::index::embedded::records::Records;
use crate::index::{IndexError, PublishTime};

/// The memory that articles being folded may take before they become a segment, in bytes.
const WRITER_BYTES: usize = 64 << 20;
/// So many segments of about one size are merged into one. With 4 the server took 597 and 623 MiB
/// at its peak in two runs of the benchmark, about its limit, and searches over the wire were no
/// faster.
const MERGED_AT_ONCE: usize = 8;
/// Larger segments are not merged: the ids of one and the entries of its vectors are numbered in 32
/// bits.
const MAX_MERGED_DOCUMENTS: usize = 1_000_000;
/// A segment with more than this share of deleted articles is written anew, to give their space
/// back.
const MAX_DELETED_SHARE: f32 = 0.2;

/// The archive's directory of segments, and what writes them.
pub(in crate::index::embedded) struct Store {
    index: Index,
    fields: Fields,
    derived: DerivedFiles,
    records: Arc<Records>,
    /// None until the first fold, and after one that failed.
    writer: Option<IndexWriter>,
    /// Whether the index may have articles that no [`Segments`] has shown.
    is_ahead: bool,
    _watch: Option<WatchHandle>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Makes an index in an empty directory. `records` are the articles that it is to be of.
    pub(in crate::index::embedded) fn create(
        directory: &Path,
        records: Arc<Records>,
    ) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let opened = SegmentDirectory::open(directory);
        let index =
            opened.and_then(|directory| Index::builder().schema(schema).open_or_create(directory));
        let index = index.map_err(|error| failure("cannot create the index", &error))?;
        Ok(Self::of(index, fields, directory, records))
    }

    /// Opens the directory as it is, without writing to it.
    pub(in crate::index::embedded) fn open(
        directory: &Path,
        records: Arc<Records>,
    ) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let opened = catch_unwind(|| SegmentDirectory::open(directory).and_then(Index::open));
        let index = opened.map_err(|_| damaged("it is not an index".to_owned()))?;
        let index = index.map_err(|error| failure("cannot open the index", &error))?;
        if index.schema() != schema {
            let reason = "its schema is not that of this version".to_owned();
            return Err(IndexError::Storage { action: "cannot open the index", reason });
        }
        Ok(Self::of(index, fields, directory, records))
    }

    fn of(index: Index, fields: Fields, directory: &Path, records: Arc<Records>) -> Self {
        let derived = DerivedFiles::of(directory);
        Self { index, fields, derived, records, writer: None, is_ahead: false, _watch: None }
    }

    /// Calls `on_change` whenever the segments may have changed: after a fold, and after a merge of
    /// segments.
    pub(in crate::index::embedded) fn watch(
        &mut self,
        on_change: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), IndexError> {
        let watch = self.index.directory().watch(WatchCallback::new(on_change));
        self._watch = Some(watch.map_err(|error| failure("cannot watch the index", &error))?);
        Ok(())
    }

    /// Puts articles and deletions into a new segment. `journal` is the number of the first journal
    /// that is not in the segments then; `previous` are the segments as they were shown last.
    ///
    /// On an error the segments are as they were.
    pub(in crate::index::embedded) fn fold(
        &mut self,
        recent: &Recent,
        journal: u64,
        previous: &Segments,
    ) -> Result<(), IndexError> {
        let folded = self.try_fold(recent, journal, previous);
        if folded.is_err()
            && let Some(writer) = self.writer.take()
        {
            // What was half written takes space that may be what is missing. That it cannot be
            // removed now is no further harm.
            let _ = writer.garbage_collect_files().wait();
        }
        folded.map_err(|error| failure("cannot write the index", &error))
    }

    fn try_fold(
        &mut self,
        recent: &Recent,
        journal: u64,
        previous: &Segments,
    ) -> Result<(), TantivyError> {
        let fields = self.fields;
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => {
                let options = IndexWriterOptions::builder()
                    .memory_budget_per_thread(WRITER_BYTES)
                    .num_worker_threads(1)
                    .num_merge_threads(1)
                    .build();
                let writer = self.index.writer_with_options(options)?;
                let mut policy = LogMergePolicy::default();
                policy.set_min_num_segments(MERGED_AT_ONCE);
                policy.set_min_layer_size(64);
                policy.set_max_docs_before_merge(MAX_MERGED_DOCUMENTS);
                policy.set_del_docs_ratio_before_merge(MAX_DELETED_SHARE);
                writer.set_merge_policy(Box::new(policy));
                self.writer.insert(writer)
            }
        };
        for (id, version) in recent.versions() {
            // To look an id up costs less than a deletion that finds nothing.
            if self.is_ahead || previous.find(id).map_or(true, |place| place.is_some()) {
                writer.delete_term(Term::from_field_text(fields.id, id.as_str()));
            }
            if let RecentVersion::Article(article) = version {
                let mut document = TantivyDocument::default();
                document.add_text(fields.id, id.as_str());
                for tag in tags(&article.article) {
                    document.add_text(fields.tags, tag);
                }
                if let Some(PublishTime(time)) = article.article.publish_time {
                    document.add_i64(fields.published, time);
                }
                document.add_u64(fields.journal, article.extent.journal);
                document.add_u64(fields.extent, packed(article.extent));
                writer.add_document(document)?;
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&journal.to_string());
        self.is_ahead = true;
        commit.commit()?;
        // tantivy syncs the file that names the segments, and not the directory that names the
        // file.
        self.index
            .directory()
            .sync_directory()
            .map_err(|error| TantivyError::IoError(Arc::new(error)))
    }

    /// Says that the segments it gave were not taken: the index may have articles that nobody has
    /// seen.
    pub(in crate::index::embedded) fn note_unused_segments(&mut self) {
        self.is_ahead = true;
    }

    /// Waits until the segments that are being merged are merged, and what they were is gone.
    pub(in crate::index::embedded) fn settle(&mut self) -> Result<(), IndexError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads().map_err(|error| failure("cannot merge the index", &error))
    }

    /// The segments as they are now. Those that are as they were in `previous` are taken from
    /// there; the vectors of the others' articles are those of `previous` and of what was folded
    /// since.
    pub(in crate::index::embedded) fn segments(
        &mut self,
        previous: &Segments,
        folded: Option<&Recent>,
    ) -> Result<Segments, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        // Keeps files from being removed while they are opened.
        let _lock = self
            .index
            .directory()
            .acquire_lock(&META_LOCK)
            .map_err(|error| failed(TantivyError::from(error)))?;
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = journal(&metas)?;
        let mut known = ReusedVectors::default();
        folded.into_iter().for_each(|folded| known.add_recent(folded));
        let is_gone = |view: &&Arc<SegmentView>| {
            !metas.segments.iter().any(|meta| meta.id().uuid_string() == view.key.0)
        };
        previous.views.iter().filter(is_gone).for_each(|view| known.add_segment(view));
        let mut segments = Segments { views: Vec::new(), journal };
        for meta in &metas.segments {
            let key = (meta.id().uuid_string(), meta.delete_opstamp());
            if let Some(view) = previous.views.iter().find(|view| view.key == key) {
                segments.views.push(Arc::clone(view));
                continue;
            }
            let reader = SegmentReader::open(&self.index.segment(meta.clone())).map_err(failed)?;
            let derived = match previous.views.iter().find(|view| view.key.0 == key.0) {
                Some(view) => Arc::clone(&view.derived),
                None => self.derived.make(&key.0, Access::Write, &self.vectors(&reader, &known)?),
            };
            segments.views.push(Arc::new(
                SegmentView::open(reader, key, self.fields, derived).map_err(failed)?,
            ));
        }
        self.derived.keep_only(segments.views.iter().map(|view| view.key.0.as_str()));
        self.is_ahead = false;
        Ok(segments)
    }

    /// The vectors of a segment's articles: those that are known, and what the others' texts make.
    fn vectors<'a>(
        &self,
        reader: &SegmentReader,
        known: &'a ReusedVectors<'_>,
    ) -> Result<Vec<PackedVector<'a>>, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        let extents = Extents::of(reader).map_err(failed)?;
        let mut vectors = vec![PackedVector::default(); reader.max_doc() as usize];
        let mut others = Vec::new();
        // One that is deleted is never found.
        for document in reader.doc_ids_alive() {
            let Some(extent) = extents.at(document) else { continue };
            match known.0.get(&extent) {
                Some(vector) => vectors[document as usize] = vector.borrowed(),
                None => others.push((document, extent)),
            }
        }
        if others.is_empty() {
            return Ok(vectors);
        }
        let ids = Ids::of(reader, self.fields).map_err(failed)?;
        for (document, extent) in others {
            vectors[document as usize] = match self.records.article(extent, ids.at(document)) {
                Ok(article) => PackedVector::from(&of_text(article.text())),
                // An article that is damaged has nothing to be found by.
                Err(IndexError::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(vectors)
    }

    /// The segments as they are, each compared with its checksums. Reads all of the index.
    ///
    /// # Errors
    /// What is wrong with it, for one that is to be made anew.
    pub(in crate::index::embedded) fn verified_segments(
        &self,
        access: Access,
    ) -> Result<Segments, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let mut segments = Segments { views: Vec::new(), journal: journal(&metas)? };
        for meta in &metas.segments {
            let name = meta.id().uuid_string();
            let segment = self.index.segment(meta.clone());
            // tantivy takes some lengths for granted: what is damaged is not to end the process.
            let opened = catch_unwind(AssertUnwindSafe(|| {
                if let Some(path) = self.damaged_file(&metas, &name) {
                    return Err(damaged(format!("{} is damaged", path.display())));
                }
                let reader = SegmentReader::open(&segment).map_err(failed)?;
                let derived = match self.derived.find(&name, reader.max_doc()) {
                    Some(derived) => derived,
                    None => self.derived.make(
                        &name,
                        access,
                        &self.vectors(&reader, &ReusedVectors::default())?,
                    ),
                };
                let key = (name.clone(), meta.delete_opstamp());
                SegmentView::open(reader, key, self.fields, derived).map_err(failed)
            }));
            let view = opened
                .unwrap_or_else(|_| Err(damaged(format!("segment {name} cannot be read"))))?;
            segments.views.push(Arc::new(view));
        }
        Ok(segments)
    }

    /// A file of a segment that does not match its checksum, or is missing.
    fn damaged_file(&self, metas: &IndexMeta, segment: &str) -> Option<PathBuf> {
        let directory = self.index.directory();
        let files = metas.list_segment_files().into_iter();
        let of_segment =
            files.filter(|path| path.to_str().is_some_and(|path| path.starts_with(segment)));
        let mut there =
            of_segment.filter(|path| directory.exists(path).unwrap_or(true) || is_needed(path));
        there.find(|path| !matches!(directory.validate_checksum(path), Ok(true)))
    }
}

fn damaged(reason: String) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason }
}

/// The first journal that is not in the index; 0 before the first fold.
fn journal(metas: &IndexMeta) -> Result<u64, IndexError> {
    let named = metas.payload.as_deref().map_or(Ok(0), str::parse);
    named.map_err(|_| damaged("its commit does not name a journal".to_owned()))
}

/// Whether a segment cannot be without this file: not every segment has deletions, or positions.
fn is_needed(path: &Path) -> bool {
    ["term", "idx", "fast"]
        .iter()
        .any(|extension| path.extension().is_some_and(|found| found == *extension))
}
