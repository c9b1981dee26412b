//! A server that a command asks.

use std::future::Future;

use anyhow::{Context as _, anyhow};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Where a server is by default.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// The largest answer that is taken, in bytes: a page of similar articles may be a hundred of the longest.
pub(super) const MAX_ANSWER_BYTES: usize = 256 << 20;

/// A connection, and what it runs on.
pub(super) struct Remote {
    runtime: tokio::runtime::Runtime,
    channel: Channel,
}

impl Remote {
    /// Connects to a server by its URL, or by its address alone.
    pub(super) fn connect(url: &str) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let address = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let endpoint = Endpoint::from_shared(address).with_context(|| format!("{url} is no URL of a server"))?;
        let channel = runtime.block_on(endpoint.connect()).with_context(|| format!("cannot connect to {url}"))?;
        Ok(Self { runtime, channel })
    }

    /// The connection, for a client.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for an answer.
    pub(super) fn ask<T>(&self, call: impl Future<Output = Result<tonic::Response<T>, Status>>) -> anyhow::Result<T> {
        match self.runtime.block_on(call) {
            Ok(response) => Ok(response.into_inner()),
            Err(status) => Err(refused(&status)),
        }
    }
}

fn refused(status: &Status) -> anyhow::Error {
    anyhow!("the server answered {:?}: {}", status.code(), status.message())
}
