//! What an image is built from: a Dockerfile and one binary, in a tar archive that is never written to a disk.

use std::{io, path::Path};

use sha2::{Digest as _, Sha256};

use crate::error::Error;

/// Whom the program runs as: nobody, by the number that distroless images use. Engines since 20.10 let any user of a
/// container listen on port 80.
const USER: &str = "65532:65532";

/// Everything an image is built from.
#[derive(Debug)]
pub(super) struct Context {
    /// The program's name, which is the binary's file name.
    name: String,
    binary: Vec<u8>,
    dockerfile: String,
    digest: String,
}

// === impl Context ===

impl Context {
    /// Reads the binary.
    pub(super) async fn of(binary: &Path) -> Result<Self, Error> {
        let failed = |source| Error::File { path: binary.to_owned(), source };
        let name = binary.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| failed(io::ErrorKind::InvalidFilename.into()))?.to_owned();
        let bytes = tokio::fs::read(binary).await.map_err(failed)?;
        Ok(Self::new(name, bytes))
    }

    fn new(name: String, binary: Vec<u8>) -> Self {
        let dockerfile =
            format!("FROM scratch\nCOPY {name} /{name}\nUSER {USER}\nENTRYPOINT [\"/{name}\"]\n");
        let digest = Sha256::new().chain_update(&dockerfile).chain_update(&binary).finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self { name, binary, dockerfile, digest }
    }

    /// Changes when anything in the image does.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// The archive that an engine builds the image from.
    pub(super) fn into_tar(self) -> io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::with_capacity(self.binary.len() + 4096));
        append(&mut archive, "Dockerfile", 0o644, self.dockerfile.as_bytes())?;
        append(&mut archive, &self.name, 0o755, &self.binary)?;
        archive.into_inner()
    }
}

fn append(
    archive: &mut tar::Builder<Vec<u8>>,
    path: &str,
    mode: u32,
    content: &[u8],
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(content.len() as u64);
    // No times and no owner: the same content makes the same archive everywhere.
    archive.append_data(&mut header, path, content)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::Context;

    fn context(binary: &[u8]) -> Context {
        Context::new("program".to_owned(), binary.to_vec())
    }

    #[test]
    fn the_archive_holds_a_dockerfile_and_the_program() {
        let tar = context(b"\x7fELF").into_tar().unwrap();
        let mut archive = tar::Archive::new(tar.as_slice());
        let mut found = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            found.push((path, mode, String::from_utf8(content).unwrap()));
        }
        let dockerfile = "FROM scratch\nCOPY program /program\nUSER 65532:65532\n\
                          ENTRYPOINT [\"/program\"]\n";
        assert_eq!(
            found,
            [
                ("Dockerfile".to_owned(), 0o644, dockerfile.to_owned()),
                ("program".to_owned(), 0o755, "\x7fELF".to_owned()),
            ]
        );
    }

    #[test]
    fn the_digest_follows_the_content() {
        assert_eq!(context(b"one").digest(), context(b"one").digest());
        assert_ne!(context(b"one").digest(), context(b"two").digest());
        assert_eq!(context(b"one").digest().len(), 64);
    }
}
