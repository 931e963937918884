//! Runs one test body in every mode of a mesh, as tests of their own.

use outrigger_harness::{
    launch::Ports,
    node::{Config, ConfigVersion, Role},
    topology::Topology,
};

/// Makes a test of every mode out of `async fn name(mesh: &Mesh)`: `name::v1_process` and so on. The mesh is the tutorial's, or
/// what the named function makes of a version.
macro_rules! each_mesh {
    ($name:ident) => {
        each_mesh!(@ $name, crate::modes::tutorial);
    };
    ($name:ident, $topology:ident) => {
        each_mesh!(@ $name, super::$topology);
    };
    (@ $name:ident, $topology:path) => {
        each_mode!(
            $name, $topology,
            v1_process V1Process, v3_process V3Process,
            v1_container V1Container, v3_container V3Container,
            envoy Envoy
        );
    };
}

/// The same for a mesh around a server of the test's own, which only processes reach, out of
/// `async fn name(mesh: &Mesh, origin: &Origin)`, a function that starts the server, and one that makes the mesh around it.
macro_rules! each_mesh_with_origin {
    ($name:ident, $origin:ident, $topology:ident) => {
        mod $name {
            each_mesh_with_origin!(@ v1_process V1Process, super::$origin, super::$topology, super::$name);
            each_mesh_with_origin!(@ v3_process V3Process, super::$origin, super::$topology, super::$name);
            each_mesh_with_origin!(@ envoy Envoy, super::$origin, super::$topology, super::$name);
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

/// The same for what Envoy does otherwise, or does not do.
macro_rules! each_mesh_of_ours {
    ($name:ident) => {
        each_mode!(
            $name, crate::modes::tutorial,
            v1_process V1Process, v3_process V3Process,
            v1_container V1Container, v3_container V3Container
        );
    };
}

/// The same for the mesh of a feature, one of the folders under `compose/features/`.
macro_rules! each_feature_mesh {
    ($name:ident, $feature:literal) => {
        mod $name {
            fn topology(
                _version: outrigger_harness::node::ConfigVersion,
            ) -> outrigger_harness::topology::Topology {
                outrigger_harness::topology::Topology::feature($feature).unwrap().arguments(
                    outrigger_harness::node::Node::GATEWAY,
                    &["--file-flush-interval-msec", "50"],
                )
            }

            each_feature_mesh!(@ process V3Process, super::$name);
            each_feature_mesh!(@ container V3Container, super::$name);
            each_feature_mesh!(@ envoy Envoy, super::$name);
        }
    };
    (@ $test:ident $mode:ident, $body:path) => {
        #[test]
        fn $test() {
            outrigger_harness::trial::run(
                outrigger_harness::trial::Mode::$mode,
                topology,
                $body,
            );
        }
    };
}

macro_rules! each_mode {
    ($name:ident, $topology:path, $($test:ident $mode:ident),+) => {
        mod $name {
            $(
                #[test]
                fn $test() {
                    outrigger_harness::trial::run(
                        outrigger_harness::trial::Mode::$mode,
                        $topology,
                        super::$name,
                    );
                }
            )+
        }
    };
}

/// The mesh of the tutorial.
pub(crate) fn tutorial(version: ConfigVersion) -> Topology {
    Topology::tutorial(version).unwrap().ports(Ports::Ephemeral)
}

/// The tutorial's sidecar alone, with nothing behind it.
pub(crate) fn lone_sidecar(version: ConfigVersion) -> Topology {
    Topology::new().lone_sidecar(Config::of(Role::Sidecar, version).unwrap())
}

/// The tutorial's gateway alone.
pub(crate) fn lone_gateway(version: ConfigVersion) -> Topology {
    Topology::new().gateway(Config::of(Role::Gateway, version).unwrap())
}
