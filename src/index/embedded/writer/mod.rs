//! The one thread that changes an archive.

mod folding;
mod group_commit;
mod reclamation;
mod run;
mod site;

pub(super) use run::Writer;
