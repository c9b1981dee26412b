//! Integration tests, in one binary: a real client talks to a real server, and the real command
//! does its work.

mod answer_size;
mod articles;
mod artifact;
mod batch;
mod bounds;
mod cardinality;
mod classify;
mod command_line;
mod compressed;
mod contract;
mod crash;
mod errors;
mod examples;
mod golden;
mod health;
mod hierarchy;
mod index_contract;
mod layering;
mod lifecycle;
mod models;
mod multi_label;
mod reflection;
mod stream;
mod support;
mod training;
mod transport;
mod violations;
mod wire;
