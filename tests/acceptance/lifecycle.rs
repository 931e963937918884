//! Starting and ending our proxy from the command line: any port, the file with the admin address, signals.

use std::{net::SocketAddr, process::Stdio};

use outrigger_harness::{
    admin::Admin,
    binaries::Binaries,
    client::{Client, raw::RawConnection},
    eventually,
    mesh::Mesh,
    node::{ConfigVersion, Node},
};
use tokio::process::{Child, Command};

use crate::once::{Files, outrigger, sidecar};

/// A proxy that was started by hand, with its port chosen by the system.
struct Proxy {
    child: Child,
    admin: Admin,
    traffic: SocketAddr,
    _files: Files,
}

impl Proxy {
    async fn start(version: ConfigVersion, arguments: &[&str]) -> Self {
        let files = Files::new();
        let file = files.write(version.file_name(), sidecar(version));
        let address_file = files.path("admin-address");
        let child = Command::new(&Binaries::find().await.unwrap().outrigger)
            .arg("-c")
            .arg(file)
            .args(["--service-cluster", "app", "--admin-address-path"])
            .arg(&address_file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let read = async || Ok(std::fs::read_to_string(&address_file).unwrap_or_default());
        let written =
            eventually::satisfies("the file with the admin address", read, |text| !text.is_empty())
                .await;
        let admin = Admin::new(Node::SIDECAR, written.unwrap().parse().unwrap());
        let ready = async || Ok(admin.is_ready().await);
        eventually::satisfies("readiness", ready, |ready| *ready).await.unwrap();
        let listeners = admin.listeners().await.unwrap();
        let address = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
        assert_eq!(address["address"], "127.0.0.1", "{listeners:#}");
        let port = u16::try_from(address["port_value"].as_u64().unwrap()).unwrap();
        Self { child, admin, traffic: ([127, 0, 0, 1], port).into(), _files: files }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(
            std::process::Command::new("kill").args(["-s", name, &pid]).status().unwrap().success()
        );
    }

    async fn exit(&mut self) -> Option<i32> {
        tokio::time::timeout(eventually::patience(), self.child.wait())
            .await
            .expect("it ends")
            .unwrap()
            .code()
    }
}

#[tokio::test]
async fn every_port_may_be_left_to_the_system() {
    for version in [ConfigVersion::V1, ConfigVersion::V3] {
        let proxy = Proxy::start(version, &[]).await;
        assert_ne!(proxy.traffic.port(), 0);
        // Nothing listens behind it on this machine, and the proxy says so.
        let reply = Client::http1(&format!("http://{}", proxy.traffic)).get("/").await.unwrap();
        reply.expect_header("server", "envoy");
    }
}

#[tokio::test]
async fn a_signal_to_end_ends_an_idle_proxy() {
    for signal in ["TERM", "INT"] {
        let mut proxy = Proxy::start(ConfigVersion::V1, &[]).await;
        proxy.signal(signal);
        assert_eq!(proxy.exit().await, Some(0), "SIG{signal}");
    }
}

each_mesh_of_ours!(a_proxy_that_drains_is_not_ready_and_finishes_what_it_has);
async fn a_proxy_that_drains_is_not_ready_and_finishes_what_it_has(mesh: &Mesh) {
    let mut under_way = mesh.connect().await;
    under_way.send("GET /delay/1500 HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let admin = mesh.admin(Node::GATEWAY);
    admin.gauge("cluster.app.upstream_rq_active").becomes(1).await;
    let observe = async {
        let ready =
            async || Ok(admin.get("/ready").await.map(|reply| (reply.status, reply.text())).ok());
        let draining = Some((503, "DRAINING\n".to_owned()));
        eventually::satisfies("/ready to say that it drains", ready, |seen| *seen == draining)
            .await
            .unwrap();
        let reply = under_way.reply().await.unwrap();
        assert_eq!((reply.status(), reply.header("connection")), (200, Some("close")), "{reply:?}");
        assert_eq!(under_way.rest().await.unwrap(), b"");
    };
    let (exit, ()) = tokio::join!(mesh.stop(Node::GATEWAY), observe);
    assert_eq!(exit.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_second_signal_ends_at_once() {
    let mut proxy = Proxy::start(ConfigVersion::V1, &["--drain-time-s", "600"]).await;
    // A request that never ends holds the drain.
    let mut held = RawConnection::to(proxy.traffic).await.unwrap();
    held.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n").await.unwrap();
    proxy.admin.gauge("http.ingress_http.downstream_cx_active").becomes(1).await;
    proxy.signal("TERM");
    let admin = &proxy.admin;
    let not_ready = async || Ok(admin.is_ready().await);
    eventually::satisfies("the end of readiness", not_ready, |ready| !ready).await.unwrap();
    proxy.signal("TERM");
    proxy.exit().await;
}

#[tokio::test]
async fn the_drain_ends_with_its_time() {
    let mut proxy = Proxy::start(ConfigVersion::V3, &["--drain-time-s", "1"]).await;
    let mut held = RawConnection::to(proxy.traffic).await.unwrap();
    held.send("POST / HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    proxy.admin.gauge("http.ingress_http.downstream_cx_active").becomes(1).await;
    proxy.signal("TERM");
    assert_eq!(proxy.exit().await, Some(0));
}

#[tokio::test]
async fn a_good_file_is_validated_and_nothing_starts() {
    for version in [ConfigVersion::V1, ConfigVersion::V3] {
        let files = Files::new();
        let file = files.write(version.file_name(), sidecar(version));
        let run = outrigger(&["-c", file.to_str().unwrap(), "--mode", "validate"]).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(run.stdout.trim(), format!("configuration '{}' OK", file.display()));
    }
}

#[tokio::test]
async fn the_version_is_told() {
    let run = outrigger(&["--version"]).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(run.stdout, concat!("outrigger ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[tokio::test]
async fn envoys_flags_are_accepted() {
    let files = Files::new();
    let file = files.write("bootstrap.json", sidecar(ConfigVersion::V1));
    let flags = [
        "--base-id",
        "3",
        "--restart-epoch",
        "0",
        "--parent-shutdown-time-s",
        "900",
        "--disable-hot-restart",
    ];
    let mut arguments = vec!["-c", file.to_str().unwrap(), "--mode", "validate", "-l", "info"];
    arguments.extend(flags);
    let run = outrigger(&arguments).await;
    assert_eq!(run.code, Some(0), "{run:?}");
}
