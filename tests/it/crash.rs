//! The archive under what machines do to it.

mod damage;
mod disks;
mod fixtures;
mod interrupted;
mod killed;
mod opening;
mod process;
mod server;
mod space;
