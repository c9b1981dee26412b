//! The `slugline` command: see [`slugline::cli`].

use std::process::ExitCode;

/// Returns the memory of a burst of calls to the system, after the delay set in
/// `.cargo/config.toml`.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    slugline::cli::main()
}
