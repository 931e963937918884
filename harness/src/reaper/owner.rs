//! Says which process something belongs to, so that another process can tell whether that one still lives.

use std::{fmt, fs, io, path::Path, process, str::FromStr};

use crate::error::Error;

/// A process, told apart from every other one of any machine at any time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// The machine, or the container, whose process ids these are: its host name and its process id namespace.
    place: String,
    /// Changes with every start of the kernel.
    boot: String,
    pid: u32,
    /// When the process started, in ticks since the kernel did: a process id may be given again.
    started: u64,
}

/// A label that is no owner.
#[derive(Debug, thiserror::Error)]
#[error("not an owner: {0:?}")]
pub(crate) struct NoOwner(String);

// === impl Owner ===

impl Owner {
    /// This process.
    ///
    /// # Errors
    /// [`Error::File`] if `/proc` does not say who we are.
    pub(crate) fn this_process() -> Result<Self, Error> {
        let pid = process::id();
        let started = read("/proc/self/stat", |path| {
            let stat = fs::read_to_string(path)?;
            start_time(&stat).ok_or_else(|| io::ErrorKind::InvalidData.into())
        })?;
        Ok(Self { place: place()?, boot: boot()?, pid, started })
    }

    /// When this process started, in ticks since the kernel did.
    pub(crate) fn started(&self) -> u64 {
        self.started
    }

    /// Whether the process certainly does not live any more. One of another machine, or one that `/proc` does not show for
    /// another reason than its absence, may well live.
    pub(crate) fn is_dead(&self) -> bool {
        let (Ok(place), Ok(boot)) = (place(), boot()) else { return false };
        if self.place != place {
            return false;
        }
        self.boot != boot || !self.is_running()
    }

    fn is_running(&self) -> bool {
        match fs::read_to_string(format!("/proc/{}/stat", self.pid)) {
            Ok(stat) => start_time(&stat) == Some(self.started),
            Err(error) => error.kind() != io::ErrorKind::NotFound,
        }
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.place, self.boot, self.pid, self.started)
    }
}

impl FromStr for Owner {
    type Err = NoOwner;

    fn from_str(text: &str) -> Result<Self, NoOwner> {
        let parse = || {
            let mut parts = text.rsplitn(4, '/');
            let started = parts.next()?.parse().ok()?;
            let pid = parts.next()?.parse().ok()?;
            let boot = parts.next()?.to_owned();
            let place = parts.next()?.to_owned();
            Some(Self { place, boot, pid, started })
        };
        parse().ok_or_else(|| NoOwner(text.to_owned()))
    }
}

fn place() -> Result<String, Error> {
    let host = read("/proc/sys/kernel/hostname", |path| fs::read_to_string(path))?;
    let namespace = read("/proc/self/ns/pid", |path| fs::read_link(path))?;
    Ok(format!("{}/{}", host.trim(), namespace.display()))
}

fn boot() -> Result<String, Error> {
    let boot = read("/proc/sys/kernel/random/boot_id", |path| fs::read_to_string(path))?;
    Ok(boot.trim().to_owned())
}

fn read<T>(path: &str, how: impl FnOnce(&Path) -> io::Result<T>) -> Result<T, Error> {
    let path = Path::new(path);
    how(path).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Field 22 of `/proc/PID/stat`. Field 2 is the program's name in parentheses, which may hold anything.
fn start_time(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(22 - 3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives() {
        assert!(!Owner::this_process().unwrap().is_dead());
    }

    #[test]
    fn an_owner_survives_its_label() {
        let owner = Owner::this_process().unwrap();
        assert_eq!(owner.to_string().parse::<Owner>().unwrap(), owner);
    }

    #[test]
    fn a_label_of_somebody_else_is_no_owner() {
        assert!("me".parse::<Owner>().is_err());
        assert!("host/pid/boot/one/2".parse::<Owner>().is_err());
    }

    #[test]
    fn a_process_that_has_ended_is_dead() {
        let mut child = process::Command::new("true").spawn().unwrap();
        let path = format!("/proc/{}/stat", child.id());
        // It stays in /proc until it is waited for.
        let started = start_time(&fs::read_to_string(path).unwrap()).unwrap();
        let owner = Owner { pid: child.id(), started, ..Owner::this_process().unwrap() };
        assert!(!owner.is_dead());
        child.wait().unwrap();
        assert!(owner.is_dead());
    }

    #[test]
    fn a_process_id_that_was_given_again_is_another_process() {
        let this = Owner::this_process().unwrap();
        assert!(Owner { started: this.started - 1, ..this }.is_dead());
    }

    #[test]
    fn nothing_survives_a_restart_of_the_machine() {
        let this = Owner::this_process().unwrap();
        assert!(Owner { boot: "another".to_owned(), ..this }.is_dead());
    }

    #[test]
    fn nothing_is_known_of_another_machine() {
        let this = Owner::this_process().unwrap();
        let elsewhere = Owner { place: "elsewhere/pid:[1]".to_owned(), pid: 1, started: 1, ..this };
        assert!(!elsewhere.is_dead());
    }

    #[test]
    fn a_program_may_have_any_name() {
        let mut stat = "7 (a) b (c) S".to_owned();
        (4..=22).for_each(|field| stat.push_str(&format!(" {field}")));
        assert_eq!(start_time(&stat), Some(22));
    }
}
