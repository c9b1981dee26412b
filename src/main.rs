//! The `slugline` command: see [`slugline::cli`].

use std::process::ExitCode;

/// Chosen by measurement: see `docs/adr`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    slugline::cli::main()
}
