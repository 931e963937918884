//! Builds the two container images, each one static binary and nothing else.

mod compile;
mod context;

use std::{collections::HashMap, fmt, path::Path};

use bollard::{
    Docker, body_full,
    errors::Error as EngineError,
    query_parameters::{BuildImageOptionsBuilder, PruneImagesOptionsBuilder},
};
use futures_util::TryStreamExt as _;
use tokio::sync::OnceCell;

use self::context::Context;
use crate::{engine, error::Error};

/// What the proxy's image is called, here and in `compose/docker-compose.yml`.
pub const PROXY: &str = "outrigger/proxy:dev";
/// What the demo app's image is called, here and in `compose/docker-compose.yml`.
pub const DEMO_APP: &str = "outrigger/demo-app:dev";

/// The label of an image that holds the digest of what it was built from.
const CONTENT_LABEL: &str = "outrigger.content";

/// How long an image that has lost its name to a newer one is kept, as the engine writes durations: a run that began before
/// the newer one was built may still start containers from it.
const KEEP_UNNAMED: &str = "24h";

/// The two images, by the ids under which the engine keeps them: a name may move to a newer build meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// The proxy's.
    pub proxy: Image,
    /// The demo app's.
    pub demo_app: Image,
}

/// One image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Its name: [`PROXY`] or [`DEMO_APP`].
    pub name: &'static str,
    /// `sha256:` and hexadecimal digits.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What is being done; its text is one line for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Cargo said this while it compiled the static binaries.
    Compiling(String),
    /// The engine makes an image.
    Building(&'static str),
    /// An image is there.
    Ready {
        /// Which one.
        image: Image,
        /// Whether it had to be built.
        is_new: bool,
    },
}

/// Who is told about each [`Step`].
pub type Progress<'a> = &'a (dyn Fn(&Step) + Sync);

/// Compiles both programs as static release binaries, where they are missing or stale, and makes an image of each that the
/// engine does not have yet.
///
/// # Errors
/// [`Error::Unavailable`] without an engine, [`Error::Step`] with the compiler's or the engine's words if a build fails.
pub async fn build(progress: Progress<'_>) -> Result<Images, Error> {
    let docker = engine::connect().await?;
    build_with(&docker, progress).await
}

/// The images, built the first time this is asked in a process: what every mesh of a test run starts from. A build that has
/// failed is not tried again, since many tests would wait for the same words of the compiler.
pub(crate) async fn prepared(docker: &Docker) -> Result<&'static Images, Error> {
    static IMAGES: OnceCell<Result<Images, String>> = OnceCell::const_new();
    let build = async || build_with(docker, &|_step| {}).await.map_err(|error| error.report());
    let images = IMAGES.get_or_init(build).await;
    images.as_ref().map_err(|report| Error::step("prepare the container images", report.as_str()))
}

async fn build_with(docker: &Docker, progress: Progress<'_>) -> Result<Images, Error> {
    let binaries = compile::static_binaries(progress).await?;
    let images = Images {
        proxy: image(docker, PROXY, &binaries.outrigger, progress).await?,
        demo_app: image(docker, DEMO_APP, &binaries.demo_app, progress).await?,
    };
    prune(docker).await?;
    Ok(images)
}

/// The image of one binary, which is built unless the engine has it.
async fn image(
    docker: &Docker,
    name: &'static str,
    binary: &Path,
    progress: Progress<'_>,
) -> Result<Image, Error> {
    let context = Context::of(binary).await?;
    if let Some(image) = present(docker, name, context.digest()).await? {
        progress(&Step::Ready { image: image.clone(), is_new: false });
        return Ok(image);
    }
    progress(&Step::Building(name));
    let failed = |error| Error::step(format!("build the image {name}"), error);
    let digest = context.digest().to_owned();
    let options = BuildImageOptionsBuilder::new()
        .t(name)
        .labels(&HashMap::from([(CONTENT_LABEL, digest.as_str())]))
        .build();
    let tar =
        context.into_tar().map_err(|source| Error::File { path: binary.to_owned(), source })?;
    docker
        .build_image(options, None, Some(body_full(tar.into())))
        .try_for_each(async |_line| Ok(()))
        .await
        .map_err(failed)?;
    let Some(image) = present(docker, name, &digest).await? else {
        return Err(Error::step(
            format!("build the image {name}"),
            "the engine reports success, and has no such image",
        ));
    };
    progress(&Step::Ready { image: image.clone(), is_new: true });
    Ok(image)
}

/// The image of this name, if it was built from what the digest tells.
async fn present(
    docker: &Docker,
    name: &'static str,
    digest: &str,
) -> Result<Option<Image>, Error> {
    let found = match docker.inspect_image(name).await {
        Ok(found) => found,
        Err(EngineError::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
        Err(error) => return Err(Error::step(format!("look for the image {name}"), error)),
    };
    let labels = found.config.and_then(|config| config.labels).unwrap_or_default();
    if labels.get(CONTENT_LABEL).map(String::as_str) != Some(digest) {
        return Ok(None);
    }
    let size = found.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
    Ok(found.id.map(|id| Image { name, id, size }))
}

/// Removes images that earlier builds have left without a name.
async fn prune(docker: &Docker) -> Result<(), Error> {
    let filters = HashMap::from([
        ("dangling", vec!["true"]),
        ("label", vec![CONTENT_LABEL]),
        ("until", vec![KEEP_UNNAMED]),
    ]);
    let options = PruneImagesOptionsBuilder::new().filters(&filters).build();
    match docker.prune_images(Some(options)).await {
        // 409: somebody else is pruning at this moment, and does it for us.
        Ok(_) | Err(EngineError::DockerResponseServerError { status_code: 409, .. }) => Ok(()),
        Err(error) => Err(Error::step("remove outdated images", error)),
    }
}

// === impl Step ===

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compiling(line) => f.write_str(line.trim()),
            Self::Building(name) => write!(f, "building {name}"),
            Self::Ready { image, is_new } => {
                let state = if *is_new { "built" } else { "up to date" };
                let tenths = image.size / 100_000;
                write!(f, "{} is {state} ({}.{} MB)", image.name, tenths / 10, tenths % 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Image, PROXY, Step};

    #[test]
    fn a_step_is_one_line() {
        let image = Image { name: PROXY, id: "sha256:0".to_owned(), size: 5_480_000 };
        let ready = |is_new| Step::Ready { image: image.clone(), is_new }.to_string();
        assert_eq!(ready(true), "outrigger/proxy:dev is built (5.4 MB)");
        assert_eq!(ready(false), "outrigger/proxy:dev is up to date (5.4 MB)");
        assert_eq!(
            Step::Compiling("   Compiling http v1".to_owned()).to_string(),
            "Compiling http v1"
        );
    }
}
