//! What the containers of a mesh share: its network, and the network namespace of each app with its sidecar.

use std::{collections::HashMap, net::SocketAddr};

use bollard::{
    Docker,
    errors::Error as EngineError,
    models::{
        ContainerCreateBody, EndpointSettings, HostConfig, NetworkCreateRequest, NetworkingConfig,
        PortMap,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, StartContainerOptions,
    },
};
use tokio::sync::Mutex;

use super::{ADMIN_PORT, TRAFFIC_PORT, request};
use crate::{
    error::Error,
    images::Images,
    launch::Ports,
    node::Addresses,
    reaper::{self, Owner},
};

/// What a sidecar is called on the mesh's network, by the gateway's files.
const ALIAS: &str = "app";

/// What the containers of a mesh share.
#[derive(Debug)]
pub(super) struct Shared {
    docker: Docker,
    mesh: String,
    labels: HashMap<String, String>,
    /// Held while a namespace is being made, because app and sidecar may be started at the same time.
    making: Mutex<()>,
}

// === impl Shared ===

impl Shared {
    /// Names everything, and makes nothing yet.
    pub(super) fn new(docker: Docker, plan: &str, owner: &Owner) -> Self {
        // Names are unique among all runs that share an engine, also where two count their process ids apart.
        let mesh = format!("outrigger-{plan}-{}", owner.started());
        Self { docker, labels: reaper::labels(&mesh, owner), mesh, making: Mutex::default() }
    }

    /// The engine's client.
    pub(super) fn docker(&self) -> &Docker {
        &self.docker
    }

    /// The mesh's name in the engine.
    pub(super) fn mesh(&self) -> &str {
        &self.mesh
    }

    /// The network's name.
    pub(super) fn network(&self) -> &str {
        &self.mesh
    }

    /// What a container is called, by what it is in the mesh.
    pub(super) fn container_name(&self, part: &str) -> String {
        format!("{}-{part}", self.mesh)
    }

    /// The labels of everything that belongs to the mesh.
    pub(super) fn labels(&self) -> &HashMap<String, String> {
        &self.labels
    }

    pub(super) async fn create_network(&self) -> Result<(), Error> {
        let request = NetworkCreateRequest {
            name: self.network().to_owned(),
            labels: Some(self.labels.clone()),
            ..NetworkCreateRequest::default()
        };
        let created = self.docker.create_network(request).await;
        created.map(drop).map_err(|error| Error::step("create the mesh's network", error))
    }

    /// The container that holds the namespace of the app and the sidecar with this number, started if it is not there.
    pub(super) async fn hold_namespace(
        &self,
        instance: usize,
        images: &Images,
    ) -> Result<String, Error> {
        let _one_at_a_time = self.making.lock().await;
        if let Some(id) = self.find_namespace(instance).await? {
            return Ok(id);
        }
        let failed = |error| Error::step(format!("make the namespace of app {instance}"), error);
        let name = self.container_name(&namespace(instance));
        let options = CreateContainerOptionsBuilder::new().name(&name).build();
        let created = self
            .docker
            .create_container(Some(options), self.holder(images))
            .await
            .map_err(failed)?;
        let started = self.docker.start_container(&created.id, None::<StartContainerOptions>).await;
        started.map_err(failed)?;
        Ok(created.id)
    }

    /// The container that holds the namespace of the app and the sidecar with this number.
    pub(super) async fn namespace(&self, instance: usize) -> Result<String, Error> {
        let found = self.find_namespace(instance).await?;
        found.ok_or_else(|| {
            Error::step(format!("find the namespace of app {instance}"), "somebody removed it")
        })
    }

    /// On which ports of this machine a container's ports are published.
    pub(super) async fn addresses(&self, container: &str) -> Result<Addresses, Error> {
        let found = self
            .docker
            .inspect_container(container, None::<InspectContainerOptions>)
            .await
            .map_err(|error| Error::step("find published ports", error))?;
        let ports = found.network_settings.and_then(|settings| settings.ports).unwrap_or_default();
        Ok(Addresses {
            traffic: published(&ports, TRAFFIC_PORT),
            admin: published(&ports, ADMIN_PORT),
        })
    }

    /// Removes every container of the mesh, and its network.
    pub(super) async fn remove(&self) -> Result<(), Error> {
        reaper::remove(&self.docker, &self.mesh).await
    }

    async fn find_namespace(&self, instance: usize) -> Result<Option<String>, Error> {
        let name = self.container_name(&namespace(instance));
        match self.docker.inspect_container(&name, None::<InspectContainerOptions>).await {
            Ok(found) => Ok(found.id),
            Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => Ok(None),
            Err(error) => Err(Error::step(format!("look for container {name}"), error)),
        }
    }

    /// A container that does nothing: the demo app on a port that nobody asks. It is the one program at hand that idles.
    fn holder(&self, images: &Images) -> ContainerCreateBody {
        let endpoint = EndpointSettings {
            aliases: Some(vec![ALIAS.to_owned()]),
            ..EndpointSettings::default()
        };
        let mut host_config = HostConfig {
            network_mode: Some(self.network().to_owned()),
            port_bindings: Some(request::port_bindings(Ports::Ephemeral)),
            ..HostConfig::default()
        };
        request::bound(&mut host_config);
        ContainerCreateBody {
            image: Some(images.demo_app.id.clone()),
            env: Some(vec!["SERVICE_API_PORT=0".to_owned()]),
            exposed_ports: Some(request::exposed_ports()),
            labels: Some(self.labels.clone()),
            host_config: Some(host_config),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(self.network().to_owned(), endpoint)])),
            }),
            ..ContainerCreateBody::default()
        }
    }
}

/// What the container that holds a namespace is in the mesh.
fn namespace(instance: usize) -> String {
    format!("namespace-{instance}")
}

fn published(ports: &PortMap, port: u16) -> Option<SocketAddr> {
    let bindings = ports.get(&request::port_key(port))?.as_ref()?;
    bindings.iter().find_map(|binding| {
        let ip = binding.host_ip.as_deref()?.parse().ok()?;
        let port = binding.host_port.as_deref()?.parse().ok()?;
        Some(SocketAddr::new(ip, port))
    })
}
