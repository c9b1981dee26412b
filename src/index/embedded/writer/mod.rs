//! The one thread that changes an archive: it appends groups of writes to the journal, and has the
//! index brought up to date.

mod folding;
mod group_commit;
mod run;
mod site;

pub(super) use run::Writer;
