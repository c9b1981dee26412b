//! The archive's directory of segments, and what writes them.

use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::directory::{META_LOCK, MmapDirectory, WatchCallback, WatchHandle};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::{
    Directory as _, Index, IndexMeta, IndexSettings, IndexWriter, SegmentReader, TantivyDocument, TantivyError, Term,
};

use super::derived_files::DerivedFiles;
use super::fields::{Fields, STAMP, schema, tags};
use super::vectors::PackedVector;
use super::view::{STORE_CACHE_BLOCKS, SegmentView, record};
use super::{Segments, failure};
use crate::index::embedded::recent::{Recent, RecentEntry};
use crate::index::record::{stamp, to_article};
use crate::index::vector::of_text;
use crate::index::{IndexError, PublishTime};

/// The memory that articles being folded may take before they become a segment, in bytes.
const WRITER_BYTES: usize = 64 << 20;
/// So many segments of about one size are merged into one. With 4 the server took 597 and 623 MiB at its peak in two runs of the
/// benchmark, about its limit, and searches over the wire were no faster.
const MERGED_AT_ONCE: usize = 8;
/// A segment with more than this share of deleted articles is written anew, to give their space back.
const MAX_DELETED_SHARE: f32 = 0.2;
/// Stored articles are packed in blocks of this size, in bytes: half of tantivy's default, for a search reads ten of them.
const STORE_BLOCK_BYTES: usize = 8 << 10;

/// The archive's directory of segments, and what writes them.
pub(in crate::index::embedded) struct Store {
    index: Index,
    fields: Fields,
    derived: DerivedFiles,
    /// None until the first fold, and after one that failed.
    writer: Option<IndexWriter>,
    /// Whether the index may have articles that no [`Segments`] has shown.
    is_ahead: bool,
    _watch: Option<WatchHandle>,
}

impl Store {
    /// Opens the directory; makes it what it is to be where nothing is in it.
    pub(in crate::index::embedded) fn create(directory: &Path) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let opened = MmapDirectory::open(directory).map_err(TantivyError::from);
        let settings = IndexSettings { docstore_blocksize: STORE_BLOCK_BYTES, ..IndexSettings::default() };
        let index = opened.and_then(|directory| Index::builder().schema(schema).settings(settings).open_or_create(directory));
        Ok(Self::of(index.map_err(|error| failure("cannot create the index", &error))?, fields, directory))
    }

    /// Opens the directory as it is, without writing to it.
    pub(in crate::index::embedded) fn open(directory: &Path) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let index = Index::open_in_dir(directory).map_err(|error| failure("cannot open the index", &error))?;
        if index.schema() != schema {
            let reason = "its schema is not that of this version".to_owned();
            return Err(IndexError::Storage { action: "cannot open the index", reason });
        }
        Ok(Self::of(index, fields, directory))
    }

    fn of(index: Index, fields: Fields, directory: &Path) -> Self {
        Self { index, fields, derived: DerivedFiles::of(directory), writer: None, is_ahead: false, _watch: None }
    }

    /// Calls `on_change` whenever the segments may have changed: after a fold, and after a merge of segments.
    pub(in crate::index::embedded) fn watch(&mut self, on_change: impl Fn() + Send + Sync + 'static) -> Result<(), IndexError> {
        let watch = self.index.directory().watch(WatchCallback::new(on_change));
        self._watch = Some(watch.map_err(|error| failure("cannot watch the index", &error))?);
        Ok(())
    }

    /// Puts articles and deletions into a new segment. `journal` is the number of the first journal that is not in the segments
    /// then; `previous` are the segments as they were shown last.
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
            // What was half written takes space that may be what is missing. That it cannot be removed now is no further harm.
            let _ = writer.garbage_collect_files().wait();
        }
        folded.map_err(|error| failure("cannot write the index", &error))
    }

    fn try_fold(&mut self, recent: &Recent, journal: u64, previous: &Segments) -> Result<(), TantivyError> {
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
                policy.set_del_docs_ratio_before_merge(MAX_DELETED_SHARE);
                writer.set_merge_policy(Box::new(policy));
                self.writer.insert(writer)
            }
        };
        for (id, entry) in recent.entries() {
            // To look an id up costs less than a deletion that finds nothing.
            if self.is_ahead || previous.find(id).map_or(true, |place| place.is_some()) {
                writer.delete_term(Term::from_field_text(fields.id, id.as_str()));
            }
            if let RecentEntry::Article(article) = entry {
                let mut document = TantivyDocument::default();
                document.add_text(fields.id, id.as_str());
                for tag in tags(&article.article) {
                    document.add_text(fields.tags, tag);
                }
                if let Some(PublishTime(time)) = article.article.publish_time {
                    document.add_i64(fields.published, time);
                }
                document.add_u64(fields.stamp, stamp(&article.record));
                document.add_bytes(fields.record, &article.record);
                writer.add_document(document)?;
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&journal.to_string());
        self.is_ahead = true;
        commit.commit()?;
        // tantivy syncs the file that names the segments, and not the directory that names the file.
        self.index.directory().sync_directory().map_err(|error| TantivyError::IoError(Arc::new(error)))
    }

    /// Waits until the segments that are being merged are merged, and what they were is gone.
    pub(in crate::index::embedded) fn settle(&mut self) -> Result<(), IndexError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads().map_err(|error| failure("cannot merge the index", &error))
    }

    /// The segments as they are now. Those that are as they were in `previous` are taken from there; the vectors of the others'
    /// articles are those of `previous` and of what was folded since.
    pub(in crate::index::embedded) fn segments(
        &mut self,
        previous: &Segments,
        folded: Option<&Recent>,
    ) -> Result<Segments, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        // Keeps files from being removed while they are opened.
        let _lock = self.index.directory().acquire_lock(&META_LOCK).map_err(|error| failed(TantivyError::from(error)))?;
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = metas.payload.as_deref().map_or(Ok(0), str::parse).map_err(|_| IndexError::Storage {
            action: "cannot read the index",
            reason: "its commit does not name a journal".to_owned(),
        })?;
        let mut known = KnownVectors::default();
        folded.into_iter().for_each(|folded| known.add_recent(folded));
        let is_gone = |view: &&Arc<SegmentView>| !metas.segments.iter().any(|meta| meta.id().uuid_string() == view.key.0);
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
                None => self.derived.make(&key.0, Access::Write, &self.vectors(&reader, &known).map_err(failed)?),
            };
            segments.views.push(Arc::new(SegmentView::open(reader, key, self.fields, derived).map_err(failed)?));
        }
        self.derived.keep_only(segments.views.iter().map(|view| view.key.0.as_str()));
        self.is_ahead = false;
        Ok(segments)
    }

    /// The vectors of a segment's articles: those that are known, and what the others' texts make.
    fn vectors<'a>(&self, reader: &SegmentReader, known: &'a KnownVectors<'_>) -> Result<Vec<PackedVector<'a>>, TantivyError> {
        let stamps = reader.fast_fields().u64(STAMP)?;
        let store = reader.get_store_reader(STORE_CACHE_BLOCKS)?;
        let vector = |document: u32| {
            // One that is deleted is never found.
            if reader.is_deleted(document) {
                return Ok(PackedVector::default());
            }
            if let Some(vector) = stamps.first(document).and_then(|stamp| known.0.get(&stamp)) {
                return Ok(vector.borrowed());
            }
            // An article that is damaged has nothing to be found by.
            let article = to_article(&record(&store, self.fields.record, document)?);
            Ok(article.map_or_else(|_| PackedVector::default(), |article| PackedVector::from(&of_text(article.text()))))
        };
        (0..reader.max_doc()).map(vector).collect()
    }

    /// The segments that match their checksums, and what is wrong with the others. Reads all of the index.
    pub(in crate::index::embedded) fn verified_segments(&self, access: Access) -> Result<(Segments, Vec<String>), IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = metas.payload.as_deref().and_then(|payload| payload.parse().ok()).unwrap_or(0);
        let mut segments = Segments { views: Vec::new(), journal };
        let mut damage = Vec::new();
        for meta in &metas.segments {
            let name = meta.id().uuid_string();
            let directory = self.index.directory();
            let broken: BTreeSet<PathBuf> = metas
                .list_segment_files()
                .into_iter()
                .filter(|path| path.to_str().is_some_and(|path| path.starts_with(&name)))
                .filter(|path| directory.exists(path).unwrap_or(true) || is_needed(path))
                .filter(|path| !matches!(directory.validate_checksum(path), Ok(true)))
                .collect();
            if !broken.is_empty() {
                let files: Vec<String> = broken.iter().map(|path| path.display().to_string()).collect();
                damage.push(format!("segment {name} of {} articles ({})", meta.num_docs(), files.join(", ")));
                continue;
            }
            let key = (name.clone(), meta.delete_opstamp());
            let segment = self.index.segment(meta.clone());
            // A file that is damaged and yet matches its checksum is not to take the rest with it.
            let opened = catch_unwind(AssertUnwindSafe(|| {
                let reader = SegmentReader::open(&segment)?;
                let derived = match self.derived.find(&name, reader.max_doc()) {
                    Some(derived) => derived,
                    None => self.derived.make(&name, access, &self.vectors(&reader, &KnownVectors::default())?),
                };
                SegmentView::open(reader, key, self.fields, derived)
            }));
            match opened {
                Ok(Ok(view)) => segments.views.push(Arc::new(view)),
                Ok(Err(error)) => damage.push(format!("segment {name} of {} articles ({error})", meta.num_docs())),
                Err(_) => damage.push(format!("segment {name} of {} articles", meta.num_docs())),
            }
        }
        Ok((segments, damage))
    }
}

/// Vectors by the stamps of their articles.
#[derive(Default)]
struct KnownVectors<'a>(HashMap<u64, PackedVector<'a>>);

impl<'a> KnownVectors<'a> {
    fn add_recent(&mut self, recent: &Recent) {
        let articles = recent.entries().filter_map(|(_, entry)| match entry {
            RecentEntry::Article(article) => Some(article),
            RecentEntry::Deleted => None,
        });
        self.0.extend(articles.map(|article| (stamp(&article.record), PackedVector::from(&article.vector))));
    }

    fn add_segment(&mut self, view: &'a SegmentView) {
        let vectors = view.reader.doc_ids_alive().filter_map(|document| {
            let (bytes, squared_length) = (view.derived.vector(document).into(), view.derived.squared_length(document));
            Some((view.stamp(document)?, PackedVector { bytes, squared_length }))
        });
        self.0.extend(vectors);
    }
}

/// Whether a segment cannot be without this file: not every segment has deletions, or positions.
fn is_needed(path: &Path) -> bool {
    ["term", "idx", "store", "fast"].iter().any(|extension| path.extension().is_some_and(|found| found == *extension))
}

/// Whether files may be written beside those that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::index::embedded) enum Access {
    Read,
    Write,
}
