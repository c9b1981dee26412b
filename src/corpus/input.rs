//! Opens an input: a file or standard input, plain, gzip or zstd, told apart by its first bytes.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;

use super::Progress;

/// Where documents come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// Standard input, written `-`.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// `-` is standard input, everything else a path.
    pub fn from_argument(argument: PathBuf) -> Self {
        if argument.as_os_str() == "-" { Self::Stdin } else { Self::File(argument) }
    }

    /// The size of the file on disk, in bytes, if known.
    pub fn size_bytes(&self) -> Option<u64> {
        match self {
            Self::Stdin => None,
            Self::File(path) => path
                .metadata()
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|metadata| metadata.len()),
        }
    }

    /// Opens the input and undoes its compression.
    ///
    /// # Errors
    /// If the file cannot be opened or its first bytes cannot be read.
    pub(super) fn open(&self, progress: &Progress) -> io::Result<Box<dyn BufRead + Send>> {
        let raw: Box<dyn Read + Send> = match self {
            Self::Stdin => Box::new(io::stdin()),
            Self::File(path) => Box::new(File::open(path)?),
        };
        let mut counted =
            BufReader::with_capacity(1 << 16, Counted { inner: raw, progress: progress.clone() });
        let magic = counted.fill_buf()?;
        let mut plain: Box<dyn BufRead + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
            Box::new(BufReader::with_capacity(
                1 << 16,
                flate2::bufread::MultiGzDecoder::new(counted),
            ))
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Box::new(BufReader::with_capacity(1 << 17, zstd::Decoder::with_buffer(counted)?))
        } else {
            Box::new(counted)
        };
        if plain.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
            plain.consume(3);
        }
        Ok(plain)
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

struct Counted<R> {
    inner: R,
    progress: Progress,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.progress.add_bytes(count as u64);
        Ok(count)
    }
}
