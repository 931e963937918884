//! `access_log[]` of connection managers and TCP proxies with its filters, and the admin server's path.

use crate::config::note::Note;
use crate::config::source::{At, Node, Value};

use super::build::{self, Build, Part};
use super::object::{Context, Key, Kind, NUMBER, Object, Variant, optional, required, variant};

const KEYS: &[Key] = &[
    required("path", Kind::Text),
    optional("format", Kind::Text),
    optional("filter", Kind::Object),
];

const FILE: &str = "envoy.extensions.access_loggers.file.v3.FileAccessLog";

const TYPE: Key = required("type", Kind::Text);

const OPERATORS: Key = required("op", Kind::Word(&[">=", "="]));

const FILTERS: &[Variant] = &[
    variant(
        "status_code",
        &[
            TYPE,
            OPERATORS,
            required("value", Kind::Integer(0, 599)),
            optional("runtime_key", Kind::Text),
        ],
    ),
    variant(
        "duration",
        &[TYPE, OPERATORS, required("value", NUMBER), optional("runtime_key", Kind::Text)],
    ),
    variant("not_healthcheck", &[TYPE]),
    variant("traceable_request", &[TYPE]),
    variant("runtime", &[TYPE, required("key", Kind::Text)]),
    variant("logical_and", &[TYPE, required("filters", Kind::List)]),
    variant("logical_or", &[TYPE, required("filters", Kind::List)]),
];

/// The operator of the client's address without its port, under its name of 2018.
const OLD_ADDRESS: &str = "%DOWNSTREAM_ADDRESS%";

const ADDRESS: &str = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%";

/// One access log as v3's.
pub(super) fn convert(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let log = cx.closed(node, KEYS)?;
    let format = log.convert("format", |format| {
        let Value::Text(text) = &format.value else { return None };
        let modern = text.replace(OLD_ADDRESS, ADDRESS);
        let renamed = modern != *text;
        let source = Build::at(format.at).text("inline_string", format.at, &modern).note_if(
            renamed,
            "inline_string",
            Note::Renamed,
        );
        Some(build::one("text_format_source", source.finish()))
    });
    let filter = log.convert("filter", |node| filter(node, cx));
    Some(logger(log.at, log.copy("path"), format).maybe("filter", filter).finish())
}

/// v3's access log of the admin server.
pub(super) fn file(path: &Node) -> Option<Node> {
    let logger = logger(path.at, Some(path.clone().into()), None);
    Some(build::list_of(logger.finish()))
}

fn logger(at: At, path: Option<Part>, format: Option<Part>) -> Build {
    let config = Build::any(at, FILE).maybe("path", path).maybe("log_format", format).finish();
    Build::extension(at, "envoy.access_loggers.file", config)
}

fn filter(node: &Node, cx: &mut Context<'_>) -> Option<Node> {
    let (kind, filter) = cx.variant(node, FILTERS)?;
    let at = filter.at;
    let (field, content) = match kind {
        "status_code" => ("status_code_filter", comparison(&filter)),
        "duration" => ("duration_filter", comparison(&filter)),
        "not_healthcheck" => ("not_health_check_filter", Build::at(at).finish()),
        "traceable_request" => ("traceable_filter", Build::at(at).finish()),
        "runtime" => {
            let key = filter.copy("key");
            ("runtime_filter", Build::at(at).maybe("runtime_key", key).finish())
        }
        _ => {
            let found = filter.items("filters").len();
            if let Some(list) = filter.get("filters").filter(|_| found < 2) {
                let message = format!("expected at least two filters, found {found}");
                cx.findings.error(list.at, message);
            }
            let filters = filter.convert_list("filters", |node| self::filter(node, cx));
            let field = if kind == "logical_and" { "and_filter" } else { "or_filter" };
            (field, Build::at(at).maybe("filters", filters).finish())
        }
    };
    Some(build::one(field, content))
}

fn comparison(filter: &Object<'_>) -> Node {
    let at = filter.at;
    let op = filter.convert("op", |op| {
        let equal = matches!(&op.value, Value::Text(text) if text == "=");
        Some(Node::text(op.at, if equal { "EQ" } else { "GE" }))
    });
    let value = Build::at(at)
        .maybe("default_value", filter.copy("value"))
        .same(&["runtime_key"], filter)
        .finish();
    build::one("comparison", Build::at(at).maybe("op", op).set("value", value).finish())
}
