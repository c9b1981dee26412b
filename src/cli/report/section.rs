//! A part of the page.

use maud::{Markup, html};

/// A part of the page, under a heading.
pub(super) struct Section {
    /// What a link to it ends in.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    pub(super) content: Markup,
}

/// A table that scrolls where it is wider than the page.
pub(super) fn wide(label: &str, table: &Markup) -> Markup {
    html! { div.wide role="region" aria-label=(label) tabindex="0" { (table) } }
}
