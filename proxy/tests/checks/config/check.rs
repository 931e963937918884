//! What `outrigger check` says beyond errors: lints, coverage, leniency, and its forms for programs.

use std::path::Path;

use outrigger::config::bootstrap::Node;
use outrigger::config::diagnostic::{Colours, Lenience, Severity};
use outrigger::config::lint::LINTS;
use outrigger::config::{self, Checked, Manner};

use super::files::check;
use super::fixtures;

fn checked(path: &Path, manner: &Manner) -> Checked {
    config::check(Some(path), None, &Node::default(), None, manner)
}

fn all() -> Manner {
    Manner { lints: Some(Vec::new()), ..Manner::default() }
}

/// With unsupported fields ignored, so that lints about them are told too.
fn lenient() -> Manner {
    Manner { lenience: Lenience { unsupported: true, files: true }, ..all() }
}

#[test]
fn each_trap_is_told_where_it_is() {
    check("lint", |path| checked(path, &lenient()).report.text(Colours::Off));
}

#[test]
fn each_lint_has_a_file_that_it_warns_of() {
    let told: String = fixtures("lint")
        .iter()
        .map(|path| checked(path, &lenient()).report.text(Colours::Off))
        .collect();
    for lint in LINTS {
        assert!(told.contains(&format!("warning[{}]", lint.name)), "{} is in no file", lint.name);
    }
    assert!(LINTS.is_sorted_by_key(|lint| lint.name));
}

#[test]
fn a_lint_is_silenced_by_option() {
    for path in fixtures("lint") {
        let allowed = LINTS.iter().map(|lint| lint.name.to_owned()).collect();
        let report = checked(&path, &Manner { lints: Some(allowed), ..lenient() }).report;
        let is_lint = |rule| LINTS.iter().any(|lint| lint.name == rule);
        assert!(report.findings.iter().all(|finding| !is_lint(finding.rule)), "{report}");
    }
}

#[test]
fn good_files_of_compose_have_one_trap() {
    for node in ["gateway", "sidecar"] {
        for name in ["bootstrap.json", "bootstrap.v3.yaml"] {
            let report = checked(&Path::new("../compose").join(node).join(name), &all()).report;
            // The admin server is for all, in containers.
            let rules: Vec<&str> = report.findings.iter().map(|finding| finding.rule).collect();
            assert_eq!(rules, ["admin-public"], "{report}");
        }
    }
}

#[test]
fn what_is_not_supported_is_ignored_where_that_is_allowed() {
    check("lenient", |path| {
        let Checked { bootstrap, report, .. } = checked(path, &lenient());
        assert!(bootstrap.is_some(), "{report}");
        report.text(Colours::Off)
    });
}

#[test]
fn what_is_ignored_is_an_error_otherwise() {
    for path in fixtures("lenient") {
        let strict = checked(&path, &Manner::default()).report;
        let ignored = checked(&path, &Manner { lints: None, ..lenient() }).report;
        let (errors, warnings) = (strict.count(Severity::Error), ignored.count(Severity::Warning));
        assert_eq!(strict.findings.len(), ignored.findings.len(), "{strict}");
        assert!(errors > 0 && warnings >= errors, "{strict}");
    }
}

#[test]
fn what_becomes_of_each_field_is_told() {
    check("coverage", |path| {
        let manner = Manner { uses: true, ..lenient() };
        let uses = checked(path, &manner).uses;
        let line = |(line, column): (u32, u32)| format!("{line}:{column}");
        uses.iter()
            .map(|field| {
                let place = field.place.map(line).unwrap_or_default();
                let reason = field.fate.reason().unwrap_or_default();
                format!("{place} {} {} {reason}", field.fate.name(), field.path).trim().to_owned()
                    + "\n"
            })
            .collect()
    });
}

#[test]
fn programs_are_told_the_same() {
    check("report", |path| {
        let report = checked(path, &all()).report;
        let mut sarif = report.sarif();
        let driver = &mut sarif["runs"][0]["tool"]["driver"];
        let rules = std::mem::take(&mut driver["rules"]);
        let known: Vec<&str> =
            rules.as_array().unwrap().iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert!(report.findings.iter().all(|finding| known.contains(&finding.rule)));
        driver["version"] = "…".into();
        format!("{:#}\n{sarif:#}\n", report.json())
    });
}
