//! Makes two tests out of each file under `fixtures/routing/`, so that a case is one file and has a name of its own.

use std::{env, fmt::Write, fs, path::Path};

const FIXTURES: &str = "fixtures/routing";

fn main() {
    println!("cargo::rerun-if-changed={FIXTURES}");
    let mut names: Vec<String> = fs::read_dir(FIXTURES)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("a folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    let mut text = String::new();
    for name in names {
        writeln!(text, "fixture!({name});").expect("a string takes everything");
    }
    let out = env::var_os("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&out).join("routing.rs"), text).expect("what cargo gives can be written");
}
