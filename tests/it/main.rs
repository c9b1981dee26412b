//! Integration tests, in one binary: a real client talks to a real server.

mod batch;
mod classify;
mod health;
mod lifecycle;
mod models;
mod stream;
mod support;
