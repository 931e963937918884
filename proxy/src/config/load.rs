//! From a file or a text to the validated configuration, or to the list of everything that is wrong with it.

mod endpoints;
mod routes;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;

use super::bootstrap::{Bootstrap, Node as Identity, Version};
use super::diagnostic::{Findings, Lenience, Report, rule};
use super::expand::{self, Expanded, Variables};
use super::schema::Schema;
use super::source::{Entry, Node, Notation, Sources, Value};
use super::usage::{self, FieldUse};
use super::{files, lint, v1, v3};

pub use self::endpoints::{AssignmentError, load_assignment, load_secret};
pub use self::routes::load_route_tests;

/// A larger file is refused unread. One with 5,000 clusters and as many routes has 2.5 MB.
pub const MAX_FILE_BYTES: u64 = 16 * 1024 * 1024;

/// What stands for the file's name where something came from the command line.
const COMMAND_LINE: &str = "command line";

/// What stands for the file's name where the text came from `--config-yaml`.
const CONFIG_YAML: &str = "--config-yaml";

/// A configuration that can be served.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub bootstrap: Bootstrap,
    /// What should be known about the file all the same; no errors.
    pub warnings: Report,
}

/// How a configuration is to be read.
#[derive(Clone, Debug, Default)]
pub struct Manner {
    /// What is forgiven.
    pub lenience: Lenience,
    /// Whether the lints run, but for these; none runs none.
    pub lints: Option<Vec<String>>,
    /// Whether to tell what became of each field.
    pub uses: bool,
    /// Whether a file may hold a route table alone, as `router_check_tool` takes it. It then has one listener, with
    /// Envoy's defaults, and which clusters its routes name is not looked at.
    pub route_tables: bool,
}

/// What there is to say about a configuration.
#[derive(Clone, Debug)]
pub struct Checked {
    /// The configuration, if it can be served.
    pub bootstrap: Option<Bootstrap>,
    /// Errors, warnings and what the lints say, in the order of the text, each with its line.
    pub report: Report,
    /// What became of each field of the file.
    pub uses: Vec<FieldUse>,
    /// Whether it is a route table alone, so that nobody knows which clusters there are.
    pub table_alone: bool,
}

/// Reads the file of `-c`, the text of `--config-yaml`, or the first with the second laid over it as protobuf merges.
///
/// A file whose name ends in `.yaml` or `.yml` is YAML, any other is JSON, and either may have the v1 or the v3 form;
/// the text is YAML of the v3 form. What `identity` says (`--service-node`, `--service-cluster`, `--service-zone`;
/// empty is nothing) goes before the file's `node`. Nothing but the file is opened and nothing is resolved.
///
/// # Errors
///
/// Everything that is wrong with the file or the text, each finding with its place, in the order of the text.
pub fn load(
    path: Option<&Path>,
    yaml: Option<&str>,
    identity: &Identity,
) -> Result<Loaded, Report> {
    load_expanded(path, yaml, identity, None)
}

/// The same with the references to environment variables (`${VAR}`, `${VAR:-default}`) in values replaced, if variables
/// are given.
///
/// # Errors
///
/// As [`load`], and what has no value.
pub fn load_expanded(
    path: Option<&Path>,
    yaml: Option<&str>,
    identity: &Identity,
    variables: Option<Variables<'_>>,
) -> Result<Loaded, Report> {
    let Checked { bootstrap, report, .. } =
        check(path, yaml, identity, variables, &Manner::default());
    match bootstrap {
        Some(bootstrap) => Ok(Loaded { bootstrap, warnings: report }),
        None => Err(report),
    }
}

/// Reads as [`load`] does, and says all that there is to say.
pub fn check(
    path: Option<&Path>,
    yaml: Option<&str>,
    identity: &Identity,
    variables: Option<Variables<'_>>,
    manner: &Manner,
) -> Checked {
    check_then((path, yaml), identity, variables, manner, |checked| checked)
}

/// The same for somebody who is called before what was read on the way is forgotten. What is built then does not take
/// the place of that, and the allocator can give all of it back at once.
pub fn check_then<R>(
    (path, yaml): (Option<&Path>, Option<&str>),
    identity: &Identity,
    variables: Option<Variables<'_>>,
    manner: &Manner,
    then: impl FnOnce(Checked) -> R,
) -> R {
    let schema = Schema::read();
    let mut load = Load::new(&schema, variables);
    load.findings = Findings::forgiving(manner.lenience);
    load.manner = manner.clone();
    let mut checked = match load.read(path, yaml, identity) {
        Ok(versions) => load.finish(path, &versions),
        Err(report) => Checked { bootstrap: None, report, uses: Vec::new(), table_alone: false },
    };
    for (name, text) in &load.texts {
        checked.report.quote(name, text);
    }
    if let Some(path) = path.filter(|_| checked.report.is_unquoted()) {
        // It was readable a moment ago, and only lines to be shown come from it.
        let text = read(path).unwrap_or_default();
        checked.report.quote(&path.display().to_string(), &text);
    }
    then(checked)
}

/// A load under way.
pub(super) struct Load<'s> {
    schema: &'s Schema,
    sources: Sources,
    /// The trees as they stand in the files, in which the paths of findings are looked up.
    pub(super) roots: Vec<Node>,
    variables: Option<Variables<'s>>,
    pub(super) expanded: Expanded,
    /// What was found while the trees were read.
    pub(super) findings: Findings,
    /// The notation of the text that was read last.
    pub(super) notation: Notation,
    /// Texts that cannot be read again, with their names.
    texts: Vec<(String, String)>,
    /// The trees as messages, one laid over the other, once that is done.
    merged: Option<v3::Message<'s>>,
    manner: Manner,
}

// === impl Load ===

impl<'s> Load<'s> {
    pub(super) fn new(schema: &'s Schema, variables: Option<Variables<'s>>) -> Self {
        Self {
            schema,
            sources: Sources::default(),
            roots: Vec::new(),
            variables,
            expanded: Expanded::default(),
            findings: Findings::default(),
            notation: Notation::Json,
            texts: Vec::new(),
            merged: None,
            manner: Manner::default(),
        }
    }

    fn read(
        &mut self,
        path: Option<&Path>,
        yaml: Option<&str>,
        identity: &Identity,
    ) -> Result<Vec<Version>, Report> {
        let file = path.map(|path| self.file(path)).transpose()?;
        let text = yaml.map(|text| self.text(text)).transpose()?;
        if file.is_none() && text.is_none() {
            let message = "neither a file (-c) nor a text (--config-yaml) is given";
            return Err(Report::of_file("configuration", message));
        }
        let given = self.identity(identity);
        Ok([file, text, given].into_iter().flatten().collect())
    }

    pub(super) fn file(&mut self, path: &Path) -> Result<Version, Report> {
        let name = path.display().to_string();
        let notation = files::notation(path).map_err(|why| Report::of_file(&name, why))?;
        let text = read(path)?;
        let parsed = self.parse(&name, &text, notation);
        // A pipe cannot be read twice, and comments are no part of the tree.
        if !path.is_file() || self.manner.lints.is_some() {
            self.texts.push((name, text));
        }
        parsed?;
        let root = self.roots.last();
        let version = root.map_or(Version::V3, |root| version(root, self.schema));
        self.expand(version);
        Ok(version)
    }

    fn expand(&mut self, version: Version) {
        if let (Some(root), Some(variables)) = (self.roots.last_mut(), self.variables) {
            expand::expand(root, version, variables, &mut self.findings, &mut self.expanded);
        }
    }

    fn text(&mut self, text: &str) -> Result<Version, Report> {
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(Report::of_file(CONFIG_YAML, too_large()));
        }
        self.texts.push((CONFIG_YAML.to_owned(), text.to_owned()));
        self.parse(CONFIG_YAML, text, Notation::Yaml)?;
        self.expand(Version::V3);
        Ok(Version::V3)
    }

    /// What the command line says, as a tree that is laid over the others.
    fn identity(&mut self, identity: &Identity) -> Option<Version> {
        let Identity { id, cluster, zone } = identity;
        if id.is_empty() && cluster.is_empty() && zone.is_empty() {
            return None;
        }
        let at = self.sources.open(COMMAND_LINE);
        let map = |entries: Vec<(&str, Node)>| {
            let entry =
                |(key, node): (&str, Node)| Entry { key: key.to_owned(), at, node, note: None };
            Node::new(at, Value::Map(entries.into_iter().map(entry).collect()))
        };
        let given = [("id", id), ("cluster", cluster)].into_iter().filter(|(_, s)| !s.is_empty());
        let mut node: Vec<(&str, Node)> = given.map(|(key, s)| (key, Node::text(at, s))).collect();
        if !zone.is_empty() {
            node.push(("locality", map(vec![("zone", Node::text(at, zone))])));
        }
        let root = map(vec![("node", map(node))]);
        self.roots.push(root);
        Some(Version::V3)
    }

    fn parse(&mut self, name: &str, text: &str, notation: Notation) -> Result<(), Report> {
        self.notation = notation;
        let whole = self.sources.open(name);
        if text.trim().is_empty() {
            return Err(Report::of_file(name, "the file is empty"));
        }
        match self.sources.parse(text, notation) {
            Ok(root) if matches!(root.value, Value::Null) => {
                Err(Report::of_file(name, "the file is empty"))
            }
            Ok(root) => {
                self.roots.push(root);
                Ok(())
            }
            Err(error) => {
                let mut findings = Findings::default();
                let at = self.sources.mark(error.mark);
                let kind = match notation {
                    Notation::Json => "JSON",
                    Notation::Yaml => "YAML",
                };
                let message = format!("not valid {kind}: {}", error.message);
                let finding = findings.error(at, message).rule(rule::SYNTAX);
                let starts_as_json = text.trim_start().starts_with(['{', '[']);
                if notation == Notation::Json && !starts_as_json {
                    finding.hint("a file is read as JSON unless its name ends in .yaml");
                }
                debug_assert!(at > whole);
                Err(findings.report(&self.sources, &[]))
            }
        }
    }

    /// Reads the trees as messages, lays one over the other and lowers the result.
    fn finish(&mut self, path: Option<&Path>, versions: &[Version]) -> Checked {
        let lenience = self.manner.lenience;
        let mut findings = std::mem::take(&mut self.findings);
        let mut merged: Option<v3::Message<'s>> = None;
        for (root, version) in self.roots.iter().zip(versions) {
            let message = self.message(root, *version, &mut findings);
            merged = match (merged, message) {
                (Some(mut merged), Some(message)) => {
                    merged.merge(message);
                    Some(merged)
                }
                (merged, message) => merged.or(message),
            };
        }
        let mut lowered = None;
        let mut dump = String::new();
        if let Some(message) = &mut merged {
            let said = findings.places();
            let mut later = Findings::forgiving(lenience);
            v3::validate(message, &mut later);
            lowered = Some(v3::lower(message, &mut later));
            findings.extend_elsewhere(later, &said);
            if findings.errors() == 0 {
                v3::redact(message, &self.expanded.places());
                dump = v3::dump(message);
            }
        }
        let failed = findings.errors() > 0;
        findings.drop_vain_lints();
        let uses = match (&merged, self.roots.first()) {
            (Some(message), Some(root)) if self.manner.uses => {
                usage::of(root, message, &findings, &self.sources)
            }
            _ => Vec::new(),
        };
        let report = self.report(findings);
        self.merged = merged;
        let bootstrap = lowered.filter(|_| !failed).map(|lowered| Bootstrap {
            outlier_event_log: lowered.outlier_event_log,
            overload: lowered.overload,
            most_connections: lowered.most_connections,
            path: path.map(Path::to_path_buf),
            version: versions.first().copied().unwrap_or(Version::V3),
            node: lowered.node,
            admin: lowered.admin,
            listeners: lowered.listeners,
            clusters: lowered.clusters.into_iter().map(Arc::new).collect(),
            dump,
        });
        let table_alone =
            self.manner.route_tables && self.roots.first().is_some_and(routes::is_table);
        Checked { bootstrap, report, uses, table_alone }
    }

    /// What was found, with no secret in it.
    pub(super) fn report(&self, findings: Findings) -> Report {
        self.expanded.mask(findings.report(&self.sources, &self.roots))
    }

    fn message(
        &self,
        root: &Node,
        version: Version,
        findings: &mut Findings,
    ) -> Option<v3::Message<'s>> {
        match version {
            Version::V3 if self.manner.route_tables && routes::is_table(root) => {
                v3::check(&routes::around(root), v3::BOOTSTRAP, self.schema, findings)
            }
            Version::V3 => {
                self.lint(root, findings);
                v3::check(root, v3::BOOTSTRAP, self.schema, findings)
            }
            Version::V1 => {
                let converted = v1::convert(root, findings).filter(|_| !findings.are_enough())?;
                let said = findings.places();
                let mut later = Findings::forgiving(findings.lenience());
                let message = v3::check(&converted, v3::BOOTSTRAP, self.schema, &mut later);
                // What v3 has deprecated since is no fault of a v1 file.
                later.drop_notes();
                v1::joined(root).iter().for_each(|places| later.repeat(places));
                self.lint(&converted, &mut later);
                findings.extend_elsewhere(later, &said);
                message
            }
        }
    }

    /// Looks for traps in the file, unless something is laid over it.
    fn lint(&self, root: &Node, findings: &mut Findings) {
        let (Some(allowed), [.., (_, text)]) = (&self.manner.lints, self.texts.as_slice()) else {
            return;
        };
        if self.texts.len() > 1 || self.roots.first().is_none_or(|first| first.at != root.at) {
            return;
        }
        let silence = lint::Silence::new(allowed, text);
        let written = self.roots.first().unwrap_or(root);
        lint::lint(root, written, &silence, &self.sources, findings);
    }
}

/// Which form the file has, by its top-level keys, so that its errors are those of the form that was meant.
fn version(root: &Node, schema: &Schema) -> Version {
    let Value::Map(entries) = &root.value else { return Version::V3 };
    let v1_only = |key: &str| key != "admin" && v1::BOOTSTRAP.iter().any(|known| known.name == key);
    let v3_only = |key: &str| {
        key != "admin"
            && schema.message(v3::BOOTSTRAP).is_some_and(|bootstrap| bootstrap.field(key).is_some())
    };
    let count = |has: &dyn Fn(&str) -> bool| entries.iter().filter(|e| has(&e.key)).count();
    let (v1, v3) = (count(&v1_only), count(&v3_only));
    let admin = root.get("admin").and_then(|admin| admin.get("address"));
    let v1_admin = admin.is_some_and(|address| matches!(address.value, Value::Text(_)));
    if v1 > v3 || (v1 == v3 && v1_admin) { Version::V1 } else { Version::V3 }
}

fn read(path: &Path) -> Result<String, Report> {
    let name = path.display().to_string();
    let failed = |error: io::Error| Report::of_unreadable(&name, &error);
    let file = File::open(path).map_err(failed)?;
    // One more byte than there should be shows the end without growing the buffer.
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(MAX_FILE_BYTES);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Report::of_file(&name, too_large()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        Report::of_file(&name, format!("not UTF-8, from line {line} on"))
    })
}

fn too_large() -> String {
    format!("larger than {} MiB", MAX_FILE_BYTES / (1024 * 1024))
}
