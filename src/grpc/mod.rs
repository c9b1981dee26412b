//! The wire: thin adapters between the generated messages and the use cases.

mod answer_body;
mod app;
mod archived;
mod articles;
mod background;
pub mod bounds;
mod budget;
mod call;
mod calls;
mod classification;
pub(crate) mod codec;
mod connection;
mod deflate;
mod health;
mod import;
mod inflate;
mod layers;
mod listener;
mod methods;
mod models;
mod page_token;
mod reflection;
mod request_body;
mod router;
pub mod server;
mod server_info;
mod shapes;
mod similarity;
mod status;
mod view;
mod walk;
mod writes;

/// The generated messages, clients and servers of `proto/slugline/v1`.
#[allow(missing_docs, unreachable_pub, clippy::all, rustdoc::all)]
pub mod pb {
    tonic::include_proto!("slugline.v1");
}

/// The compiled descriptors of `proto/`, for reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
