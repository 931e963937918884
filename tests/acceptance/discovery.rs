//! How a cluster learns its hosts; ours and the real Envoy.

/// Makes a test of each proxy out of `async fn name(mesh: &Mesh, given: &…)`, a function that starts what is to be there
/// before, and one that makes the mesh of it.
macro_rules! each_proxy {
    ($name:ident, $origin:ident, $topology:ident) => {
        mod $name {
            each_proxy!(@ outrigger V3Process, super::$origin, super::$topology, super::$name);
            each_proxy!(@ envoy Envoy, super::$origin, super::$topology, super::$name);
        }
    };
    (@ $test:ident $mode:ident, $origin:path, $topology:path, $body:path) => {
        #[test]
        fn $test() {
            let mode = outrigger_harness::trial::Mode::$mode;
            outrigger_harness::trial::run_with(mode, $origin, $topology, $body);
        }
    };
}

mod dns;
mod eds;
mod young;
