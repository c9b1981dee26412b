//! The `slugline` command: see [`slugline::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    slugline::cli::main()
}
