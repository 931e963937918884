//! Removes what a test run that was killed has left in the container engine, and never what belongs to one that lives.

mod owner;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bollard::{
    Docker,
    errors::Error as EngineError,
    query_parameters::{
        ListContainersOptionsBuilder, ListNetworksOptionsBuilder, RemoveContainerOptionsBuilder,
    },
};
use futures_util::future::join_all;

pub(crate) use self::owner::Owner;
use crate::{engine, error::Error, eventually};

/// The label of containers and networks that holds the name of their mesh.
const MESH_LABEL: &str = "outrigger.mesh";
/// The label of containers and networks that says who made them, as an [`Owner`].
const OWNER_LABEL: &str = "outrigger.owner";

/// Removes the meshes whose owners are dead, and tells their names.
///
/// # Errors
/// [`Error::Unavailable`] without an engine, [`Error::Step`] if something cannot be removed.
pub async fn reap() -> Result<Vec<String>, Error> {
    let docker = engine::connect().await?;
    reap_with(&docker).await
}

pub(crate) async fn reap_with(docker: &Docker) -> Result<Vec<String>, Error> {
    let dead: Vec<String> = meshes(docker)
        .await?
        .into_iter()
        .filter(|(_, owner)| owner.parse().is_ok_and(|owner: Owner| owner.is_dead()))
        .map(|(mesh, _)| mesh)
        .collect();
    for mesh in &dead {
        remove(docker, mesh).await?;
    }
    Ok(dead)
}

/// The labels of everything that belongs to a mesh.
pub(crate) fn labels(mesh: &str, owner: &Owner) -> HashMap<String, String> {
    HashMap::from([
        (MESH_LABEL.to_owned(), mesh.to_owned()),
        (OWNER_LABEL.to_owned(), owner.to_string()),
    ])
}

/// Removes the containers and networks of a mesh, whatever state they are in.
pub(crate) async fn remove(docker: &Docker, mesh: &str) -> Result<(), Error> {
    let label = format!("{MESH_LABEL}={mesh}");
    let what = format!("the removal of mesh {mesh}");
    // Again until nothing is left: a container may still be on its way when it is looked for, and a network cannot go
    // before the engine has taken the last container off it.
    eventually::becomes_true(&what, async || {
        let containers = containers(docker, &label).await?;
        let refused = join_all(containers.keys().map(|id| remove_container(docker, id))).await;
        let networks = networks(docker, &label).await?;
        let kept = join_all(networks.keys().map(|id| remove_network(docker, id))).await;
        if containers.is_empty() && networks.is_empty() {
            return Ok(Ok(()));
        }
        let problems: Vec<String> = refused.into_iter().chain(kept).flatten().collect();
        let count = containers.len() + networks.len();
        Ok(Err(format!("{count} of its parts were still there; {}", problems.join("; "))))
    })
    .await
}

/// Every mesh that the engine knows, with its owner as the label has it.
async fn meshes(docker: &Docker) -> Result<BTreeMap<String, String>, Error> {
    let mut parts = containers(docker, OWNER_LABEL).await?;
    parts.extend(networks(docker, OWNER_LABEL).await?);
    let owner_and_mesh = |mut labels: HashMap<String, String>| {
        Some((labels.remove(MESH_LABEL)?, labels.remove(OWNER_LABEL)?))
    };
    let distinct: BTreeSet<_> = parts.into_values().filter_map(owner_and_mesh).collect();
    Ok(distinct.into_iter().collect())
}

/// The labels of containers that have this label, by the containers' ids.
async fn containers(
    docker: &Docker,
    label: &str,
) -> Result<BTreeMap<String, HashMap<String, String>>, Error> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
    let found = docker.list_containers(Some(options)).await;
    let found = found.map_err(|error| Error::step("list containers", error))?;
    Ok(found
        .into_iter()
        .filter_map(|container| Some((container.id?, container.labels.unwrap_or_default())))
        .collect())
}

/// The labels of networks that have this label, by the networks' ids.
async fn networks(
    docker: &Docker,
    label: &str,
) -> Result<BTreeMap<String, HashMap<String, String>>, Error> {
    let filters = HashMap::from([("label", vec![label])]);
    let options = ListNetworksOptionsBuilder::new().filters(&filters).build();
    let found = docker.list_networks(Some(options)).await;
    let found = found.map_err(|error| Error::step("list networks", error))?;
    Ok(found
        .into_iter()
        .filter_map(|network| Some((network.id?, network.labels.unwrap_or_default())))
        .collect())
}

/// Says why not, if it could not.
async fn remove_container(docker: &Docker, id: &str) -> Option<String> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    problem(docker.remove_container(id, Some(options)).await)
}

/// Says why not, if it could not.
async fn remove_network(docker: &Docker, id: &str) -> Option<String> {
    problem(docker.remove_network(id).await)
}

fn problem(outcome: Result<(), EngineError>) -> Option<String> {
    match outcome {
        // 404: somebody else was quicker.
        Ok(()) | Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => None,
        Err(error) => Some(error.to_string()),
    }
}
