//! What the folders under `compose/features/` show, with their own files: one module for each feature.

mod circuit_breakers;
mod load_balancing;
mod per_host;
mod service_discovery;

use outrigger_harness::node::Config;

#[test]
fn every_feature_has_a_readme_that_says_how_to_run_it() {
    for feature in Config::features().unwrap() {
        let path =
            format!("{}/../compose/features/{feature}/README.md", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let command = format!("cargo mesh up --feature {feature}");
        assert!(text.contains(&command), "{path} does not say `{command}`");
    }
}
