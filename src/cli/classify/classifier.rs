//! What answers: a model at hand, or a server.

use std::path::Path;

use anyhow::Context as _;

use crate::article::{ArticleText, Limits};
use crate::cli::model_argument::read_model;
use crate::cli::remote::{Remote, ServerUrl};
use crate::cli::usage::Usage;
use crate::grpc::client::ClassificationServiceClient;
use crate::grpc::pb;
use crate::service::{
    ClassifyQuery, ModelEntry, ModelSet, ModelSource, ModelState, RequestedOptions, classify,
};

pub(super) enum Classifier {
    Local(Box<ModelEntry>),
    Remote {
        remote: Box<Remote>,
        /// The model's name on the server; empty for the server's default.
        model: String,
    },
}

impl Classifier {
    /// A model of a server.
    pub(super) fn of_server(url: &ServerUrl, model: Option<&Path>) -> anyhow::Result<Self> {
        let model = match model {
            None => "",
            Some(model) => model.to_str().context("the name of a model must be UTF-8")?,
        };
        Ok(Self::Remote { remote: Box::new(Remote::connect(url)?), model: model.to_owned() })
    }

    /// A model of this process: the one in a directory, or else the one in the binary.
    pub(super) fn local(model: Option<&Path>) -> anyhow::Result<Self> {
        let Some(directory) = model else {
            let source = ModelSource { directory: None, default_model: "news".to_owned() };
            let models = ModelSet::open(&source)?;
            return Ok(Self::Local(Box::new(models.default_entry().clone())));
        };
        let loaded = read_model(directory)?;
        let id = loaded.manifest.id();
        let label = id.to_string().into();
        Ok(Self::Local(Box::new(ModelEntry {
            label,
            id,
            state: ModelState::Serving(loaded.into()),
        })))
    }

    /// Refuses a topic for --against that the model at hand does not have. A server answers for its
    /// own.
    pub(super) fn check_topic(&self, topic: &str) -> Result<(), Usage> {
        let Self::Local(entry) = self else { return Ok(()) };
        let ModelState::Serving(loaded) = &entry.state else { return Ok(()) };
        if loaded.model.topics().iter().any(|name| name.as_str() == topic) {
            return Ok(());
        }
        Err(Usage(format!(
            "--against: model {} has no topic {topic:?}; slugline model show lists its topics",
            entry.label
        )))
    }

    pub(super) fn ask(
        &self,
        text: ArticleText<'_>,
        options: RequestedOptions,
    ) -> anyhow::Result<pb::ClassifyResponse> {
        match self {
            Self::Local(entry) => {
                let options = options.checked(Some(entry))?;
                let query = ClassifyQuery { text, language_code: "", options: &options };
                Ok(classify(entry, &query, &Limits::default(), "article")?.into())
            }
            Self::Remote { remote, model } => {
                let RequestedOptions {
                    max_topics,
                    min_probability,
                    explain,
                    max_evidence_terms,
                    max_evidence_spans,
                    explain_against,
                } = options;
                let request = pb::ClassifyRequest {
                    article: Some(pb::Article {
                        title: text.title.to_owned(),
                        body: text.body.to_owned(),
                        language_code: String::new(),
                    }),
                    max_topics,
                    min_probability,
                    explain,
                    max_evidence_terms,
                    max_evidence_spans,
                    explain_against,
                    model: model.clone(),
                };
                let mut client = ClassificationServiceClient::new(remote.channel());
                remote.ask(async || client.classify(request.clone()).await)
            }
        }
    }
}
