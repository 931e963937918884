//! `filesystem.*`: what became of the lines.

use crate::stats::stats;

stats! {
    /// Stats of all access-log files, under `filesystem.`
    pub(super) struct FileStats {
        /// Lines put into a buffer
        write_buffered: Counter,
        /// Buffers written to their file
        write_completed: Counter,
        /// Buffers that could not be written, as on a full disk
        write_failed: Counter,
        /// Lines thrown away because the file took them too slowly; not a stat of Envoy's, which has no bound
        write_dropped: Counter,
        /// Times the flush interval passed
        flushed_by_timer: Counter,
        /// Times a file could not be opened again after it was moved away
        reopen_failed: Counter,
        /// Bytes in buffers now
        write_total_buffered: Gauge,
    }
}
