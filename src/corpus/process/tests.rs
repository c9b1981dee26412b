//! Documents reach the workers, and bad lines are accounted for.

use super::*;
use std::io::Write as _;

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Input) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join(name);
    std::fs::write(&path, bytes).expect("a file in it");
    (directory, Input::File(path))
}

/// (titles or bodies with their topics, in order; the summary)
fn read(
    input: &Input,
    on_error: OnError,
    threads: usize,
) -> Result<(Vec<String>, Summary), CorpusError> {
    let options = Options { on_error, threads, ..Options::default() };
    let inputs = [input.clone()];
    let (states, summary) = for_each_document(
        &inputs,
        &options,
        &Progress::default(),
        Vec::new,
        |found, at, document| {
            found.push((
                at,
                format!("{}{}:{}", document.title, document.body, document.topics.join(",")),
            ));
            Ok(())
        },
    )?;
    let mut found: Vec<_> = states.into_iter().flatten().collect();
    found.sort();
    Ok((found.into_iter().map(|(_, text)| text).collect(), summary))
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

#[test]
fn formats_and_compressions_give_the_same_documents() {
    let json = b"{\"title\":\"a\",\"topics\":[\"x\"]}\n\n{\"body\":\"b\",\"topics\":[\"y\",\"z\"]}";
    let csv = b"topics,body\nx,a\ny;z,b\n";
    let fasttext = b"__label__x a\n__label__y __label__z b\n";
    let zstd = zstd::encode_all(&json[..], 1).expect("memory");
    let cases: [(&str, &[u8]); 6] = [
        ("a.jsonl", json),
        ("a.jsonl.gz", &gzip(json)),
        ("misnamed", &zstd),
        ("a.csv", csv),
        ("a.txt", fasttext),
        (
            "bom.jsonl",
            b"\xef\xbb\xbf{\"title\":\"a\",\"topics\":[\"x\"]}\r\n\
              {\"body\":\"b\",\"topics\":[\"y\",\"z\"]}\r\n",
        ),
    ];
    for (name, bytes) in cases {
        let (_directory, input) = file(name, bytes);
        let (documents, summary) = read(&input, OnError::Fail, 2).expect(name);
        assert_eq!(documents, ["a:x", "b:y,z"], "{name}");
        assert_eq!((summary.documents, summary.skipped), (2, 0), "{name}");
    }
}

#[test]
fn compression_does_not_change_the_fingerprint() {
    let json = b"{\"title\":\"a\"}\n";
    let (_d1, plain) = file("a.jsonl", json);
    let (_d2, packed) = file("a.jsonl.gz", &gzip(json));
    let fingerprint = |input| read(input, OnError::Fail, 1).expect("readable").1.end.fingerprint;
    assert_eq!(fingerprint(&plain), fingerprint(&packed));
}

#[test]
fn inputs_may_be_read_one_after_the_other() {
    let lines = "{\"title\":\"some words here\"}\n".repeat(10_000);
    let inputs = ["a.jsonl", "b.jsonl", "c.csv"].map(|name| match name {
        "c.csv" => file(name, b"title,topics\na,x\n"),
        name => file(name, lines.as_bytes()),
    });
    let inputs = inputs.each_ref().map(|(_, input)| input.clone());
    let read = |inputs: &[Input], after| {
        let options = Options { threads: 2, after, ..Options::default() };
        for_each_document(
            inputs,
            &options,
            &Progress::default(),
            Vec::new,
            |found: &mut Vec<Ordinal>, at, _| {
                found.push(at);
                Ok(())
            },
        )
        .map(|(found, summary)| (found.concat(), summary.end))
        .expect("readable")
    };
    let (mut expected, end) = read(&inputs, None);
    expected.sort_unstable();
    let mut found = Vec::new();
    let mut after = None;
    for input in &inputs {
        let (ordinals, end) = read(std::slice::from_ref(input), after);
        found.extend(ordinals);
        after = Some(end);
    }
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(after, Some(end));
}

#[test]
fn what_is_made_of_documents_is_taken_in_the_order_of_the_corpus() {
    let mut lines = String::new();
    for number in 0..30_000 {
        // A whole block of bad lines, too: nothing of it is taken, and all that follows is.
        let is_bad = (10_000..25_000).contains(&number);
        let line = format!("{{\"title\":\"some words and {number}\"}}\n");
        lines.push_str(if is_bad { "a line that is no document\n" } else { &line });
    }
    let (_directory, input) = file("a.jsonl", lines.as_bytes());
    for threads in [1, 3] {
        let options = Options { on_error: OnError::Skip, threads, ..Options::default() };
        let mut taken = Vec::new();
        let summary = map_documents_in_order(
            std::slice::from_ref(&input),
            &options,
            &Progress::default(),
            |(), document| Ok(document.title.into_owned()),
            |ordinal, title| taken.push((ordinal, title)),
        )
        .expect("readable");
        assert!(taken.is_sorted_by_key(|(ordinal, _)| *ordinal));
        let numbers = (0..10_000).chain(25_000..30_000);
        let expected = numbers.map(|number| format!("some words and {number}"));
        assert!(taken.into_iter().map(|(_, title)| title).eq(expected), "{threads} threads");
        assert_eq!(summary.documents, 15_000);
    }
}

#[test]
fn a_bad_line_is_named_and_the_first_one_wins() {
    let mut lines = String::new();
    for number in 1..=20_000 {
        lines.push_str(if number == 9_000 || number == 15_000 {
            "oops\n"
        } else {
            "{\"title\":\"some words here\"}\n"
        });
    }
    let (_directory, input) = file("a.jsonl", lines.as_bytes());
    for threads in [1, 4] {
        let error = read(&input, OnError::Fail, threads).expect_err("a bad line").to_string();
        assert!(error.contains("a.jsonl:9000: "), "{error}");
        let (documents, summary) = read(&input, OnError::Skip, threads).expect("skipped");
        assert_eq!((documents.len(), summary.skipped), (19_998, 2));
        assert_eq!(summary.skipped_examples[1].location.line, 15_000);
    }
}

#[test]
fn invalid_utf8_and_truncated_compression_are_reported() {
    let (_d1, input) = file("a.jsonl", b"{\"title\":\"a\"}\n{\"title\":\"\xff\"}\n");
    assert!(
        read(&input, OnError::Fail, 1)
            .expect_err("bad bytes")
            .to_string()
            .contains("a.jsonl:2: not valid UTF-8")
    );
    let packed = gzip(&b"{\"title\":\"a\"}\n".repeat(1_000));
    let (_d2, input) = file("a.jsonl.gz", &packed[..packed.len() / 2]);
    assert!(matches!(read(&input, OnError::Skip, 1), Err(CorpusError::Read { .. })));
    let missing = Input::File("no-such-file.jsonl".into());
    assert!(
        read(&missing, OnError::Skip, 1)
            .expect_err("missing")
            .to_string()
            .contains("no-such-file.jsonl")
    );
}

#[test]
fn csv_records_may_span_lines_and_keep_their_line_numbers() {
    let (_directory, input) = file("a.csv", b"title,topics\n\"two\nlines\",x\nshort\nlast,y\n");
    assert!(
        read(&input, OnError::Fail, 1)
            .expect_err("a short record")
            .to_string()
            .contains("a.csv:4: the record has 1 field where the header has 2")
    );
    let (documents, summary) = read(&input, OnError::Skip, 1).expect("skipped");
    assert_eq!(documents, ["two\nlines:x", "last:y"]);
    assert_eq!(summary.skipped, 1);
}
