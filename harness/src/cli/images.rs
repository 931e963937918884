//! `cargo mesh images`: builds the container images.

use std::process::ExitCode;

use super::screen;
use crate::{error::Error, images};

/// Builds both images and shows them.
pub(super) async fn images() -> Result<ExitCode, Error> {
    let step = screen::step("building the container images");
    let built = images::build(&|done| step.tell(&done.to_string())).await?;
    step.done();
    for image in [built.proxy, built.demo_app] {
        screen::print(format_args!(
            "{}  {}  {:.1} MB",
            image.name,
            image.id,
            image.size as f64 / MEGABYTE
        ));
    }
    Ok(ExitCode::SUCCESS)
}

const MEGABYTE: f64 = 1e6;
