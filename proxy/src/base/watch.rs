//! Sees that a file has changed.
//!
//! A change is seen by looking at the file again and again, not by being told of it: inotify says nothing of a file that
//! was replaced under a bind mount, or on the other side of a network or of a virtual machine, and follows the inode
//! instead of the name, while the name is all that a file, a swapped symbolic link and a mount have in common. It costs
//! one system call every [`PAUSE`], on the main thread's pool, and no worker knows of it.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// How long it takes at most until a change is seen. Nobody notices a quarter of a second, nor a call each.
pub const PAUSE: Duration = Duration::from_millis(250);

/// A file that is written in place is read once it rests; one that never rests is read after so many looks all the same.
const MOST_UNREST: u32 = 20;

/// What of a file is different when it is another one, or was written to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Looks {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// One file under watch.
#[derive(Debug, Default)]
pub struct Watch {
    /// As it was when it was read last; none if it was not there.
    read: Option<Looks>,
    /// As it was a moment ago.
    seen: Option<Looks>,
    unrest: u32,
    begun: bool,
}

// === impl Looks ===

impl Looks {
    /// None if there is no such file at the moment.
    async fn of(path: &Path) -> Option<Self> {
        let metadata = tokio::fs::metadata(path).await.ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Whether it is the same file, whatever is written in it.
    fn is(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

// === impl Watch ===

impl Watch {
    /// Looks at the file, and says whether it is to be read now: the first time, and after each change.
    pub async fn look(&mut self, path: &Path) -> bool {
        let looks = Looks::of(path).await;
        let is_to_be_read = self.is_to_be_read(looks) || !self.begun;
        self.begun = true;
        if is_to_be_read {
            self.read = looks;
        }
        is_to_be_read
    }

    /// Whether a file that looks like this is to be read now.
    fn is_to_be_read(&mut self, now: Option<Looks>) -> bool {
        let before = std::mem::replace(&mut self.seen, now);
        // Where it is gone, it is about to come back; and nobody would be helped by losing what it said.
        let Some(now) = now.filter(|now| self.read != Some(*now)) else {
            self.unrest = 0;
            return false;
        };
        let replaced = self.read.is_none_or(|read| !read.is(&now));
        self.unrest += 1;
        if replaced || before == Some(now) || self.unrest > MOST_UNREST {
            self.unrest = 0;
            return true;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::{Looks, MOST_UNREST, Watch};

    fn looks(inode: u64, size: u64) -> Option<Looks> {
        Some(Looks { device: 1, inode, size, modified: (0, 0), changed: (0, 0) })
    }

    #[test]
    fn another_file_is_read_at_once_and_one_written_in_place_when_it_rests() {
        let mut watch = Watch { read: looks(1, 10), seen: looks(1, 10), unrest: 0, begun: true };
        assert!(!watch.is_to_be_read(looks(1, 10)));
        assert!(!watch.is_to_be_read(None), "gone is no change");
        assert!(watch.is_to_be_read(looks(2, 10)));
        watch.read = looks(2, 10);
        assert!(!watch.is_to_be_read(looks(2, 5)), "it may be being written");
        assert!(!watch.is_to_be_read(looks(2, 20)));
        assert!(watch.is_to_be_read(looks(2, 20)));
    }

    #[test]
    fn a_file_that_never_rests_is_read_all_the_same() {
        let mut watch = Watch { read: looks(1, 0), seen: looks(1, 0), unrest: 0, begun: true };
        let looked = (1..1000).find(|size| watch.is_to_be_read(looks(1, *size))).unwrap();
        assert_eq!(looked, u64::from(MOST_UNREST) + 1);
    }
}
