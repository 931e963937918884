//! `cargo mesh status`: what is up, and whether it is ready.

use std::process::ExitCode;

use super::{
    picture::Picture,
    screen::{self, BAD, GOOD},
    state::{self, Found},
};
use crate::{admin::Admin, error::Error, node::Node};

/// Shows the mesh that is up, and asks its proxies whether they are ready.
pub(super) async fn status() -> Result<ExitCode, Error> {
    let state = match state::find()? {
        Found::Nothing => {
            screen::print("No mesh is up. `cargo mesh up` starts one.");
            return Ok(ExitCode::FAILURE);
        }
        Found::Starting => {
            screen::print("A mesh is being started.");
            return Ok(ExitCode::FAILURE);
        }
        Found::Up(state) => state,
    };
    screen::print(Picture { state: &state });
    let mut code = ExitCode::SUCCESS;
    for node in &state.nodes {
        let Some(address) = node.admin else { continue };
        if Admin::new(Node::GATEWAY, address).is_ready().await {
            screen::print(format_args!("{GOOD}✓{GOOD:#} {} is ready", node.name));
        } else {
            screen::print(format_args!("{BAD}✗{BAD:#} {} is not ready", node.name));
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}
