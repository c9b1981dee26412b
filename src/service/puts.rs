//! Puts from admission to storage: one article, or a batch.

use super::admit::{Admitted, ArticleDraft, PutMode};
use super::error::ServiceError;
use super::pending::{PendingWrites, check_changed};
use crate::index::{ArchivedArticle, ArticleId, Reliance, StoredTopic, Write, WriteOutcome};

/// Articles of one request to put into the archive.
#[derive(Debug)]
pub struct PutBatch {
    /// The articles.
    pub drafts: Vec<ArticleDraft>,
    /// Whether they may replace others.
    pub mode: PutMode,
}

impl PutBatch {
    /// The size of the largest text, in bytes.
    pub fn largest_text_bytes(&self) -> usize {
        self.drafts.iter().map(ArticleDraft::text_bytes).max().unwrap_or(0)
    }
}

/// What the caller learns of an article once it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// Its id.
    pub id: ArticleId,
    /// The topics stored with it.
    pub topics: Vec<StoredTopic>,
    /// The model that classified it.
    pub model: String,
    /// How reliable its topics are.
    pub reliance: Reliance,
    /// Its etag.
    pub etag: String,
}

impl Receipt {
    fn of(article: &ArchivedArticle) -> Self {
        Self {
            id: article.id.clone(),
            topics: article.topics.clone(),
            model: article.model.clone(),
            reliance: article.reliance,
            etag: article.etag(),
        }
    }
}

/// What a put did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutOutcome {
    /// It stored a new article.
    Created,
    /// It replaced an article.
    Replaced,
}

/// An article that is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// What the put did.
    pub outcome: PutOutcome,
    /// What was stored.
    pub receipt: Receipt,
}

impl Stored {
    fn new(receipt: Receipt, outcome: WriteOutcome) -> Result<Self, ServiceError> {
        check_changed(outcome, receipt.id.as_str())?;
        let outcome = match outcome {
            WriteOutcome::Replaced => PutOutcome::Replaced,
            _ => PutOutcome::Created,
        };
        Ok(Self { outcome, receipt })
    }
}

/// A batch whose articles are checked and classified, and not stored yet.
#[derive(Debug)]
pub struct PreparedBatch {
    pub(super) writes: Vec<Write>,
    pub(super) receipts: Vec<Result<Receipt, ServiceError>>,
}

impl PreparedBatch {
    pub(super) fn new(admitted: Vec<Result<Admitted, ServiceError>>) -> Self {
        let mut writes = Vec::with_capacity(admitted.len());
        let receipts = admitted.into_iter().map(|admitted| {
            admitted.map(|admitted| {
                let receipt = Receipt::of(&admitted.article);
                writes.push(admitted.into());
                receipt
            })
        });
        let receipts = receipts.collect();
        Self { writes, receipts }
    }

    /// For each article the receipt it gets if it is stored, or why it was refused.
    pub fn receipts(&self) -> &[Result<Receipt, ServiceError>] {
        &self.receipts
    }
}

/// A put that the archive has taken.
#[derive(Debug)]
pub struct PendingPut(PendingBatch);

impl PendingPut {
    pub(super) fn new(batch: PendingBatch) -> Self {
        Self(batch)
    }

    /// Waits until the article is durable.
    ///
    /// # Errors
    /// Why it was not stored.
    pub async fn stored(self) -> Result<Stored, ServiceError> {
        let stored = self.0.stored().await?.pop();
        stored.unwrap_or_else(|| Err(ServiceError::Internal("a put without an outcome".to_owned())))
    }
}

/// A batch of puts that the archive has taken.
#[derive(Debug)]
pub struct PendingBatch {
    pub(super) pending: PendingWrites,
    pub(super) receipts: Vec<Result<Receipt, ServiceError>>,
}

impl PendingBatch {
    /// Waits until the articles are durable. For each there is what was stored, or why it was not.
    ///
    /// # Errors
    /// Why none of them can be relied on to be stored.
    pub async fn stored(self) -> Result<Vec<Result<Stored, ServiceError>>, ServiceError> {
        let mut outcomes = self.pending.outcomes().await?.into_iter();
        let stored = self.receipts.into_iter().map(|receipt| {
            // There are as many outcomes as receipts.
            let receipt = receipt?;
            Stored::new(receipt, outcomes.next().unwrap_or(WriteOutcome::Absent))
        });
        Ok(stored.collect())
    }
}
