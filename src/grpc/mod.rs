//! The wire: thin adapters between the generated messages and the use cases.
//!
//! From the top: [`server`] starts and drains; `router` lists the services; each service converts
//! messages and calls a use case with what `app` shares. `transport` carries their calls;
//! `codec` holds requests to the table of [`bounds`]; `status` turns errors into statuses.

mod answer_size;
mod app;
mod archived;
mod article_text;
mod articles;
pub mod bounds;
mod classification;
pub mod client;
pub(crate) mod codec;
pub(crate) mod descriptors;
mod health;
mod import;
mod models;
mod page_token;
pub mod pb;
mod reflection;
mod router;
pub mod server;
mod server_info;
pub(crate) mod shapes;
mod similarity;
pub(crate) mod status;
pub(crate) mod transport;
mod view;
pub(crate) mod walk;

pub use descriptors::DESCRIPTORS;
