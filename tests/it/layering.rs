//! Holds the source to its floors: who may import whom, and which crate is at home where.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A part of `src`: a floor, a room of a floor that may do more, or one of the two roots.
struct Unit {
    /// Where it lies in `src`, without `.rs`; the longest one that fits a file is the file's.
    path: &'static str,
    /// From the bottom; siblings stand at the same height.
    height: u8,
    /// The floors it may import besides its own.
    imports: &'static [&'static str],
}

/// The table of the floors. Where it and the source disagree, one of them is wrong, and it need not
/// be the source.
const UNITS: &[Unit] = &[
    Unit { path: "article", height: 0, imports: &[] },
    Unit { path: "text", height: 1, imports: &["article"] },
    Unit { path: "corpus", height: 1, imports: &["article"] },
    Unit { path: "model", height: 2, imports: &["article", "text"] },
    Unit { path: "model/train", height: 2, imports: &["article", "text", "corpus"] },
    Unit { path: "index", height: 2, imports: &["article", "text"] },
    Unit { path: "service", height: 3, imports: &["article", "text", "model", "index"] },
    Unit { path: "grpc", height: 4, imports: &["article", "model", "index", "service"] },
    Unit {
        path: "cli",
        height: 5,
        imports: &["article", "text", "corpus", "model", "index", "service", "grpc"],
    },
    Unit { path: "lib", height: 6, imports: &[] },
    Unit { path: "main", height: 6, imports: &["cli"] },
];

/// Which crate, or which part of one, is used where: in these parts of `src` alone.
const HOMES: &[(&str, &[&str])] = &[
    ("anyhow", &["cli"]),
    ("arc_swap", &["service"]),
    ("argmin", &["model/train"]),
    ("argmin_math", &["model/train"]),
    ("linfa_linalg", &["model/train"]),
    ("bytes", &["grpc"]),
    ("caseless", &["text"]),
    ("clap", &["cli"]),
    ("csv", &["corpus"]),
    ("fearless_simd", &["text", "model"]),
    ("prefetch_index", &["text", "model"]),
    ("flate2", &["corpus", "grpc/transport/inflate", "grpc/transport/deflate"]),
    ("memchr", &["corpus", "index"]),
    ("memmap2", &["model/train"]),
    ("zerocopy", &["model/train"]),
    ("frostem", &["text/stem"]),
    ("futures_util", &["grpc"]),
    ("gag", &["model/train"]),
    ("half", &["model"]),
    ("hex", &["grpc"]),
    ("http", &["grpc"]),
    ("http_body", &["grpc"]),
    ("hyper", &["grpc"]),
    ("hyper_util", &["grpc"]),
    ("indicatif", &["cli"]),
    ("libm", &["model", "index"]),
    ("linfa", &["model/train"]),
    ("linfa_bayes", &["model/train"]),
    ("maud", &["cli/report"]),
    ("ndarray", &["model/train"]),
    ("plotters", &["cli/report"]),
    ("postcard", &["index/record"]),
    ("prost", &["grpc"]),
    ("prost_reflect", &["grpc/reflection"]),
    ("prost_types", &["grpc", "cli"]),
    ("rustix", &["model", "index/embedded/writer", "grpc/transport/background", "cli/serve"]),
    ("safetensors", &["model"]),
    ("serde", &["text", "corpus", "model", "index", "cli"]),
    ("serde_json", &["corpus", "model", "index", "cli"]),
    ("sha2", &["corpus", "model", "index", "grpc"]),
    ("tantivy", &["index/embedded/segments"]),
    ("tempfile", &["model", "index/embedded", "cli/report", "cli/evaluate_similar"]),
    ("tikv_jemallocator", &["main"]),
    ("thiserror", &["article", "text", "corpus", "model", "index", "service", "grpc", "cli"]),
    ("time", &["cli"]),
    ("tokio", &["service", "grpc", "cli"]),
    ("tokio_util", &["service", "grpc"]),
    ("tokio_stream", &["grpc", "cli/import"]),
    ("tonic", &["grpc"]),
    // The clients on the command line name the channel they speak over, and what a refusal is.
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
    ("zstd", &["index", "corpus", "model/train"]),
];

/// What `#[cfg(test)]` code may use on every floor, beside whatever lies below it.
const TEST_TOOLS: &[&str] = &["criterion", "proptest", "tempfile"];

/// Each breach of the table in a file, as `file:line: what`. `file` is its path in `src`.
fn breaches(file: &str, source: &str) -> Vec<String> {
    let place = file.trim_end_matches(".rs").trim_end_matches("/mod");
    let Some(unit) =
        UNITS.iter().filter(|unit| is_within(place, unit.path)).max_by_key(|unit| unit.path.len())
    else {
        return vec![format!("{file}: belongs to no floor of the table")];
    };
    let module: Vec<String> = if unit.path == "lib" || unit.path == "main" {
        Vec::new()
    } else {
        place.split('/').map(str::to_owned).collect()
    };
    references(source, &module)
        .into_iter()
        .filter_map(|reference| {
            let reason = match &reference.target {
                Target::Own(floor) => floor_breach(unit, floor, reference.in_tests),
                Target::Foreign(path) => crate_breach(unit, place, path, reference.in_tests),
            }?;
            Some(format!("{file}:{}: {reason}", reference.line))
        })
        .collect()
}

fn floor_breach(unit: &Unit, floor: &str, in_tests: bool) -> Option<String> {
    let own = unit.path.split('/').next().unwrap_or_default();
    let Some(target) = UNITS.iter().find(|unit| unit.path == floor) else {
        return Some(format!("{floor} is no floor of the table"));
    };
    let allowed =
        floor == own || unit.imports.contains(&floor) || (in_tests && target.height < unit.height);
    (!allowed).then(|| format!("{} must not import {floor}", unit.path))
}

fn crate_breach(unit: &Unit, place: &str, path: &str, in_tests: bool) -> Option<String> {
    let name = path.split("::").next().unwrap_or_default();
    let mut homes = HOMES
        .iter()
        .filter(|(part, _)| *part == name || part.starts_with(&format!("{name}::")))
        .peekable();
    // Not a crate: a type, or a module of the same file.
    homes.peek()?;
    let is_at_home =
        |home: &&str| is_within(place, home) || (in_tests && height_of(home) < unit.height);
    let allowed = homes.any(|(part, homes)| {
        (path == *part || path.starts_with(&format!("{part}::"))) && homes.iter().any(&is_at_home)
    });
    let is_tool = in_tests && TEST_TOOLS.contains(&name);
    (!allowed && !is_tool).then(|| format!("{path} is not at home in {place}"))
}

fn height_of(place: &str) -> u8 {
    UNITS
        .iter()
        .filter(|unit| is_within(place, unit.path))
        .map(|unit| unit.height)
        .max()
        .unwrap_or(u8::MAX)
}

fn is_within(place: &str, unit: &str) -> bool {
    place.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A path in the source that leads out of its module.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    line: usize,
    target: Target,
    /// Whether it stands under `#[cfg(test)]`.
    in_tests: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Target {
    /// A module at the crate's root.
    Own(String),
    /// A path that starts with a name: a crate's, or that of something at hand.
    Foreign(String),
}

/// The paths of a module's source, in `use` lines and elsewhere. `module` is where it lies below
/// the crate's root.
fn references(source: &str, module: &[String]) -> Vec<Reference> {
    let tokens = tokens(source);
    let tests = test_ranges(&tokens);
    let mut found = Vec::new();
    let mut at_depth: Vec<(usize, String)> = Vec::new();
    let mut depth = 0;
    let mut next = 0;
    while next < tokens.len() {
        let start = next;
        let mut paths = Vec::new();
        match tokens[start].text.as_str() {
            "{" => depth += 1,
            "}" => {
                depth -= 1;
                at_depth.pop_if(|(opened, _)| *opened == depth);
            }
            "mod" if text(&tokens, start + 2) == "{" => {
                at_depth.push((depth, tokens[start + 1].text.clone()))
            }
            "use" if text(&tokens, start + 1) != "<" => {
                let first = start + 1 + usize::from(text(&tokens, start + 1) == "::");
                next = use_tree(&tokens, first, &[], &mut paths);
            }
            word if is_name(word)
                && text(&tokens, start + 1) == "::"
                && !continues_a_path(&tokens, start) =>
            {
                let mut path = vec![word.to_owned()];
                while text(&tokens, next + 1) == "::" && is_name(text(&tokens, next + 2)) {
                    next += 2;
                    path.push(tokens[next].text.clone());
                }
                paths.push(path);
            }
            _ => {}
        }
        next = next.max(start + 1);
        let here: Vec<&str> = module
            .iter()
            .chain(at_depth.iter().map(|(_, name)| name))
            .map(String::as_str)
            .collect();
        found.extend(paths.iter().filter_map(|path| target(path, &here)).map(|target| Reference {
            line: tokens[start].line,
            target,
            in_tests: tests.iter().any(|range| range.contains(&start)),
        }));
    }
    found
}

/// What a path leads to, seen from the module `here`; None for one that only names a place on the
/// way, such as `super`.
fn target(path: &[String], here: &[&str]) -> Option<Target> {
    let mut from: Option<Vec<&str>> = None;
    for (place, name) in path.iter().enumerate() {
        match (name.as_str(), &mut from) {
            ("crate" | "slugline", None) => from = Some(Vec::new()),
            ("self", from) => drop(from.get_or_insert_with(|| here.to_vec())),
            ("super", from) => drop(from.get_or_insert_with(|| here.to_vec()).pop()),
            (_, None) => return Some(Target::Foreign(path[place..].join("::"))),
            (name, Some(from)) => {
                return Some(Target::Own((*from.first().unwrap_or(&name)).to_owned()));
            }
        }
    }
    None
}

/// Reads what follows `use` from `next` on, down to each name; returns where it ends.
fn use_tree(
    tokens: &[Token],
    mut next: usize,
    prefix: &[String],
    paths: &mut Vec<Vec<String>>,
) -> usize {
    let mut path = prefix.to_vec();
    loop {
        match text(tokens, next) {
            "{" => {
                next += 1;
                while !matches!(text(tokens, next), "}" | "") {
                    next = use_tree(tokens, next, &path, paths);
                    next += usize::from(text(tokens, next) == ",");
                }
                return next + 1;
            }
            "::" => next += 1,
            "as" => next += 2,
            name if is_name(name) || name == "*" => {
                path.push(name.to_owned());
                next += 1;
            }
            _ => {
                paths.push(path);
                return next;
            }
        }
    }
}

fn continues_a_path(tokens: &[Token], at: usize) -> bool {
    let before = |count: usize| at.checked_sub(count).map_or("", |at| text(tokens, at));
    let goes_on = |word: &str| {
        word == ">"
            || (is_name(word) && !matches!(word, "as" | "dyn" | "impl" | "in" | "mut" | "return"))
    };
    before(1) == "." || (before(1) == "::" && goes_on(before(2)))
}

/// Where the items under `#[cfg(test)]` stand.
fn test_ranges(tokens: &[Token]) -> Vec<Range<usize>> {
    let is_marked = |at: &usize| {
        ["#", "[", "cfg", "(", "test", ")", "]"]
            .iter()
            .enumerate()
            .all(|(offset, word)| text(tokens, at + offset) == *word)
    };
    (0..tokens.len()).filter(is_marked).map(|at| at..end_of_item(tokens, at + 7)).collect()
}

fn end_of_item(tokens: &[Token], start: usize) -> usize {
    let mut depth = 0;
    let is_import = tokens[start..]
        .iter()
        .take_while(|token| token.text != ";")
        .any(|token| token.text == "use");
    for (at, token) in tokens.iter().enumerate().skip(start) {
        match token.text.as_str() {
            "{" | "[" | "(" => depth += 1,
            "}" | "]" | ")" => depth -= 1,
            _ => {}
        }
        let is_end =
            token.text == ";" || (token.text == "}" && !(is_import && text(tokens, at + 1) == ";"));
        if depth == 0 && is_end {
            return at + 1;
        }
    }
    tokens.len()
}

#[derive(Debug)]
struct Token {
    line: usize,
    text: String,
}

fn text(tokens: &[Token], at: usize) -> &str {
    tokens.get(at).map_or("", |token| &token.text)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Cuts a source into names, numbers and punctuation, `::` as one; comments, strings and characters
/// are left out.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    let mut line = 1;
    while let Some(first) = rest.chars().next() {
        let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let length = if let Some(literal) = literal(rest) {
            literal
        } else if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if first == '\'' {
            // A lifetime: its name means nothing here.
            1 + rest[1..]
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len() - 1)
        } else {
            let length = if name > 0 {
                name
            } else {
                1.max(2 * usize::from(rest.starts_with("::"))).max(first.len_utf8())
            };
            if !first.is_whitespace() {
                tokens.push(Token { line, text: rest[..length].to_owned() });
            }
            length
        };
        line += rest[..length].matches('\n').count();
        rest = &rest[length..];
    }
    tokens
}

/// The length of the string or character that `rest` starts with, whatever its prefix.
fn literal(rest: &str) -> Option<usize> {
    let after_prefix = rest.trim_start_matches(['b', 'c']);
    let prefix = rest.len() - after_prefix.len();
    if prefix > 1 {
        return None;
    }
    if let Some(raw) = after_prefix.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let content = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        return Some(rest.len() - content.len() + content.find(&end)? + end.len());
    }
    let quote = after_prefix.chars().next().filter(|&quote| quote == '"' || quote == '\'')?;
    let content = &after_prefix[1..];
    // 'a is a lifetime, 'a' and '\n' are characters.
    if quote == '\'' && !content.starts_with('\\') && content.chars().nth(1) != Some('\'') {
        return None;
    }
    let mut is_escaped = false;
    let end = content.find(|c| {
        let is_end = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        is_end
    })?;
    Some(prefix + end + 2)
}

/// The length of the comment that `rest` starts with, those inside it included.
fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        if here.starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
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
        for entry in fs::read_dir(&directory).expect("the source is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path
                    .strip_prefix(&root)
                    .expect("it lies in src")
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((name, fs::read_to_string(&path).expect("a source file is text")));
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
    // Not because nothing was seen: every floor but the lowest imports another one.
    for unit in UNITS.iter().filter(|unit| !unit.imports.is_empty()) {
        let files =
            sources.iter().filter(|(file, _)| is_within(file.trim_end_matches(".rs"), unit.path));
        let sees_another = files
            .flat_map(|(_, source)| references(source, &["none".to_owned()]))
            .any(|reference| matches!(&reference.target, Target::Own(floor) if unit.imports.contains(&floor.as_str())));
        assert!(sees_another, "{} imports nothing", unit.path);
    }
}

#[test]
fn each_dependency_has_a_home() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the crate has a manifest");
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
fn a_breach_is_found_wherever_it_hides() {
    for (file, source, expected) in [
        ("text/bag.rs", "use crate::model::TopicModel;", "text must not import model"),
        (
            "text/bag.rs",
            "use crate::{article::Limits, corpus::{self, Input}};",
            "text must not import corpus",
        ),
        ("corpus/mod.rs", "fn f() -> crate::text::Bag { todo() }", "corpus must not import text"),
        ("corpus/mod.rs", "use super::text::Bag;", "corpus must not import text"),
        ("corpus/input.rs", "use super::super::text;", "corpus must not import text"),
        (
            "corpus/input.rs",
            "mod deep { use super::super::super::{text as t}; }",
            "corpus must not import text",
        ),
        ("model/score.rs", "use crate::corpus::Input;", "model must not import corpus"),
        ("model/score.rs", "const N: usize = slugline::grpc::SIZE;", "model must not import grpc"),
        (
            "service/mod.rs",
            "#[cfg(test)] mod tests {} use crate::grpc::pb;",
            "service must not import grpc",
        ),
        (
            "service/mod.rs",
            "#[cfg(test)] mod tests { use crate::cli::run; }",
            "service must not import cli",
        ),
        ("text/mod.rs", "#[cfg(test)] use crate::corpus::Input;", "text must not import corpus"),
        ("main.rs", "fn main() { slugline::grpc::serve() }", "main must not import grpc"),
        ("extra/mod.rs", "", "belongs to no floor"),
        ("cli/mod.rs", "use crate::extra::X;", "extra is no floor"),
        ("service/mod.rs", "use tonic::Status;", "tonic::Status is not at home"),
        ("service/mod.rs", "fn f(_: &::tonic::Status) {}", "tonic::Status is not at home"),
        ("service/mod.rs", "use tonic;", "tonic is not at home"),
        ("model/mod.rs", "#[derive(clap::Args)] struct A;", "clap::Args is not at home"),
        (
            "model/mod.rs",
            "fn f<'a>(c: char) -> bool { c == '\"' && ndarray::f('\\'', c) }",
            "ndarray::f is not at home",
        ),
        (
            "model/mod.rs",
            "const A: &str = r#\"\"#; const B: X = linfa::Y;",
            "linfa::Y is not at home",
        ),
        ("cli/remote.rs", "use tonic::{Code, transport::Channel};", "tonic::Code is not at home"),
        (
            "cli/serve.rs",
            "use tonic::transport::Server;",
            "tonic::transport::Server is not at home",
        ),
        (
            "text/mod.rs",
            "#[cfg(test)] mod tests { use tonic::Status; }",
            "tonic::Status is not at home",
        ),
    ] {
        let found = breaches(file, source);
        let is_found = !found.is_empty() && found.iter().all(|breach| breach.contains(expected));
        assert!(is_found, "{file}: {source}\nfound {found:?}");
    }
}

#[test]
fn a_breach_is_named_with_its_line() {
    let found = breaches(
        "text/bag.rs",
        "//! Text.\n\nuse crate::article::{\n    Limits,\n};\nuse crate::grpc::pb;\n",
    );
    assert_eq!(found, ["text/bag.rs:6: text must not import grpc"]);
}

#[test]
fn what_is_allowed_is_no_breach() {
    for (file, source) in [
        ("article.rs", "use std::fmt; use self::inner::X;"),
        (
            "text/bag.rs",
            "use super::words::WordScanner; use crate::article::ArticleText; use super::*;",
        ),
        (
            "text/bag.rs",
            "//! See [`crate::grpc`].\n/// use crate::model::X;\n/* use tonic; /* use clap; */ */",
        ),
        ("text/bag.rs", "const A: &str = \"use crate::model::X; \\\" tonic::Status\";"),
        (
            "text/bag.rs",
            "const A: &str = r#\"a \" use crate::model::X;\"#; const B: &[u8] = b\"tonic::Status\";",
        ),
        ("text/bag.rs", "fn f<'tonic>(x: &'tonic str) -> char { 'a' }"),
        (
            "text/bag.rs",
            "#[cfg(test)] mod tests { use crate::article::X; use tempfile::tempdir; proptest::proptest! {} }",
        ),
        (
            "model/train/mod.rs",
            "use crate::corpus::{self, Input}; use super::artifact; use linfa::traits::Fit as _;",
        ),
        (
            "model/score.rs",
            "#[cfg(test)] mod tests { use crate::corpus::Input; use zstd::encode_all; }",
        ),
        (
            "corpus/block.rs",
            "fn f(format: Format) -> bool { format == Format::Csv || Records::Csv::http == X::tonic::y }",
        ),
        (
            "grpc/server.rs",
            "mod inner { use super::super::router; use super::super::super::service::Models; }",
        ),
        (
            "cli/remote.rs",
            "use tonic::transport::Channel; use crate::grpc::pb; pub(in crate::cli) fn f() {}",
        ),
        ("cli/mod.rs", "mod model; fn f() { model::run() }"),
        ("main.rs", "fn main() { slugline::cli::main() }"),
    ] {
        assert_eq!(breaches(file, source), Vec::<String>::new(), "{file}: {source}");
    }
}
