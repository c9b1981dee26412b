//! The store of segments on disk.

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
use super::fields::{Fields, add_filtered, schema};
use super::ids::Ids;
use super::reused_vectors::ReusedVectors;
use super::set::Segments;
use super::vectors::PackedVector;
use super::view::SegmentView;
use crate::index::IndexError;
use crate::index::analyzer::of_text;
use crate::index::embedded::files::Access;
use crate::index::embedded::recent::{Recent, RecentVersion};
use crate::index::embedded::records::Records;

/// The memory for articles that are being folded, in bytes.
const WRITER_BYTES: usize = 64 << 20;
/// How many segments of similar size are merged into one. With 4, two runs of the benchmark peaked
/// at 597 and 623 MiB of memory, near the limit, and searches over the wire were no faster.
const MERGED_SEGMENTS: usize = 8;
/// Larger segments are not merged: the ids of a segment and the terms of its vectors are numbered
/// with 32 bits.
const MAX_MERGED_DOCUMENTS: usize = 1_000_000;
/// A segment with a larger share of deleted articles is rewritten, to free their space.
const MAX_DELETED_SHARE: f32 = 0.2;

/// The directory of segments.
pub(in crate::index::embedded) struct Store {
    index: Index,
    fields: Fields,
    derived: DerivedFiles,
    records: Arc<Records>,
    /// None until the first fold, and after a failed one.
    writer: Option<IndexWriter>,
    /// Whether the index may hold articles that are in no [`Segments`] in use.
    is_ahead: bool,
    _watch: Option<WatchHandle>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

impl Store {
    /// Creates an index in an empty directory. `records` are the articles that it is derived from.
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

    /// Opens an existing index without writing to it.
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

    /// Calls `on_change` whenever the segments may have changed, by a fold or a merge.
    pub(in crate::index::embedded) fn watch(
        &mut self,
        on_change: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), IndexError> {
        let watch = self.index.directory().watch(WatchCallback::new(on_change));
        self._watch = Some(watch.map_err(|error| failure("cannot watch the index", &error))?);
        Ok(())
    }

    /// Writes changes to a new segment. `journal` is the first journal that the segments do not
    /// include afterwards; `previous` are the segments in use.
    ///
    /// An error leaves the segments unchanged.
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
            // An incomplete segment takes up space that the disk may lack. A failure to remove
            // it does no further harm.
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
                policy.set_min_num_segments(MERGED_SEGMENTS);
                policy.set_min_layer_size(64);
                policy.set_max_docs_before_merge(MAX_MERGED_DOCUMENTS);
                policy.set_del_docs_ratio_before_merge(MAX_DELETED_SHARE);
                writer.set_merge_policy(Box::new(policy));
                self.writer.insert(writer)
            }
        };
        for (id, version) in recent.versions() {
            // Looking up an id costs less than a deletion that finds nothing.
            if self.is_ahead || previous.find(id).map_or(true, |place| place.is_some()) {
                writer.delete_term(Term::from_field_text(fields.id, id.as_str()));
            }
            if let RecentVersion::Article(article) = version {
                let mut document = TantivyDocument::default();
                document.add_text(fields.id, id.as_str());
                add_filtered(&mut document, fields, &article.article);
                document.add_u64(fields.journal, article.extent.journal);
                document.add_u64(fields.extent, packed(article.extent));
                writer.add_document(document)?;
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&journal.to_string());
        self.is_ahead = true;
        commit.commit()?;
        // tantivy syncs the file that lists the segments, but not the directory that names this
        // file.
        self.index
            .directory()
            .sync_directory()
            .map_err(|error| TantivyError::IoError(Arc::new(error)))
    }

    /// Notes that the last segments were not taken into use, and that the index may hold articles
    /// that no search has seen.
    pub(in crate::index::embedded) fn note_unused_segments(&mut self) {
        self.is_ahead = true;
    }

    /// Waits until pending merges are done and their inputs are removed.
    pub(in crate::index::embedded) fn settle(&mut self) -> Result<(), IndexError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads().map_err(|error| failure("cannot merge the index", &error))
    }

    /// The current segments. Those that are unchanged since `previous` are taken from there; so are
    /// the vectors of the others' articles, unless they come from what was `folded` since.
    pub(in crate::index::embedded) fn segments(
        &mut self,
        previous: &Segments,
        folded: Option<&Recent>,
    ) -> Result<Segments, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        // Prevents the removal of files while they are opened.
        let _lock = self
            .index
            .directory()
            .acquire_lock(&META_LOCK)
            .map_err(|error| failed(TantivyError::from(error)))?;
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = journal(&metas)?;
        let mut reused = ReusedVectors::default();
        folded.into_iter().for_each(|folded| reused.add_recent(folded));
        let is_gone = |view: &&Arc<SegmentView>| {
            !metas.segments.iter().any(|meta| meta.id().uuid_string() == view.key.0)
        };
        previous.views.iter().filter(is_gone).for_each(|view| reused.add_segment(view));
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
                None => self.derived.make(&key.0, Access::Write, &self.vectors(&reader, &reused)?),
            };
            segments.views.push(Arc::new(
                SegmentView::open(reader, key, self.fields, derived).map_err(failed)?,
            ));
        }
        self.derived.keep_only(segments.views.iter().map(|view| view.key.0.as_str()));
        self.is_ahead = false;
        Ok(segments)
    }

    /// The vectors of a segment's articles: reused where possible, otherwise computed from the
    /// texts.
    fn vectors<'a>(
        &self,
        reader: &SegmentReader,
        reused: &'a ReusedVectors<'_>,
    ) -> Result<Vec<PackedVector<'a>>, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        let extents = Extents::of(reader).map_err(failed)?;
        let mut vectors = vec![PackedVector::default(); reader.max_doc() as usize];
        let mut others = Vec::new();
        // Deleted articles are never found, and need no vector.
        for document in reader.doc_ids_alive() {
            let Some(extent) = extents.at(document) else { continue };
            match reused.0.get(&extent) {
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
                // A damaged article cannot be found.
                Err(IndexError::Corrupt { .. }) => continue,
                Err(error) => return Err(error),
            };
        }
        Ok(vectors)
    }

    /// The current segments, verified against their checksums. This reads the whole index.
    ///
    /// # Errors
    /// What is wrong with the index, which is to be rebuilt then.
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
            // tantivy panics on some malformed lengths, which must not end the process.
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

    /// A file of a segment that is missing or does not match its checksum.
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

/// The first journal that the index does not include; 0 before the first fold.
fn journal(metas: &IndexMeta) -> Result<u64, IndexError> {
    let named = metas.payload.as_deref().map_or(Ok(0), str::parse);
    named.map_err(|_| damaged("its commit does not name a journal".to_owned()))
}

/// Whether every segment has this file: not every segment has deletions, or positions.
fn is_needed(path: &Path) -> bool {
    ["term", "idx", "fast"]
        .iter()
        .any(|extension| path.extension().is_some_and(|found| found == *extension))
}
