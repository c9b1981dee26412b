//! Compiles the protos with protox, which needs no protoc, and finds the model to embed in the
//! binary.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The name of the model that is embedded, so that the binary works away from its `models`
/// directory.
const EMBEDDED_MODEL: &str = "news";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    println!("cargo::rustc-env=SLUGLINE_TARGET={}", env::var("TARGET")?);
    compile_protos(&out)?;
    embed_model(&out)
}

/// Writes the generated code and, for reflection, the descriptor set it was made from.
fn compile_protos(out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let mut protos: Vec<PathBuf> = fs::read_dir("proto/slugline/v1")?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    protos.sort();
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(&protos)?;
    // Encoded by protox: prost drops the options that it does not know, such as field_behavior.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    // The codec finds the bounds of a message by its name.
    let mut names = tonic_prost_build::Config::new();
    names.enable_type_names();
    tonic_prost_build::configure()
        .extern_path(".google.rpc", "::tonic_types::pb")
        // In the order of their keys, so that a message always has the same bytes.
        .btree_map(".")
        .codec_path("crate::grpc::codec::BoundedCodec")
        .compile_fds_with_config(compiler.file_descriptor_set(), names)?;
    Ok(())
}

/// Writes `embedded_model.rs`: an expression of type `Option<EmbeddedModel>` that holds the files
/// of the highest version.
///
/// None where `models/news` holds no version yet: the first one must be trained by a binary that
/// has none.
fn embed_model(out: &Path) -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("models");
    println!("cargo::rerun-if-changed=models");
    let newest = fs::read_dir(root.join(EMBEDDED_MODEL))
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max();
    let code = match newest {
        None => "None".to_owned(),
        Some(version) => {
            let files = root.join(EMBEDDED_MODEL).join(version.to_string());
            format!(
                "Some(EmbeddedModel {{ manifest: include_bytes!({:?}), \
                 weights: include_bytes!({:?}) }})",
                files.join("manifest.json"),
                files.join("model.safetensors")
            )
        }
    };
    fs::write(out.join("embedded_model.rs"), code)?;
    Ok(())
}
