//! The tutorial's v1 files, converted to v3 by `outrigger convert`: they run on the real Envoy, and on ours, as before.

use outrigger_harness::{
    launch::Ports,
    mesh::Mesh,
    node::{Config, ConfigVersion, Role},
    topology::Topology,
    trial::{self, Mode},
};

use crate::once::{Files, outrigger};
use crate::topology;

/// Tests of the tutorial's mesh, with the converted files.
macro_rules! converted {
    ($($body:ident),+ $(,)?) => {
        $(
            mod $body {
                #[test]
                fn v3_process() {
                    super::run(super::Mode::V3Process, super::topology::$body);
                }

                #[test]
                fn envoy() {
                    super::run(super::Mode::Envoy, super::topology::$body);
                }
            }
        )+
    };
}

converted!(
    the_tutorials_request_is_answered_as_in_the_tutorial,
    proxies_speak_http2_to_each_other_and_http1_to_the_app,
    one_request_moves_the_counters_of_both_proxies_by_one,
    the_app_sees_the_request_and_what_proxies_add,
    a_client_may_speak_http2_too,
    statuses_of_the_app_pass_through,
);

fn run(mode: Mode, body: impl AsyncFnOnce(&Mesh)) {
    let files = async || [convert(Role::Gateway).await, convert(Role::Sidecar).await];
    let topology = |_, [gateway, sidecar]: &[Config; 2]| {
        let mesh = Topology::new().gateway(gateway.clone()).service(sidecar.clone());
        mesh.ports(Ports::Ephemeral)
    };
    trial::run_with(mode, files, topology, async |mesh, _| body(mesh).await);
}

/// The tutorial's v1 file for a proxy as v3.
async fn convert(role: Role) -> Config {
    let v1 = Config::of(role, ConfigVersion::V1).unwrap();
    let run = outrigger(&["convert".as_ref(), v1.path.as_os_str()]).await;
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:?}");
    Config { version: ConfigVersion::V3, path: v1.path, text: run.stdout }
}

#[tokio::test]
async fn variables_are_expanded_where_asked_and_secrets_stay_out_of_the_result() {
    let files = Files::new();
    let file =
        files.write("file.yaml", "node:\n  id: ${PATH}\n  cluster: ${NO_SUCH_KEY:-hidden}\n");
    let there = files.path("out.json");
    let arguments = ["convert".as_ref(), file.as_os_str(), "-o".as_ref(), there.as_os_str()];
    let run = outrigger(&arguments).await;
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "", ""), "{run:?}");
    let kept = std::fs::read_to_string(&there).unwrap();
    assert!(kept.contains("\"${PATH}\""), "{kept}");

    let run = outrigger(&[arguments.as_slice(), &["--expand-env".as_ref()]].concat()).await;
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    assert!(
        run.stderr.contains(":3:12: warning: node.cluster: NO_SUCH_KEY is a secret"),
        "{run:?}"
    );
    let text = std::fs::read_to_string(&there).unwrap();
    let path = std::env::var("PATH").unwrap();
    assert!(text.contains(&path) && text.contains("[redacted]"), "{text}");
    assert!(!text.contains("hidden"), "{text}");
}

#[tokio::test]
async fn a_variable_that_is_not_set_is_an_error_at_its_place() {
    let files = Files::new();
    let file = files.write("file.yaml", "node:\n  id: ${OUTRIGGER_HAS_NO_SUCH_VARIABLE}\n");
    let parts = [
        ":2:7: error[invalid]: node.id: the environment variable OUTRIGGER_HAS_NO_SUCH_VARIABLE is not set",
    ];
    for command in [["-c"], ["convert"]] {
        let arguments = [command[0].as_ref(), file.as_os_str(), "--expand-env".as_ref()];
        outrigger(&arguments).await.expect_refusal(&file, &parts);
    }
}
