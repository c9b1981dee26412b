//! The folded part of the archive: articles in the segments of tantivy. The only file that names it.
//!
//! tantivy keeps the terms' postings (a term is a token, its count the token's frequency), the vectors and the articles, and
//! makes commits whole. Ranking is not its: candidates are summed up from the postings here, by the weights of the vectors.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tantivy::columnar::Column;
use tantivy::directory::{META_LOCK, MmapDirectory, WatchCallback, WatchHandle};
use tantivy::indexer::{IndexWriterOptions, LogMergePolicy};
use tantivy::schema::{FAST, Field, IndexRecordOption, STORED, Schema, TextFieldIndexing, TextOptions, Value as _};
use tantivy::store::StoreReader;
use tantivy::tokenizer::{TextAnalyzer, Token, TokenStream, Tokenizer};
use tantivy::{
    Directory as _, DocSet as _, Index, IndexMeta, IndexSettings, IndexWriter, InvertedIndexReader, Opstamp, SegmentReader,
    TERMINATED, TantivyDocument, TantivyError, Term,
};

use super::super::query::{Filter, languages};
use super::super::record;
use super::super::vector::{Entry, QueryTerm, QueryVector, TermKey, Vector, cosine, weight};
use super::super::{ArchivedArticle, ArticleId, IndexError, PublishTime};
use super::recent::{Recent, RecentEntry};

/// The memory that articles being folded may take before they become a segment, in bytes.
const WRITER_BYTES: usize = 64 << 20;
/// So many segments of about one size are merged into one.
const MERGED_AT_ONCE: usize = 8;
/// A segment with more than this share of deleted articles is written anew, to give their space back.
const MAX_DELETED_SHARE: f32 = 0.2;
/// Stored articles are packed in blocks of this size, in bytes: half of tantivy's default, for a search reads ten of them.
const STORE_BLOCK_BYTES: usize = 8 << 10;
/// Blocks of stored articles that are kept unpacked, a segment.
const STORE_CACHE_BLOCKS: usize = 16;

const TERMS_TOKENIZER: &str = "slugline-terms";

#[derive(Debug, Clone, Copy)]
struct Fields {
    id: Field,
    terms: Field,
    tags: Field,
    published: Field,
    vector: Field,
    squared_length: Field,
    record: Field,
}

fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let text = |tokenizer: &str, option| {
        let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option).set_fieldnorms(false);
        TextOptions::default().set_indexing_options(indexing)
    };
    let fields = Fields {
        id: schema.add_text_field("id", text("raw", IndexRecordOption::Basic)),
        terms: schema.add_text_field("terms", text(TERMS_TOKENIZER, IndexRecordOption::WithFreqs)),
        tags: schema.add_text_field("tags", text("raw", IndexRecordOption::Basic)),
        published: schema.add_i64_field("published", FAST),
        vector: schema.add_u64_field("vector", FAST),
        squared_length: schema.add_u64_field("squared_length", FAST),
        record: schema.add_bytes_field("record", STORED),
    };
    (schema.build(), fields)
}

/// The archive's directory of segments, and what writes them.
pub(super) struct Store {
    index: Index,
    fields: Fields,
    /// None until the first fold, and after one that failed.
    writer: Option<IndexWriter>,
    _watch: Option<WatchHandle>,
}

impl Store {
    /// Opens the directory; makes it what it is to be where nothing is in it.
    pub(super) fn create(directory: &Path) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let opened = MmapDirectory::open(directory).map_err(TantivyError::from);
        let settings = IndexSettings { docstore_blocksize: STORE_BLOCK_BYTES, ..IndexSettings::default() };
        let index = opened.and_then(|directory| Index::builder().schema(schema).settings(settings).open_or_create(directory));
        Self::of(index.map_err(|error| failure("cannot create the index", &error))?, fields)
    }

    /// Opens the directory as it is, without writing to it.
    pub(super) fn open(directory: &Path) -> Result<Self, IndexError> {
        let (schema, fields) = schema();
        let index = Index::open_in_dir(directory).map_err(|error| failure("cannot open the index", &error))?;
        if index.schema() != schema {
            let reason = "its schema is not that of this version".to_owned();
            return Err(IndexError::Storage { action: "cannot open the index", reason });
        }
        Self::of(index, fields)
    }

    fn of(index: Index, fields: Fields) -> Result<Self, IndexError> {
        index.tokenizers().register(TERMS_TOKENIZER, TextAnalyzer::from(TermsTokenizer::default()));
        Ok(Self { index, fields, writer: None, _watch: None })
    }

    /// Calls `on_change` whenever the segments may have changed: after a fold, and after a merge of segments.
    pub(super) fn watch(&mut self, on_change: impl Fn() + Send + Sync + 'static) -> Result<(), IndexError> {
        let watch = self.index.directory().watch(WatchCallback::new(on_change));
        self._watch = Some(watch.map_err(|error| failure("cannot watch the index", &error))?);
        Ok(())
    }

    /// Puts articles and deletions into a new segment. `journal` is the number of the first journal that is not in the segments
    /// then.
    ///
    /// On an error the segments are as they were.
    pub(super) fn fold(&mut self, recent: &Recent, journal: u64) -> Result<(), IndexError> {
        let folded = self.try_fold(recent, journal);
        if folded.is_err()
            && let Some(writer) = self.writer.take()
        {
            // What was half written takes space that may be what is missing. That it cannot be removed now is no further harm.
            let _ = writer.garbage_collect_files().wait();
        }
        folded.map_err(|error| failure("cannot write the index", &error))
    }

    fn try_fold(&mut self, recent: &Recent, journal: u64) -> Result<(), TantivyError> {
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
            writer.delete_term(Term::from_field_text(fields.id, id.as_str()));
            if let RecentEntry::Article(article) = entry {
                let mut document = TantivyDocument::default();
                document.add_text(fields.id, id.as_str());
                document.add_text(fields.terms, encode_terms(&article.vector));
                for tag in tags(&article.article) {
                    document.add_text(fields.tags, tag);
                }
                if let Some(PublishTime(time)) = article.article.publish_time {
                    document.add_i64(fields.published, time);
                }
                for entry in &article.vector.entries {
                    document.add_u64(fields.vector, entry.0);
                }
                document.add_u64(fields.squared_length, article.vector.squared_length);
                document.add_bytes(fields.record, &article.record);
                writer.add_document(document)?;
            }
        }
        let mut commit = writer.prepare_commit()?;
        commit.set_payload(&journal.to_string());
        commit.commit()?;
        // tantivy syncs the file that names the segments, and not the directory that names the file.
        self.index.directory().sync_directory().map_err(|error| TantivyError::IoError(Arc::new(error)))
    }

    /// Waits until the segments that are being merged are merged, and what they were is gone.
    pub(super) fn settle(&mut self) -> Result<(), IndexError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        writer.wait_merging_threads().map_err(|error| failure("cannot merge the index", &error))
    }

    /// The segments as they are now. Those that are as they were in `previous` are taken from there.
    pub(super) fn segments(&self, previous: &Segments, access: Access) -> Result<Segments, IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        // Keeps files from being removed while they are opened; where nothing can be written, nothing is removed.
        let _lock = match access {
            Access::Write => {
                Some(self.index.directory().acquire_lock(&META_LOCK).map_err(|error| failed(TantivyError::from(error)))?)
            }
            Access::Read => None,
        };
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = metas.payload.as_deref().map_or(Ok(0), str::parse).map_err(|_| IndexError::Storage {
            action: "cannot read the index",
            reason: "its commit does not name a journal".to_owned(),
        })?;
        let mut segments = Segments { fields: self.fields, views: Vec::new(), journal };
        for meta in &metas.segments {
            let key = (meta.id().uuid_string(), meta.delete_opstamp());
            let known = previous.views.iter().find(|view| view.key == key).map(Arc::clone);
            let view = match known {
                Some(view) => view,
                None => {
                    let reader = SegmentReader::open(&self.index.segment(meta.clone())).map_err(failed)?;
                    Arc::new(SegmentView::open(reader, key, self.fields).map_err(failed)?)
                }
            };
            segments.views.push(view);
        }
        Ok(segments)
    }

    /// The segments that match their checksums, and what is wrong with the others. Reads all of the index.
    pub(super) fn verified_segments(&self) -> Result<(Segments, Vec<String>), IndexError> {
        let failed = |error: TantivyError| failure("cannot read the index", &error);
        let metas: IndexMeta = self.index.load_metas().map_err(failed)?;
        let journal = metas.payload.as_deref().and_then(|payload| payload.parse().ok()).unwrap_or(0);
        let mut segments = Segments { fields: self.fields, views: Vec::new(), journal };
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
                SegmentReader::open(&segment).and_then(|reader| SegmentView::open(reader, key, self.fields))
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

/// Whether a segment cannot be without this file: not every segment has deletions, or positions.
fn is_needed(path: &Path) -> bool {
    ["term", "idx", "store", "fast"].iter().any(|extension| path.extension().is_some_and(|found| found == *extension))
}

/// Whether files may be written beside those that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
}

/// What a failure of tantivy is to the archive. Its errors keep no kind once they have passed a thread of it: the text has to
/// do.
fn failure(action: &'static str, error: &TantivyError) -> IndexError {
    let text = format!("{error:?}");
    let reason = error.to_string();
    if ["StorageFull", "No space left", "QuotaExceeded"].iter().any(|sign| text.contains(sign)) {
        IndexError::Full { reason }
    } else if text.contains("ReadOnlyFilesystem") || text.contains("PermissionDenied") {
        IndexError::ReadOnly { reason }
    } else {
        IndexError::Storage { action, reason }
    }
}

/// The segments at one moment.
#[derive(Debug, Default)]
pub(super) struct Segments {
    fields: Fields,
    views: Vec<Arc<SegmentView>>,
    /// The first journal that is not in them.
    pub(super) journal: u64,
}

impl Default for Fields {
    fn default() -> Self {
        schema().1
    }
}

/// Where an article is: the place of its segment, and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) segment: u32,
    pub(super) document: u32,
}

/// Articles that have been replaced or deleted since the segments were written.
pub(super) type Hidden = HashSet<Place>;

impl Segments {
    /// How many articles there are.
    pub(super) fn article_count(&self) -> u64 {
        self.views.iter().map(|view| u64::from(view.reader.num_docs())).sum()
    }

    /// Where the article of an id is.
    pub(super) fn find(&self, id: &ArticleId) -> Result<Option<Place>, IndexError> {
        for (segment, view) in (0..).zip(&self.views) {
            if let Some(document) = view.find(id.as_str()).map_err(reading)? {
                return Ok(Some(Place { segment, document }));
            }
        }
        Ok(None)
    }

    /// The id of the article at a place.
    pub(super) fn id(&self, place: Place) -> &str {
        self.view(place).ids.at(place.document)
    }

    /// The article at a place, read from disk.
    pub(super) fn article(&self, place: Place) -> Result<ArchivedArticle, IndexError> {
        let view = self.view(place);
        let document: TantivyDocument =
            view.store.get(place.document).map_err(|error| failure("cannot read an article", &error))?;
        let bytes = document.get_first(self.fields.record).and_then(|value| value.as_bytes()).unwrap_or_default();
        record::to_article(bytes).map_err(|source| IndexError::Corrupt { id: self.id(place).to_owned(), source })
    }

    /// How similar the article at a place is to a query.
    pub(super) fn similarity(&self, place: Place, query: &QueryVector) -> f64 {
        let view = self.view(place);
        ENTRIES.with_borrow_mut(|entries| {
            let rows = view.vector.index.value_row_ids(place.document);
            entries.resize(rows.len(), 0);
            view.vector.values.get_range(u64::from(rows.start), entries);
            let product = entries.iter().map(|entry| query.product(Entry(*entry))).sum();
            cosine(product, query.squared_length(), view.squared_length.first(place.document).unwrap_or(0))
        })
    }

    /// The vector of the article at a place.
    pub(super) fn vector(&self, place: Place) -> Vector {
        let view = self.view(place);
        let entries = view.vector.values_for_doc(place.document).map(Entry).collect();
        Vector { entries, squared_length: view.squared_length.first(place.document).unwrap_or(0) }
    }

    /// Every article, in no order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> {
        (0..)
            .zip(&self.views)
            .flat_map(|(segment, view)| view.reader.doc_ids_alive().map(move |document| Place { segment, document }))
    }

    /// The ids after `after` in order, at most `count` of those that are not hidden, and where each is.
    pub(super) fn ids_after(
        &self,
        after: Option<&ArticleId>,
        count: usize,
        hidden: &Hidden,
    ) -> Result<Vec<(String, Place)>, IndexError> {
        let mut found = Vec::new();
        for (segment, view) in (0..).zip(&self.views) {
            let mut rest = count;
            let terms = view.id_terms.terms();
            let range = match after {
                Some(id) => terms.range().gt(id.as_str()),
                None => terms.range(),
            };
            let mut stream = range.into_stream().map_err(reading)?;
            while rest > 0 && stream.advance() {
                let document = view.first_alive(stream.value()).map_err(reading)?;
                if let Some(document) = document
                    && !hidden.contains(&Place { segment, document })
                {
                    found.push((String::from_utf8_lossy(stream.key()).into_owned(), Place { segment, document }));
                    rest -= 1;
                }
            }
        }
        found.sort();
        found.truncate(count);
        Ok(found)
    }

    /// Whether an article that is not hidden has a topic.
    pub(super) fn has_topic(&self, topic: &str, hidden: &Hidden) -> Result<bool, IndexError> {
        let tag = topic_tag(topic);
        for (segment, view) in (0..).zip(&self.views) {
            let Some(info) = view.tags.terms().get(&tag).map_err(reading)? else { continue };
            let mut postings = view.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic).map_err(reading)?;
            while postings.doc() != TERMINATED {
                let document = postings.doc();
                if !view.reader.is_deleted(document) && !hidden.contains(&Place { segment, document }) {
                    return Ok(true);
                }
                postings.advance();
            }
        }
        Ok(false)
    }

    /// The articles whose parts of the cosine by `terms` are the largest, at most `count`, of those that pass the filter and
    /// are not hidden; with that part, less the factor that all share.
    pub(super) fn candidates(
        &self,
        terms: &[QueryTerm],
        filter: &Filter,
        hidden: &Hidden,
        count: usize,
    ) -> Result<Vec<(f32, Place)>, IndexError> {
        let mut best = Best::new(count);
        SUMS.with_borrow_mut(|sums| {
            for (segment, view) in (0..).zip(&self.views) {
                sums.clear();
                sums.resize(view.reader.max_doc() as usize, 0.0);
                view.sum(terms, sums).map_err(reading)?;
                let allowed = if filter.is_empty() { None } else { Some(view.allowed(filter).map_err(reading)?) };
                for (document, (sum, inverse_length)) in (0..).zip(sums.iter().zip(&view.inverse_lengths)) {
                    let part = sum * inverse_length;
                    if part > best.least
                        && allowed.as_ref().is_none_or(|allowed| allowed[document as usize])
                        && (hidden.is_empty() || !hidden.contains(&Place { segment, document }))
                    {
                        best.push(part, Place { segment, document });
                    }
                }
            }
            Ok(())
        })?;
        Ok(best.into_vec())
    }

    fn view(&self, place: Place) -> &SegmentView {
        &self.views[place.segment as usize]
    }
}

thread_local! {
    /// A sum for each article of a segment.
    static SUMS: RefCell<Vec<f32>> = RefCell::default();
    /// A vector as the column has it.
    static ENTRIES: RefCell<Vec<u64>> = RefCell::default();
}

fn reading(error: impl std::fmt::Display) -> IndexError {
    IndexError::Storage { action: "cannot read the index", reason: error.to_string() }
}

/// Keeps the largest of many.
struct Best {
    count: usize,
    /// What is not above it cannot be among them.
    least: f32,
    found: Vec<(f32, Place)>,
}

impl Best {
    fn new(count: usize) -> Self {
        Self { count: count.max(1), least: 0.0, found: Vec::with_capacity(2 * count) }
    }

    fn push(&mut self, part: f32, place: Place) {
        self.found.push((part, place));
        if self.found.len() >= 2 * self.count {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.found.len() > self.count {
            self.found.select_nth_unstable_by(self.count - 1, |a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            self.found.truncate(self.count);
            self.least = self.found[self.count - 1].0;
        }
    }

    fn into_vec(mut self) -> Vec<(f32, Place)> {
        self.cut();
        self.found
    }
}

/// A segment, opened, with what every search needs of it in memory.
struct SegmentView {
    /// Its id, and which deletions are in it.
    key: (String, Option<Opstamp>),
    reader: SegmentReader,
    id_terms: Arc<InvertedIndexReader>,
    terms: Arc<InvertedIndexReader>,
    tags: Arc<InvertedIndexReader>,
    published: Column<i64>,
    vector: Column<u64>,
    squared_length: Column<u64>,
    store: StoreReader,
    ids: Ids,
    /// 1 / length of each vector; 0 for a deleted article, which so is never found.
    inverse_lengths: Vec<f32>,
}

impl std::fmt::Debug for SegmentView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentView").field("key", &self.key).finish_non_exhaustive()
    }
}

impl SegmentView {
    fn open(reader: SegmentReader, key: (String, Option<Opstamp>), fields: Fields) -> Result<Self, TantivyError> {
        let fast = reader.fast_fields();
        let id_terms = reader.inverted_index(fields.id)?;
        let squared_length = fast.u64("squared_length")?;
        let inverse_length = |document: u32| match squared_length.first(document) {
            Some(squared @ 1..) if !reader.is_deleted(document) => 1.0 / (squared as f32).sqrt(),
            _ => 0.0,
        };
        Ok(Self {
            key,
            terms: reader.inverted_index(fields.terms)?,
            tags: reader.inverted_index(fields.tags)?,
            published: fast.i64("published")?,
            vector: fast.u64("vector")?,
            store: reader.get_store_reader(STORE_CACHE_BLOCKS)?,
            ids: Ids::read(&id_terms, reader.max_doc())?,
            inverse_lengths: (0..reader.max_doc()).map(inverse_length).collect(),
            id_terms,
            squared_length,
            reader,
        })
    }

    fn find(&self, id: &str) -> std::io::Result<Option<u32>> {
        match self.id_terms.terms().get(id)? {
            Some(info) => self.first_alive(&info),
            None => Ok(None),
        }
    }

    /// The article of an id's postings that is not deleted.
    fn first_alive(&self, info: &tantivy::postings::TermInfo) -> std::io::Result<Option<u32>> {
        let mut postings = self.id_terms.read_postings_from_terminfo(info, IndexRecordOption::Basic)?;
        while postings.doc() != TERMINATED {
            if !self.reader.is_deleted(postings.doc()) {
                return Ok(Some(postings.doc()));
            }
            postings.advance();
        }
        Ok(None)
    }

    /// Adds to each article's sum the products of its weights and the query's.
    fn sum(&self, terms: &[QueryTerm], sums: &mut [f32]) -> std::io::Result<()> {
        let mut token = String::new();
        let mut products = [0.0_f32; 256];
        for term in terms {
            token.clear();
            push_token(term.term, &mut token);
            let Some(info) = self.terms.terms().get(&token)? else { continue };
            let mut known = 0;
            let mut block = self.terms.read_block_postings_from_terminfo(&info, IndexRecordOption::WithFreqs)?;
            while block.block_len() > 0 {
                for (document, count) in block.docs().iter().zip(block.freqs()) {
                    let count = (*count).min(255) as usize;
                    // Counts are small: their products are computed once a term.
                    while known <= count {
                        products[known] = (term.weight * weight(known as u8, term.idf)) as f32;
                        known += 1;
                    }
                    sums[*document as usize] += products[count];
                }
                block.advance();
            }
        }
        Ok(())
    }

    /// Which articles pass the filter.
    fn allowed(&self, filter: &Filter) -> std::io::Result<Vec<bool>> {
        let mut allowed = vec![true; self.reader.max_doc() as usize];
        let topics = filter.topics.iter().map(|topic| topic_tag(topic)).collect();
        let sources = filter.sources.iter().map(|source| source_tag(source)).collect();
        let languages = filter.language_codes.iter().map(|code| language_tag(&code.to_ascii_lowercase())).collect();
        let labels = filter.labels.iter().map(|(key, value)| vec![label_tag(key, value)]);
        let any_of: Vec<Vec<String>> =
            [topics, sources, languages].into_iter().filter(|tags: &Vec<_>| !tags.is_empty()).collect();
        for tags in any_of.into_iter().chain(labels) {
            let mut has_one = vec![false; allowed.len()];
            for tag in tags {
                let Some(info) = self.tags.terms().get(&tag)? else { continue };
                let mut postings = self.tags.read_postings_from_terminfo(&info, IndexRecordOption::Basic)?;
                while postings.doc() != TERMINATED {
                    has_one[postings.doc() as usize] = true;
                    postings.advance();
                }
            }
            allowed.iter_mut().zip(has_one).for_each(|(allowed, has_one)| *allowed &= has_one);
        }
        if filter.published_from.is_some() || filter.published_until.is_some() {
            for (document, allowed) in (0..).zip(allowed.iter_mut()) {
                *allowed = *allowed && filter.accepts_time(self.published.first(document).map(PublishTime));
            }
        }
        Ok(allowed)
    }
}

/// The ids of a segment's articles, by their numbers.
struct Ids {
    text: String,
    spans: Vec<(u32, u32)>,
}

impl Ids {
    fn read(terms: &InvertedIndexReader, count: u32) -> std::io::Result<Self> {
        let mut ids = Self { text: String::new(), spans: vec![(0, 0); count as usize] };
        let mut stream = terms.terms().stream()?;
        while stream.advance() {
            let start = ids.text.len() as u32;
            ids.text.push_str(&String::from_utf8_lossy(stream.key()));
            let span = (start, ids.text.len() as u32);
            let mut postings = terms.read_postings_from_terminfo(stream.value(), IndexRecordOption::Basic)?;
            while postings.doc() != TERMINATED {
                ids.spans[postings.doc() as usize] = span;
                postings.advance();
            }
        }
        Ok(ids)
    }

    fn at(&self, document: u32) -> &str {
        let (start, end) = self.spans[document as usize];
        &self.text[start as usize..end as usize]
    }
}

fn topic_tag(topic: &str) -> String {
    format!("t\0{topic}")
}

fn source_tag(source: &str) -> String {
    format!("s\0{source}")
}

fn language_tag(code: &str) -> String {
    format!("l\0{code}")
}

fn label_tag(key: &str, value: &str) -> String {
    format!("k\0{key}\0{value}")
}

/// What an article is found by in a filter.
fn tags(article: &ArchivedArticle) -> Vec<String> {
    let mut tags: Vec<String> = article.topics.iter().map(|topic| topic_tag(&topic.name)).collect();
    tags.push(source_tag(&article.source));
    tags.extend(languages(&article.language_code).iter().map(|code| language_tag(code)));
    tags.extend(article.labels.iter().map(|(key, value)| label_tag(key, value)));
    tags
}

/// A term as a token: its 40 bits, six to a character.
fn push_token(term: TermKey, out: &mut String) {
    for place in (0..TOKEN_BYTES).rev() {
        out.push(digit(term.bits() >> (6 * place)));
    }
}

const TOKEN_BYTES: usize = 7;
const DIGITS: &[u8; 64] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";

fn digit(bits: u64) -> char {
    char::from(DIGITS[(bits & 63) as usize])
}

/// A vector as a text that [`TermsTokenizer`] takes apart: each term's token, and its count in two further characters.
fn encode_terms(vector: &Vector) -> String {
    let mut text = String::with_capacity((TOKEN_BYTES + 2) * vector.entries.len());
    for entry in &vector.entries {
        push_token(entry.term(), &mut text);
        text.push(digit(u64::from(entry.count()) >> 6));
        text.push(digit(u64::from(entry.count())));
    }
    text
}

/// Gives each term as often as its count says, for tantivy to count them again.
#[derive(Debug, Clone, Default)]
struct TermsTokenizer {
    token: Token,
}

struct TermsStream<'a> {
    rest: &'a str,
    repeats: u8,
    token: &'a mut Token,
}

impl Tokenizer for TermsTokenizer {
    type TokenStream<'a> = TermsStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> TermsStream<'a> {
        self.token.reset();
        // A token that is new is before the first place, and places are added up.
        self.token.position = 0;
        TermsStream { rest: text, repeats: 0, token: &mut self.token }
    }
}

impl TokenStream for TermsStream<'_> {
    fn advance(&mut self) -> bool {
        if self.repeats > 0 {
            self.repeats -= 1;
            return true;
        }
        let Some((entry, rest)) = self.rest.split_at_checked(TOKEN_BYTES + 2) else { return false };
        let (token, count) = entry.split_at(TOKEN_BYTES);
        let value = |digit: u8| DIGITS.iter().position(|known| *known == digit).unwrap_or(0) as u8;
        let count = count.as_bytes();
        self.repeats = (value(count[0]) << 6 | value(count[1])).saturating_sub(1);
        self.token.text.clear();
        self.token.text.push_str(token);
        self.rest = rest;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::ArticleText;

    #[test]
    fn terms_come_out_as_often_as_they_count() {
        let vector = super::super::super::vector::of_text(ArticleText { title: "flood", body: &"river ".repeat(300) });
        let text = encode_terms(&vector);
        let mut tokenizer = TermsTokenizer::default();
        let mut stream = tokenizer.token_stream(&text);
        let mut counts = std::collections::BTreeMap::<String, u32>::new();
        while stream.advance() {
            *counts.entry(stream.token().text.clone()).or_default() += 1;
        }
        let mut counts: Vec<u32> = counts.into_values().collect();
        counts.sort();
        assert_eq!(counts, [3, 255]);
    }

    #[test]
    fn the_best_of_many_are_kept() {
        let mut best = Best::new(3);
        for number in [5_u32, 1, 9, 7, 3, 8, 2, 6, 4] {
            best.push(number as f32, Place { segment: 0, document: number });
        }
        let mut kept: Vec<u32> = best.into_vec().iter().map(|(_, place)| place.document).collect();
        kept.sort();
        assert_eq!(kept, [7, 8, 9]);
    }
}
