//! A server process on an archive.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::support::channel;

/// The real binary, which is killed when dropped.
pub(super) struct Process {
    child: Child,
    pub(super) address: SocketAddr,
}

impl Process {
    pub(super) fn start(archive: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_slugline"))
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--archive"])
            .arg(archive)
            // Without the settings of the environment.
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        let address = line
            .trim()
            .strip_prefix("listening on ")
            .expect("it listens")
            .parse()
            .expect("an address");
        Self { child, address }
    }

    pub(super) async fn serving(&self) {
        self.serves("slugline.v1.ArticleService").await;
    }

    pub(super) async fn serves(&self, service: &str) {
        let request = HealthCheckRequest { service: service.to_owned() };
        let mut watch = HealthClient::new(channel(self.address).await)
            .watch(request)
            .await
            .expect("a watch")
            .into_inner();
        let serving = tonic_health::ServingStatus::Serving as i32;
        while watch.message().await.expect("no error").expect("not its end").status != serving {}
    }

    pub(super) fn kill(mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
