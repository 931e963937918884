//! What the system says about our memory.

use std::collections::HashMap;
use std::fs;

/// What the system says about our memory, in bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Memory {
    /// Not backed by a file, and really there.
    pub allocated: u64,
    /// All data and heap, there or not.
    pub heap: u64,
    /// Everything that is really there.
    pub physical: u64,
}

// === impl Memory ===

impl Memory {
    /// As it is now; zeros where the system does not tell.
    pub fn now() -> Self {
        fs::read_to_string("/proc/self/status")
            .map_or_else(|_| Self::default(), |text| Self::of(&text))
    }

    fn of(status: &str) -> Self {
        let lines = status.lines().filter_map(|line| line.split_once(':'));
        let values: HashMap<_, _> = lines.collect();
        let bytes = |name| {
            let value = values.get(name).and_then(|value| value.trim().strip_suffix(" kB"));
            value
                .and_then(|value| value.parse::<u64>().ok())
                .map_or(0, |kilobytes| kilobytes * 1024)
        };
        Self { allocated: bytes("RssAnon"), heap: bytes("VmData"), physical: bytes("VmRSS") }
    }
}

#[cfg(test)]
mod tests {
    use super::Memory;

    #[test]
    fn memory_is_read_from_what_the_system_says() {
        let status = "Name:\tx\nVmRSS:\t    8344 kB\nRssAnon:\t    2112 kB\nVmData:\t  10 kB\n";
        let expected = Memory { allocated: 2112 << 10, heap: 10 << 10, physical: 8344 << 10 };
        assert_eq!(Memory::of(status), expected);
        assert_eq!(Memory::of("nothing"), Memory::default());
        assert!(Memory::now().physical > 0);
    }
}
