//! The picture of a mesh: three boxes with addresses.

use std::fmt::{self, Write as _};

use super::{
    screen::{BOLD, DIM},
    state::State,
};

/// Wide enough for an address with a port and a word before it.
const WIDTH: usize = 46;

/// A mesh as boxes under one another, in the order of a request's way.
pub(super) struct Picture<'a> {
    pub(super) state: &'a State,
}

impl fmt::Display for Picture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{DIM}{}{DIM:#}", self.state.summary)?;
        writeln!(f)?;
        writeln!(f, "  client")?;
        for node in &self.state.nodes {
            writeln!(f, "    {DIM}│ {}{DIM:#}", node.way)?;
            writeln!(f, "    {DIM}▼{DIM:#}")?;
            let mut lines = Vec::new();
            match node.traffic {
                Some(traffic) => lines.push(format!("http://{traffic}")),
                None => lines.push("not reachable from outside".to_owned()),
            }
            if let Some(admin) = node.admin {
                lines.push(format!("admin http://{admin}"));
            }
            write_box(f, &node.name, &lines)?;
        }
        Ok(())
    }
}

fn write_box(f: &mut fmt::Formatter<'_>, name: &str, lines: &[String]) -> fmt::Result {
    let mut top = String::new();
    write!(top, "{:─<1$}", "", WIDTH.saturating_sub(name.len() + 3))?;
    writeln!(f, "  ┌─ {BOLD}{name}{BOLD:#} {top}┐")?;
    for line in lines {
        writeln!(f, "  │ {line:<0$} │", WIDTH - 2)?;
    }
    writeln!(f, "  └{:─<1$}┘", "", WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::state::NodeState;

    #[test]
    fn every_line_of_a_box_is_as_wide_as_the_others() {
        let nodes = vec![NodeState {
            name: "gateway".to_owned(),
            way: "HTTP/1.1".to_owned(),
            traffic: Some(([127, 0, 0, 1], 8000).into()),
            admin: Some(([127, 0, 0, 1], 8001).into()),
        }];
        let state = State { pid: 1, summary: "as a test".to_owned(), nodes };
        let picture =
            anstream::adapter::strip_str(&Picture { state: &state }.to_string()).to_string();
        let boxes = picture
            .lines()
            .filter(|line| ["  ┌", "  │", "  └"].iter().any(|edge| line.starts_with(edge)));
        let widths: Vec<usize> = boxes.map(|line| line.chars().count()).collect();
        assert_eq!(widths, [WIDTH + 4; 4], "{picture}");
    }
}
