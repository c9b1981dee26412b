//! What was found wrong with an archive when it was opened.

/// How many damaged places are logged one by one.
const MAX_LOGGED: usize = 20;
/// How many damaged places a summary names.
const MAX_SUMMARISED: usize = 5;

/// What was found wrong with an archive.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Acknowledged data that cannot be read.
    pub(super) damage: Vec<String>,
    /// Anything else worth reporting.
    pub(super) remarks: Vec<String>,
}

impl Findings {
    /// Adds other findings.
    pub(super) fn append(&mut self, mut other: Self) {
        self.damage.append(&mut other.damage);
        self.remarks.append(&mut other.remarks);
    }

    /// Logs the damage, the first places one by one.
    pub(super) fn log_damage(&self) {
        for place in self.damage.iter().take(MAX_LOGGED) {
            tracing::error!(damage = %place, "the archive is damaged");
        }
        if self.damage.len() > MAX_LOGGED {
            let more = self.damage.len() - MAX_LOGGED;
            tracing::error!(more, "the archive is damaged in further places");
        }
    }

    /// The first damaged places, for the status.
    pub(super) fn summary(&self) -> String {
        let named = self.damage.iter().take(MAX_SUMMARISED).cloned().collect::<Vec<_>>().join("; ");
        match self.damage.len().saturating_sub(MAX_SUMMARISED) {
            0 => named,
            more => format!("{named}; and {more} more"),
        }
    }
}
