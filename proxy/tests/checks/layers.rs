//! Keeps the layers honest: reads every source file and checks who imports whom.

use crate::sources::{Source, sources};

/// Modules from the bottom up. A file may import only modules on an earlier line, and its own.
const RANKS: &[&[&str]] = &[
    &["base"],
    &["stats", "stream_info"],
    &["formatter"],
    &["config"],
    &["message", "transport", "runtime", "overload"],
    &["upstream", "route", "access_log", "trace"],
    &["filter", "sink"],
    &["router"],
    &["hcm", "network"],
    &["listener"],
    &["xds", "admin", "explain"],
    &["server"],
];

#[test]
fn imports_point_down() {
    let mut broken = Vec::new();
    for source in sources(&["src"]) {
        let Some(module) = module(&source) else { continue };
        let Some(home) = rank(&module) else {
            broken.push(format!("{}: crate::{module} has no rank", source.path.display()));
            continue;
        };
        for (line, used) in crate_paths(&source.text) {
            if used != module && rank(&used).is_none_or(|rank| rank >= home) {
                let path = source.path.display();
                broken.push(format!("{path}:{line}: {module} may not import crate::{used}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_form_of_an_import_is_seen() {
    let text = "use crate::stats::Counter;\n\
                use crate::{\n    base::clock, // crate::not_this\n    config::{self, v3::Any},\n};\n\
                fn f(x: crate::hcm::X) { $crate::admin::f() }\n";
    let found: Vec<_> = crate_paths(text).into_iter().map(|(_, module)| module).collect();
    assert_eq!(found, ["stats", "base", "config", "hcm", "admin"]);
    assert!(rank("server") > rank("admin") && rank("admin") > rank("base"));
    assert_eq!(rank("util"), None);
}

/// The top-level module that a file belongs to; none for the crate's root and the binary.
fn module(source: &Source) -> Option<String> {
    let path = source.path.strip_prefix("src").ok()?;
    let first = path.iter().next()?.to_str()?;
    let name = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main"].contains(&name)).then(|| name.to_owned())
}

fn rank(module: &str) -> Option<usize> {
    RANKS.iter().position(|rank| rank.contains(&module))
}

/// Every module named after `crate::`, with its line, also in groups, not in comments.
fn crate_paths(text: &str) -> Vec<(usize, String)> {
    const ROOT: &str = "crate::";
    let code: Vec<_> =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(ROOT) {
        let line = code[..at].matches('\n').count() + 1;
        let after = &code[at + ROOT.len()..];
        match after.strip_prefix('{') {
            Some(group) => found.extend(members(group).map(|module| (line, module))),
            None => found.push((line, word(after))),
        }
    }
    found
}

/// The first words of a group's members, up to its end.
fn members(group: &str) -> impl Iterator<Item = String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for character in group.chars() {
        match character {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    let words = parts
        .into_iter()
        .map(|part| word(part.trim_start_matches(|c: char| c == ',' || c.is_whitespace())));
    words.filter(|word| !word.is_empty())
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}
