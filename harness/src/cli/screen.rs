//! What a person sees: results on standard output, progress on standard error, colours on a terminal only.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressStyle};

/// A step under way. On a terminal it turns; elsewhere it was one line, and is another when it ends.
#[derive(Debug)]
pub(super) struct Step {
    name: String,
    started: Instant,
    bar: Option<ProgressBar>,
    last: Mutex<String>,
}

/// How often what turns moves on.
const TURN: Duration = Duration::from_millis(100);

pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const GOOD: Style = AnsiColor::Green.on_default().bold();
pub(super) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(super) const SENT: Style = AnsiColor::Cyan.on_default();

/// Prints a result. Styles in it are dropped where they would not be understood.
pub(super) fn print(text: impl fmt::Display) {
    // Somebody who closes the pipe has read enough.
    drop(writeln!(anstream::stdout(), "{text}"));
}

/// Prints a remark beside the result.
pub(super) fn note(text: impl fmt::Display) {
    drop(writeln!(anstream::stderr(), "{DIM}{text}{DIM:#}"));
}

/// Prints an error.
pub(super) fn error(text: &str) {
    drop(writeln!(anstream::stderr(), "{BAD}error{BAD:#}: {text}"));
}

/// Begins a step that may take long.
pub(super) fn step(name: &str) -> Step {
    let bar = io::stderr().is_terminal().then(|| {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) =
            ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg:.dim}")
        {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(TURN);
        bar
    });
    if bar.is_none() {
        drop(writeln!(io::stderr(), "{name} ..."));
    }
    Step { name: name.to_owned(), started: Instant::now(), bar, last: Mutex::default() }
}

// === impl Step ===

impl Step {
    /// Shows what is being done within the step.
    pub(super) fn tell(&self, detail: &str) {
        let detail = detail.trim();
        match &self.bar {
            Some(bar) => bar.set_message(detail.to_owned()),
            None => self.tell_line(detail),
        }
    }

    /// In a log, every line once is enough.
    fn tell_line(&self, detail: &str) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != detail {
            drop(writeln!(io::stderr(), "  {detail}"));
            detail.clone_into(&mut last);
        }
    }

    /// Ends the step well.
    pub(super) fn done(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        let took = self.started.elapsed().as_secs_f32();
        drop(writeln!(
            anstream::stderr(),
            "{GOOD}✓{GOOD:#} {} {DIM}({took:.1} s){DIM:#}",
            self.name
        ));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        // A step that fails leaves its line to the error.
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
