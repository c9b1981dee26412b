//! The archive under what machines do to it: full disks, damaged files, interrupted writes and killed
//! servers.

mod damage;
mod disks;
mod fixtures;
mod interrupted;
mod killed;
mod opening;
mod process;
mod server;
mod space;
