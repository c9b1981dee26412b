//! The `slugline` command: see [`slugline::cli`].

use std::process::ExitCode;

/// What a burst of calls took goes back to the system soon after it; how soon, `.cargo/config.toml`
/// says.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    slugline::cli::main()
}
