//! Says how the container of a node is made.

use std::collections::HashMap;

use bollard::models::{HostConfig, HostConfigLogConfig, PortBinding, PortMap};
use testcontainers::{ContainerRequest, GenericImage, ImageExt as _, core::IntoContainerPort as _};

use super::{ADMIN_PORT, TRAFFIC_PORT};
use crate::{
    eventually::patience,
    images::{Image, Images},
    launch::{
        Ports,
        certificates::{FOLDER, File},
    },
    node::{AppPlan, Program, ProxyPlan},
};

/// Where a proxy finds its bootstrap file, in its container.
const CONFIG_FOLDER: &str = "/etc/outrigger";

/// What a node may use: several times what it needs under any test's load, and far too little to keep a 50 MB body.
const MEMORY: i64 = 48 * 1024 * 1024;

/// The network that a container is on.
pub(super) enum Network {
    /// That of another container, whose address it shares.
    Of {
        /// The other container.
        container: String,
    },
    /// The mesh's, with an address and published ports of its own.
    Own {
        /// The network's name.
        name: String,
        /// The ports of this machine.
        ports: Ports,
    },
}

/// A request that lacks only the container's name.
pub(super) struct Nameless(ContainerRequest<GenericImage>);

/// What the container of this program is made from.
pub(super) fn of(program: &Program, images: &Images, network: Network) -> Nameless {
    let request = match program {
        Program::App(app) => app_request(app, exposed(&images.demo_app, &network)),
        Program::Proxy(proxy) => proxy_request(proxy, exposed(&images.proxy, &network)),
    };
    Nameless(request.with_startup_timeout(patience()).with_host_config_modifier(move |host| {
        bound(host);
        join(host, &network);
    }))
}

fn app_request(app: &AppPlan, image: GenericImage) -> ContainerRequest<GenericImage> {
    let decided = [
        ("SERVICE_API_HOST".to_owned(), "127.0.0.1".to_owned()),
        ("SERVICE_API_PORT".to_owned(), app.port.to_string()),
    ];
    let wanted = app.environment.clone();
    let request = ContainerRequest::from(image);
    wanted
        .into_iter()
        .chain(decided)
        .fold(request, |request, (name, value)| request.with_env_var(name, value))
}

fn proxy_request(proxy: &ProxyPlan, image: GenericImage) -> ContainerRequest<GenericImage> {
    let path = format!("{CONFIG_FOLDER}/{}", proxy.config.version.file_name());
    let arguments = ["-c", &path, "--service-cluster", &proxy.service_cluster];
    image
        .with_cmd(arguments.into_iter().chain(proxy.arguments.iter().map(String::as_str)))
        .with_copy_to(path.as_str(), proxy.config.text.clone().into_bytes())
}

/// An image by its id (testcontainers writes a name, a colon and a tag, and so does an id), with the ports that its
/// container exposes: an engine publishes no others, and refuses any on somebody else's network.
fn exposed(image: &Image, network: &Network) -> GenericImage {
    let (algorithm, digest) = image.id.split_once(':').unwrap_or(("sha256", &image.id));
    let image = GenericImage::new(algorithm, digest);
    match network {
        Network::Of { .. } => image,
        Network::Own { .. } => [TRAFFIC_PORT, ADMIN_PORT]
            .into_iter()
            .fold(image, |image, port| image.with_exposed_port(port.tcp())),
    }
}

/// Gives a container bounds that are the same for every node.
pub(super) fn bound(host: &mut HostConfig) {
    host.memory = Some(MEMORY);
    // The same number again: memory and swap together, so no swap.
    host.memory_swap = Some(MEMORY);
    host.cap_drop = Some(vec!["ALL".to_owned()]);
    host.security_opt = Some(vec!["no-new-privileges".to_owned()]);
    // An engine may be set up to log where nobody can read it back.
    host.log_config = Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: None });
}

fn join(host: &mut HostConfig, network: &Network) {
    host.publish_all_ports = Some(false);
    (host.network_mode, host.port_bindings) = match network {
        Network::Of { container } => (Some(format!("container:{container}")), None),
        Network::Own { name, ports } => (Some(name.clone()), Some(port_bindings(*ports))),
    };
}

/// Publishes both ports of a proxy, on this machine's loopback only.
pub(super) fn port_bindings(ports: Ports) -> PortMap {
    let (traffic, admin) = match ports {
        Ports::Ephemeral => (0, 0),
        Ports::Fixed { traffic, admin } => (traffic, admin),
    };
    let binding = |port: u16| {
        let host_ip = Some("127.0.0.1".to_owned());
        Some(vec![PortBinding { host_ip, host_port: Some(port.to_string()) }])
    };
    HashMap::from([
        (port_key(TRAFFIC_PORT), binding(traffic)),
        (port_key(ADMIN_PORT), binding(admin)),
    ])
}

/// Both ports of a proxy, as a container's own settings name them.
pub(super) fn exposed_ports() -> Vec<String> {
    [TRAFFIC_PORT, ADMIN_PORT].map(port_key).into()
}

/// A port as the engine names it.
pub(super) fn port_key(port: u16) -> String {
    port.tcp().to_string()
}

// === impl Nameless ===

impl Nameless {
    /// The same with the certificates of its service.
    pub(super) fn with_certificates(self, files: Vec<File>) -> Self {
        let copied = |request: ContainerRequest<GenericImage>, (name, text): File| {
            request.with_copy_to(format!("{FOLDER}/{name}"), text.into_bytes())
        };
        Self(files.into_iter().fold(self.0, copied))
    }

    /// The request of a container with this name and these labels.
    pub(super) fn named(
        self,
        name: String,
        labels: &HashMap<String, String>,
    ) -> ContainerRequest<GenericImage> {
        self.0.with_container_name(name).with_labels(labels.clone())
    }
}
