//! Decides when a connection has to go.

use std::time::Duration;

use tokio::time::Instant;

use super::peer::{DRAIN_GRACE, Peer, Standing};

/// The bytes that a client sends before anything else: the preface and a SETTINGS frame.
const HELLO_BYTES: u64 = 24 + 9;
/// How often a connection is inspected, and how often while the server drains.
const TICK: Duration = Duration::from_secs(10);
const DRAIN_TICK: Duration = Duration::from_millis(250);
/// How long a spare connection may stay open.
const SPARE_LIFETIME: Duration = Duration::from_secs(1);

/// What becomes of a connection.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It goes on.
    Stay,
    /// It takes no more calls, and closes when the open ones have ended.
    Leave,
    /// It is cut, for this reason.
    Cut(&'static str),
}

/// How a connection stood when it was last inspected.
#[derive(Debug)]
pub(crate) struct Upkeep {
    opened: Instant,
    /// Since when it has had no open call.
    idle_since: Instant,
    /// Since when no piece of an answer has been taken; renewed while none is waiting.
    blocked_since: Instant,
    started: u64,
    sent: u64,
    is_draining: bool,
    is_leaving: bool,
}

impl Upkeep {
    /// Starts with a new connection.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            opened: now,
            idle_since: now,
            blocked_since: now,
            started: 0,
            sent: 0,
            is_draining: false,
            is_leaving: false,
        }
    }

    /// Notes that the server drains.
    pub(crate) fn drain(&mut self) {
        self.is_draining = true;
    }

    /// Whether the server drains.
    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining
    }

    /// How often to inspect the connection.
    pub(crate) fn tick(&self, peer: &Peer) -> Duration {
        if self.is_draining || peer.standing == Standing::Spare {
            DRAIN_TICK
        } else {
            TICK.min(peer.timeouts().hello)
        }
    }

    /// Inspects the connection.
    pub(crate) fn inspect(&mut self, peer: &Peer) -> Verdict {
        let now = Instant::now();
        let activity = peer.activity();
        if activity.calls > 0 || activity.started != self.started {
            (self.started, self.idle_since) = (activity.started, now);
        }
        if activity.unsent == 0 || activity.sent != self.sent {
            (self.sent, self.blocked_since) = (activity.sent, now);
        }
        let (age, idle) = (now - self.opened, now - self.idle_since);
        if age >= peer.timeouts().hello && activity.received < HELLO_BYTES {
            return Verdict::Cut("no HTTP/2 preface");
        }
        // Longer than a call is given, so that one slow call ends before its connection does.
        if now - self.blocked_since >= peer.timeouts().answer * 2 {
            return Verdict::Cut("answers not read");
        }
        if self.is_draining || self.is_leaving {
            let is_late = idle >= DRAIN_GRACE;
            return if is_late { Verdict::Cut("idle after GOAWAY") } else { Verdict::Stay };
        }
        let is_expired = peer.standing == Standing::Spare && age >= SPARE_LIFETIME;
        if is_expired || (idle >= TICK && peer.transport.is_crowded()) {
            self.is_leaving = true;
            return Verdict::Leave;
        }
        Verdict::Stay
    }
}
