//! Slugline says what a news article is about: a naive Bayes topic model over bags of words, served
//! over gRPC.
//!
//! The floors, from the bottom: [`article`]; [`text`] and [`corpus`]; [`model`] and [`index`];
//! [`train`] and [`service`]; [`grpc`]; [`cli`]. Each imports only what lies below it.
//! `ARCHITECTURE.md` says what lives where and why.

pub mod article;
pub mod cli;
pub mod corpus;
pub mod grpc;
pub mod index;
pub mod model;
pub mod service;
pub mod text;
pub mod train;
