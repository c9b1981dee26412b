//! Holds the source to its floors: who may import whom, and which crate has its home where.
//!
//! The scan is of lines, not of Rust: it sees every path that is written out from `crate::`, or
//! from the name of a crate, and refuses `super` paths that leave a floor.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A part of `src`: a floor, a folder of a floor that may import more, or one of the two roots.
struct Unit {
    /// Its place in `src`, without `.rs`; a file belongs to the longest one that contains it.
    path: &'static str,
    /// From the bottom; siblings have the same height.
    height: u8,
    /// The other floors that it may import.
    imports: &'static [&'static str],
}

/// The table of the floors. Where it and the source disagree, either may be wrong.
const UNITS: &[Unit] = &[
    Unit { path: "article", height: 0, imports: &[] },
    Unit { path: "text", height: 1, imports: &["article"] },
    Unit { path: "corpus", height: 1, imports: &["article"] },
    Unit { path: "model", height: 2, imports: &["article", "text"] },
    Unit { path: "index", height: 2, imports: &["article", "text"] },
    Unit { path: "train", height: 3, imports: &["article", "text", "corpus", "model"] },
    Unit { path: "service", height: 3, imports: &["article", "text", "model", "index"] },
    Unit { path: "grpc", height: 4, imports: &["article", "model", "index", "service"] },
    Unit {
        path: "cli",
        height: 5,
        imports: &["article", "text", "corpus", "model", "train", "index", "service", "grpc"],
    },
    Unit { path: "lib", height: 6, imports: &[] },
    Unit { path: "main", height: 6, imports: &["cli"] },
];

/// Each crate, or a part of one, with the parts of `src` that may use it.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("arc_swap", &["service"]),
    ("argmin", &["train"]),
    ("argmin_math", &["train"]),
    ("linfa_linalg", &["train"]),
    ("bytes", &["grpc"]),
    ("caseless", &["text"]),
    ("clap", &["cli"]),
    ("console", &["cli"]),
    ("csv", &["corpus"]),
    ("fearless_simd", &["text", "model", "train"]),
    ("prefetch_index", &["text", "model"]),
    ("flate2", &["corpus", "grpc/transport/inflate", "grpc/transport/deflate"]),
    ("memchr", &["corpus", "index"]),
    ("zerocopy", &["train"]),
    ("frostem", &["text/stem"]),
    ("futures_util", &["grpc"]),
    ("gag", &["train"]),
    ("half", &["model", "train"]),
    ("hashbrown", &["train"]),
    ("hex", &["model", "train", "index", "grpc", "cli"]),
    ("http", &["grpc"]),
    ("http_body", &["grpc"]),
    ("humantime", &["cli"]),
    ("hyper", &["grpc"]),
    ("hyper_util", &["grpc"]),
    ("indicatif", &["cli"]),
    ("libm", &["model", "index", "train"]),
    ("linfa", &["train"]),
    ("linfa_bayes", &["train"]),
    ("maud", &["cli/report"]),
    ("ndarray", &["train"]),
    ("plotters", &["cli/report"]),
    ("postcard", &["index/record", "train"]),
    ("prost", &["grpc"]),
    ("prost_reflect", &["grpc/reflection"]),
    ("prost_types", &["grpc", "cli"]),
    ("rayon", &["train"]),
    ("rustix", &["model", "index/embedded/writer", "grpc/transport/background", "cli/serve"]),
    ("safetensors", &["model"]),
    ("serde", &["text", "corpus", "model", "train", "index", "cli"]),
    ("serde_json", &["corpus", "model", "train", "index", "cli"]),
    ("sha2", &["corpus", "model", "train", "index", "grpc"]),
    ("tantivy", &["index/embedded/segments"]),
    ("tempfile", &["model", "train", "index/embedded", "cli/report", "cli/evaluate_similar"]),
    ("tikv_jemallocator", &["main"]),
    (
        "thiserror",
        &["article", "text", "corpus", "model", "train", "index", "service", "grpc", "cli"],
    ),
    ("time", &["cli"]),
    ("tokio", &["service", "grpc", "cli"]),
    ("tokio_util", &["service", "grpc"]),
    ("tokio_stream", &["grpc", "cli/articles/import"]),
    ("tonic", &["grpc"]),
    // The clients of the command line name their channel, and what a refusal is.
    ("tonic::transport", &["cli/remote"]),
    ("tonic::Status", &["cli/remote"]),
    ("tonic::Response", &["cli/remote"]),
    ("tonic_health", &["grpc"]),
    ("tonic_prost", &["grpc"]),
    ("tonic_reflection", &["grpc"]),
    ("tonic_types", &["grpc"]),
    ("tower", &["grpc"]),
    ("tracing", &["index", "grpc", "cli"]),
    ("tracing_subscriber", &["cli"]),
    ("unicode_normalization", &["text"]),
    ("unicode_segmentation", &["text"]),
    ("zstd", &["index", "corpus", "train"]),
];

/// Crates that test modules may use on every floor, besides whatever lies below it.
const TEST_TOOLS: &[&str] = &["criterion", "proptest", "tempfile"];

/// Each breach of the table in a file, as `file:line: what`. `file` is its path in `src`.
fn breaches(file: &str, source: &str) -> Vec<String> {
    let place = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let Some(unit) =
        UNITS.iter().filter(|unit| is_within(place, unit.path)).max_by_key(|unit| unit.path.len())
    else {
        return vec![format!("{file}: belongs to no floor of the table")];
    };
    let mut found = Vec::new();
    for line in lines(file, source) {
        let mut breach = |what: String| found.push(format!("{file}:{}: {what}", line.number));
        for path in line.paths("crate").chain(line.paths("slugline")) {
            let floor = path.split("::").nth(1).unwrap_or_default();
            if !may_import(unit, floor, line.is_test) {
                breach(format!("{} must not import {floor}", unit.path));
            }
        }
        for (name, _) in HOMES.iter().filter(|(name, _)| !name.contains("::")) {
            for path in line.paths(name).filter(|path| !is_at_home(unit, place, path, &line)) {
                breach(format!("{path} is not at home in {place}"));
            }
        }
        // A module in the file is one deeper, as test modules are.
        let depth = place.split('/').count() + usize::from(line.is_test);
        if line.text.contains(&"super::".repeat(depth)) {
            breach("super leaves the floor; write crate::".to_owned());
        }
    }
    found
}

fn may_import(unit: &Unit, floor: &str, is_test: bool) -> bool {
    let own = unit.path.split('/').next().unwrap_or_default();
    floor == own
        || unit.imports.contains(&floor)
        || (is_test && height_of(floor).is_some_and(|height| height < unit.height))
}

fn is_at_home(unit: &Unit, place: &str, path: &str, line: &Line<'_>) -> bool {
    let name = path.split("::").next().unwrap_or_default();
    let is_home = |home: &&str| {
        let is_below = height_of(home).is_some_and(|height| height < unit.height);
        is_within(place, home) || (line.is_test && is_below)
    };
    (line.is_test && TEST_TOOLS.contains(&name))
        || HOMES
            .iter()
            .filter(|(part, _)| path == *part || path.starts_with(&format!("{part}::")))
            .any(|(_, homes)| homes.iter().any(is_home))
}

/// The height of the floor that a place is on; None outside the table.
fn height_of(place: &str) -> Option<u8> {
    let units = UNITS.iter().filter(|unit| is_within(place, unit.path));
    units.map(|unit| unit.height).max()
}

fn is_within(place: &str, unit: &str) -> bool {
    place.strip_prefix(unit).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

/// A line of code; a `use` of several lines is joined into its first.
struct Line<'s> {
    number: usize,
    text: std::borrow::Cow<'s, str>,
    /// Whether it is part of a test module.
    is_test: bool,
}

/// The lines of a source that are not comments.
fn lines<'s>(file: &str, source: &'s str) -> Vec<Line<'s>> {
    let is_test_file = file.ends_with("/tests.rs") || file.contains("/tests/");
    let (mut found, mut is_test_module): (Vec<Line<'s>>, bool) = (Vec::new(), false);
    let mut is_marked = false;
    for (index, text) in source.lines().enumerate() {
        let code = text.trim_start();
        if code.starts_with("//") {
            continue;
        }
        is_test_module |= is_marked && code.starts_with("mod ") && code.ends_with('{');
        is_marked = code == "#[cfg(test)]";
        let is_test = is_test_file || is_test_module;
        let is_open = |line: &Line<'_>| line.text.contains("use ") && !line.text.contains(';');
        match found.last_mut().filter(|line| is_open(line)) {
            Some(line) => line.text.to_mut().push_str(code),
            None => found.push(Line { number: index + 1, text: text.into(), is_test }),
        }
        is_test_module &= text != "}";
    }
    found
}

impl Line<'_> {
    /// The paths that start with a name, each to its second segment: `tonic::Status`.
    fn paths(&self, name: &str) -> impl Iterator<Item = String> {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let segment = |text: &str| {
            text.trim_start().chars().take_while(|c| is_part(*c) || *c == '*').collect::<String>()
        };
        let mut found = Vec::new();
        for (at, _) in self.text.match_indices(name) {
            let (before, after) = (&self.text[..at], &self.text[at + name.len()..]);
            // The tail of a longer name or path, or a word in a string.
            let continues_a_path = before
                .strip_suffix("::")
                .is_some_and(|path| path.ends_with(|c: char| is_part(c) || c == '>'));
            if before.ends_with(|c: char| is_part(c) || c == '.') || continues_a_path {
                continue;
            }
            match after.strip_prefix("::") {
                None if before.ends_with("use ") && !after.starts_with(is_part) => {
                    found.push(name.to_owned());
                }
                None => {}
                Some(rest) => match rest.strip_prefix('{') {
                    None => found.push(format!("{name}::{}", segment(rest))),
                    Some(group) => {
                        let names = members(group).map(&segment);
                        found.extend(names.map(|member| format!("{name}::{member}")));
                    }
                },
            }
        }
        found.into_iter()
    }
}

/// The members of a group of imports, from behind its opening brace on.
fn members(group: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0;
    let end = group.find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth < 0
    });
    let mut depth = 0;
    group[..end.unwrap_or(group.len())]
        .split(move |c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            c == ',' && depth == 0
        })
        .filter(|member| !member.trim().is_empty())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file: its path in `src`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = root().join("src");
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = vec![root.clone()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&root).expect("a path in src").to_string_lossy();
                let text = fs::read_to_string(&path).expect("a source file is text");
                found.push((name.replace('\\', "/"), text));
            }
        }
    }
    found
}

#[test]
fn each_floor_imports_only_what_lies_below_it() {
    let sources = sources();
    let found: Vec<String> =
        sources.iter().flat_map(|(file, source)| breaches(file, source)).collect();
    assert!(found.is_empty(), "the floors are broken:\n  {}", found.join("\n  "));
    // Not because the scan saw nothing: every floor but the lowest imports another one.
    for unit in UNITS.iter().filter(|unit| !unit.imports.is_empty()) {
        let files: Vec<_> = sources
            .iter()
            .filter(|(file, _)| is_within(file.trim_end_matches(".rs"), unit.path))
            .collect();
        let imports = |path: String| unit.imports.contains(&path.split("::").nth(1).unwrap_or(""));
        let sees_another = files
            .iter()
            .flat_map(|(file, source)| lines(file, source))
            .any(|line| line.paths("crate").chain(line.paths("slugline")).any(imports));
        assert!(sees_another || files.is_empty(), "{} imports nothing", unit.path);
    }
}

#[test]
fn each_dependency_has_a_home() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let section = manifest
        .split("\n[dependencies]\n")
        .nth(1)
        .and_then(|rest| rest.split("\n[").next())
        .expect("dependencies");
    let names = section
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "));
    let dependencies: BTreeSet<String> = names.map(|(name, _)| name.replace('-', "_")).collect();
    let with_a_home: BTreeSet<String> = HOMES
        .iter()
        .map(|(part, _)| part.split("::").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(dependencies, with_a_home);
}

#[test]
fn a_breach_is_named_with_its_line() {
    for (file, source, expected) in [
        ("text/bag.rs", "use crate::model::TopicModel;", "1: text must not import model"),
        (
            "text/bag.rs",
            "use crate::{\n    article::Limits,\n    corpus::Input,\n};",
            "1: text must",
        ),
        ("text/bag.rs", "//! A\n\nuse crate::grpc::pb;", "3: text must not import grpc"),
        ("corpus/mod.rs", "fn f() -> crate::text::Bag {}", "1: corpus must not import text"),
        ("corpus/mod.rs", "use super::text::Bag;", "1: super leaves the floor"),
        ("corpus/input.rs", "use super::super::text;", "1: super leaves the floor"),
        ("model/score.rs", "const N: usize = slugline::grpc::N;", "1: model must not import grpc"),
        (
            "service/mod.rs",
            "#[cfg(test)]\nmod tests {\n}\nuse crate::grpc::pb;",
            "4: service must not import grpc",
        ),
        (
            "service/mod.rs",
            "#[cfg(test)]\nmod tests {\n    use crate::cli::run;\n}",
            "3: service must not import cli",
        ),
        ("main.rs", "fn main() { slugline::grpc::serve() }", "1: main must not import grpc"),
        ("extra/mod.rs", "", " belongs to no floor"),
        ("cli/mod.rs", "use crate::extra::X;", "1: cli must not import extra"),
        ("service/mod.rs", "fn f(_: &::tonic::Status) {}", "1: tonic::Status is not at home"),
        ("service/mod.rs", "use tonic;", "1: tonic is not at home"),
        ("model/mod.rs", "#[derive(clap::Args)]", "1: clap::Args is not at home"),
        ("cli/remote.rs", "use tonic::{transport::X, Code};", "1: tonic::Code is not at home"),
        (
            "text/mod.rs",
            "#[cfg(test)]\nmod tests {\n    use tonic::Status;\n}",
            "3: tonic::Status is not at home",
        ),
    ] {
        let found = breaches(file, source);
        let expected = format!("{file}:{expected}");
        assert!(
            matches!(&found[..], [breach] if breach.starts_with(&expected)),
            "{file}: {source}\nfound {found:?}"
        );
    }
}

#[test]
fn what_is_allowed_is_not_a_breach() {
    for (file, source) in [
        ("article.rs", "use std::fmt;\nuse std::time::Duration;"),
        ("text/bag.rs", "use super::words::Scanner;\nuse crate::article::ArticleText;"),
        ("text/bag.rs", "//! See [`crate::grpc`].\n/// use crate::model::X;"),
        (
            "text/bag.rs",
            "#[cfg(test)]\nmod tests {\n    use super::super::X;\n    use tempfile::tempdir;\n}",
        ),
        ("train/mod.rs", "use crate::model::TopicModel;\nuse linfa::traits::Fit as _;"),
        ("model/tests.rs", "use crate::corpus::Input;\nuse zstd::encode_all;"),
        ("corpus/block.rs", "let a = Records::http::x || X::tonic::y;"),
        ("cli/remote.rs", "use tonic::transport::Channel;\npub(in crate::cli) fn f() {}"),
        ("main.rs", "fn main() { slugline::cli::main() }"),
    ] {
        assert_eq!(breaches(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}
