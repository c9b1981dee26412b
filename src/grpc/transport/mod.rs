//! HTTP/2 and gRPC below the services: connections, calls, and what they may hold.
//!
//! From the top: [`listener`] accepts connections, [`connection`] drives one of them, [`dispatch`]
//! carries a call from request to answer through [`request_body`], [`inflate`], [`deflate`] and
//! [`answer_body`]. Below lie the account of a [`call`], the counters of its [`peer`] and the
//! [`budget`] of the process.

pub(crate) mod answer_body;
pub(crate) mod background;
pub(crate) mod budget;
pub(crate) mod call;
pub(crate) mod connection;
pub(crate) mod deadline;
mod deflate;
pub(crate) mod dispatch;
mod executor;
mod framing;
mod inflate;
pub(crate) mod listener;
pub(crate) mod methods;
pub(crate) mod offload;
pub(crate) mod peer;
mod request_body;
mod socket;
mod upkeep;
