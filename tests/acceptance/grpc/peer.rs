//! A client of gRPC that others wrote: the library of Google's C core, as Python has it.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use outrigger_harness::{binaries, mesh::Mesh};

/// What the client is made of.
const PACKAGES: [&str; 2] = ["grpcio==1.85.*", "grpcio-tools==1.85.*"];

/// The interpreter that has the library, and the folder with the messages; or why there is none.
fn python() -> &'static Result<(PathBuf, PathBuf), String> {
    static MADE: OnceLock<Result<(PathBuf, PathBuf), String>> = OnceLock::new();
    MADE.get_or_init(make)
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn make() -> Result<(PathBuf, PathBuf), String> {
    let target = binaries::target_folder().ok_or("there is no folder to make it in")?;
    let folder = target.join("grpc-peer");
    let python = folder.join("bin/python");
    let imports = ["-c", "import grpc, grpc_tools"];
    if run(Command::new(&python).args(imports)).is_err() {
        run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        let install = ["-m", "pip", "install", "--quiet", "--only-binary", ":all:"];
        run(Command::new(&python).args(install).args(PACKAGES))?;
    }
    let messages = folder.join("messages");
    std::fs::create_dir_all(&messages).map_err(|error| error.to_string())?;
    let proto = binaries::workspace().join("demo-app/proto");
    run(Command::new(&python)
        .args(["-m", "grpc_tools.protoc", "-I"])
        .arg(&proto)
        .arg(format!("--python_out={}", messages.display()))
        .arg(format!("--grpc_python_out={}", messages.display()))
        .arg("date_time.proto"))?;
    Ok((python, messages))
}

each_feature_mesh!(calls_of_another_library_go_well, "grpc");
async fn calls_of_another_library_go_well(mesh: &Mesh) {
    let (python, messages) = match python() {
        Ok(made) => made,
        Err(why) => return eprintln!("skipped: no gRPC for Python: {why}"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/grpc/peer.py");
    let mut command = tokio::process::Command::new(python);
    command.arg(script).arg(mesh.front_address().to_string()).env("PYTHONPATH", messages);
    let output = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(said, "all calls went well\n", "{}", String::from_utf8_lossy(&output.stderr));
}
