//! Makes four tests, or two, out of each file under `fixtures/routing/`, so that a case is one file and has a name of its own.

use std::{env, fmt::Write, fs, path::Path};

const FIXTURES: &str = "fixtures/routing";

/// Says, with a reason behind it, that a file is not asked over HTTP/2.
const ONE_VERSION: &str = "\n# HTTP/1 only: ";

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
        let path = Path::new(FIXTURES).join(&name).with_extension("yaml");
        let fixture = fs::read_to_string(path).expect("a fixture can be read");
        let kind = if fixture.contains(ONE_VERSION) { "fixture_over_http1" } else { "fixture" };
        writeln!(text, "{kind}!({name});").expect("a string takes everything");
    }
    let out = env::var_os("OUT_DIR").expect("cargo says where");
    fs::write(Path::new(&out).join("routing.rs"), text).expect("what cargo gives can be written");
}
