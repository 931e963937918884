//! `cargo mesh down`: ends the mesh that is up.

use std::process::ExitCode;

use rustix::process::{Pid, Signal, kill_process};

use super::{
    screen,
    state::{self, Found},
};
use crate::{error::Error, eventually};

/// Asks the process that holds the mesh to end, and waits until it has.
pub(super) async fn down() -> Result<ExitCode, Error> {
    let look = async || {
        Ok(match state::find()? {
            Found::Nothing => Ok(None),
            Found::Up(state) => Ok(Some(state)),
            Found::Starting => Err("it is being started"),
        })
    };
    let Some(state) = eventually::becomes_true("the start of the mesh", look).await? else {
        screen::print("No mesh is up.");
        return Ok(ExitCode::SUCCESS);
    };
    let step = screen::step("ending the mesh");
    let pid = i32::try_from(state.pid).ok().and_then(Pid::from_raw);
    let pid =
        pid.ok_or_else(|| Error::step("end the mesh", format!("{} is no process id", state.pid)))?;
    kill_process(pid, Signal::TERM)
        .map_err(|error| Error::step(format!("end process {}", state.pid), error))?;
    let gone = async || {
        Ok(match state::find()? {
            Found::Nothing => Ok(()),
            Found::Up(_) | Found::Starting => Err("it is still there"),
        })
    };
    eventually::becomes_true("the end of the mesh", gone).await?;
    step.done();
    Ok(ExitCode::SUCCESS)
}
