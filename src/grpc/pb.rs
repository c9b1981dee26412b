//! The generated messages, clients and servers of `proto/slugline/v1`.
#![allow(missing_docs, unreachable_pub, clippy::all, rustdoc::all)]

tonic::include_proto!("slugline.v1");
