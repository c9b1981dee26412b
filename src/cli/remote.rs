//! The server that a command asks.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use clap::Args;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

use super::output::printable;
use crate::grpc::client::{ModelServiceClient, retry_delay};
use crate::grpc::pb;

/// The default server.
pub(super) const DEFAULT_SERVER: &str = "http://127.0.0.1:50051";

/// The largest answer accepted, in bytes: a page may hold a hundred articles of the greatest
/// length.
pub(super) const MAX_ANSWER_BYTES: usize = 256 << 20;

/// How long to retry while the server asks for it, as it does while it starts, and when to tell the
/// user.
const PATIENCE: Duration = Duration::from_secs(30);
const SAID_AFTER: Duration = Duration::from_secs(1);

/// The address of a server: `http://HOST:PORT`, or `HOST:PORT` for short. Anything else is refused:
/// what looks like encryption must not become clear text.
#[derive(Debug, Clone)]
pub(super) struct ServerUrl {
    given: String,
    endpoint: Endpoint,
}

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        let (scheme, rest) =
            given.split_once("://").map_or((None, given), |(scheme, rest)| (Some(scheme), rest));
        if let Some(scheme) = scheme.filter(|scheme| !scheme.eq_ignore_ascii_case("http")) {
            return Err(format!(
                "{scheme}:// is not supported: there is no encryption yet; \
                 give http://HOST:PORT or HOST:PORT"
            ));
        }
        let refused = |why: &str| {
            format!("{why}; give http://HOST:PORT or HOST:PORT, such as {DEFAULT_SERVER}")
        };
        let address = rest.strip_suffix('/').unwrap_or(rest);
        if address.is_empty() {
            return Err(refused("no server is named"));
        }
        if address.contains('@') {
            return Err(refused("a user and a password are not supported"));
        }
        if address.contains(['/', '?', '#']) {
            return Err(refused("an address ends with its port"));
        }
        let uri: Uri = format!("http://{address}")
            .parse()
            .map_err(|_| refused("this is not the address of a server"))?;
        let host = uri.host().unwrap_or_default();
        if host.is_empty() {
            return Err(refused("no host is named"));
        }
        match uri.port_u16() {
            None if address.len() > host.len() => {
                return Err(refused("a port is a number from 1 to 65535"));
            }
            // A URL without a port means port 80.
            None if scheme.is_none() => return Err(refused("no port is named")),
            _ => {}
        }
        Ok(Self { given: given.to_owned(), endpoint: Endpoint::from(uri) })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.given)
    }
}

/// The server to ask.
#[derive(Args)]
pub(super) struct ServerArguments {
    /// The server to ask, as http://HOST:PORT or HOST:PORT; encryption is not supported yet
    #[arg(long, env = "SLUGLINE_SERVER", default_value = DEFAULT_SERVER, value_name = "URL")]
    pub(super) server: ServerUrl,
}

/// How a call ended that the user can interrupt.
pub(super) enum Ending<T> {
    /// The server answered, or the call failed.
    Done(anyhow::Result<T>),
    /// The user interrupted the call; the answer is to the part that was sent.
    Interrupted(anyhow::Result<T>),
}

/// A connection to a server, with the runtime that drives it.
pub(super) struct Remote {
    server: ServerUrl,
    runtime: tokio::runtime::Runtime,
    channel: Channel,
}

impl Remote {
    /// Connects to a server.
    pub(super) fn connect(server: &ServerUrl) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connected = runtime.block_on(server.endpoint.connect());
        let channel =
            connected.map_err(|error| anyhow!("cannot connect to {server}: {}", causes(&error)))?;
        Ok(Self { server: server.clone(), runtime, channel })
    }

    /// The connection, for a client.
    pub(super) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Waits for an answer, and retries while the server asks for it.
    pub(super) fn ask<T>(
        &self,
        mut call: impl AsyncFnMut() -> Result<tonic::Response<T>, Status>,
    ) -> anyhow::Result<T> {
        self.runtime.block_on(async {
            let (started, mut is_said) = (Instant::now(), false);
            loop {
                let status = match call().await {
                    Ok(response) => return Ok(response.into_inner()),
                    Err(status) => status,
                };
                let elapsed = started.elapsed();
                match retry_delay(&status) {
                    Some(delay) if elapsed < PATIENCE => {
                        tokio::time::sleep(delay.min(PATIENCE - elapsed)).await
                    }
                    _ => return Err(refused(&status)),
                }
                if !is_said && elapsed >= SAID_AFTER {
                    eprintln!("waiting for {}: {}", self.server, printable(status.message()));
                    is_said = true;
                }
            }
        })
    }

    /// Waits until the server has opened its models and its archive, before a call that cannot be
    /// repeated.
    pub(super) fn wait_until_ready(&self) -> anyhow::Result<()> {
        let mut client =
            ModelServiceClient::new(self.channel()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let request = pb::ListModelsRequest { page_size: 1, ..pb::ListModelsRequest::default() };
        self.ask(async || client.list_models(request.clone()).await).map(drop)
    }

    /// Waits for so long, or until Ctrl-C.
    pub(super) fn wait<T>(&self, event: impl Future<Output = T>, most: Duration) -> Waited<T> {
        self.runtime.block_on(async {
            tokio::select! {
                outcome = tokio::time::timeout(most, event) => {
                    outcome.map_or(Waited::TooLong, Waited::Done)
                }
                () = interrupt() => Waited::Interrupted,
            }
        })
    }

    /// Waits for the answer to a call that is not repeated. At Ctrl-C calls `stop`, which has to
    /// end what is sent, and goes on waiting until the server answers or Ctrl-C comes again.
    pub(super) fn ask_interruptibly<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
        stop: impl FnOnce(),
    ) -> Ending<T> {
        let answer = |outcome: Result<tonic::Response<T>, Status>| {
            outcome.map(tonic::Response::into_inner).map_err(|status| refused(&status))
        };
        self.runtime.block_on(async {
            tokio::pin!(call);
            tokio::select! {
                outcome = &mut call => return Ending::Done(answer(outcome)),
                () = interrupt() => {}
            }
            eprintln!(
                "interrupted: waiting for the server to store what was sent; \
                 press Ctrl-C again to quit at once"
            );
            stop();
            tokio::select! {
                outcome = call => Ending::Interrupted(answer(outcome)),
                () = interrupt() => {
                    Ending::Interrupted(Err(anyhow!("quit before the server answered")))
                }
            }
        })
    }
}

/// How a wait ended.
pub(super) enum Waited<T> {
    Done(T),
    TooLong,
    Interrupted,
}

/// Waits for Ctrl-C; for ever where the system offers no such signal.
async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Says why a call failed. A status with a source was made by the client, not by the server.
fn refused(status: &Status) -> anyhow::Error {
    match status.source() {
        Some(source) => anyhow!("the call failed: {}", causes(source)),
        None => anyhow!("the server answered {:?}: {}", status.code(), status.message()),
    }
}

/// The causes of a transport error, each once: its layers repeat the messages of those below.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let cause = error.to_string();
        if !causes.contains(&cause) {
            causes.push(cause);
        }
        next = error.source();
    }
    // tonic's outermost layer, which says nothing that its causes do not.
    if causes.len() > 1 {
        causes.retain(|cause| cause != "transport error");
    }
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_by_http_or_by_its_address_alone() {
        for (given, expected) in [
            ("http://127.0.0.1:50051", "http://127.0.0.1:50051/"),
            ("HTTP://localhost:1/", "http://localhost:1/"),
            ("localhost:50051", "http://localhost:50051/"),
            ("[::1]:50051", "http://[::1]:50051/"),
            ("http://example.org", "http://example.org/"),
        ] {
            let server: ServerUrl = given.parse().expect("a server");
            assert_eq!(
                (server.endpoint.uri().to_string(), server.to_string()),
                (expected.to_owned(), given.to_owned())
            );
        }
    }

    #[test]
    fn unsupported_servers_are_refused_in_words() {
        for (given, words) in [
            ("https://localhost:50051", "https:// is not supported"),
            ("HTTPS://localhost:50051", "HTTPS:// is not supported"),
            ("grpcs://localhost:50051", "grpcs:// is not supported"),
            ("grpc://localhost:50051", "grpc:// is not supported"),
            ("unix:///run/slugline", "unix:// is not supported"),
            ("://localhost:50051", ":// is not supported"),
            ("unix:/run/slugline", "ends with its port"),
            ("dns:localhost:50051", "not the address"),
            ("::1:50051", "not the address"),
            ("two words:1", "not the address"),
            ("http://user:secret@localhost:50051", "password"),
            ("http://localhost:50051/v1", "ends with its port"),
            ("localhost:50051?tls=1", "ends with its port"),
            ("localhost:99999", "from 1 to 65535"),
            ("http://localhost:", "from 1 to 65535"),
            ("localhost", "no port"),
            ("http://:50051", "no host"),
            ("http://", "no server"),
            ("", "no server"),
        ] {
            let refused = given.parse::<ServerUrl>().expect_err(given);
            assert!(refused.contains(words), "{given}: {refused}");
        }
    }
}
