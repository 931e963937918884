//! Wrong files and wrong command lines: one clear message with file and place, exit code 1, nothing started.

use std::path::Path;

use outrigger_harness::node::ConfigVersion::{self, V1, V3};

use crate::once::{Files, outrigger, sidecar};

/// Starts the proxy with a file of this text and expects it to refuse, with all these words in its message.
async fn refused(version: ConfigVersion, text: &str, parts: &[&str]) {
    let files = Files::new();
    let file = files.write(version.file_name(), text);
    for mode in [["--mode", "serve"], ["--mode", "validate"]] {
        let mut arguments = vec!["-c", file.to_str().unwrap(), "--service-cluster", "app"];
        arguments.extend(mode);
        outrigger(&arguments).await.expect_refusal(&file, parts);
    }
}

/// The tutorial's sidecar file with one piece of text in place of another, which must be there.
fn with(version: ConfigVersion, piece: &str, other: &str) -> String {
    let text = sidecar(version);
    assert!(text.contains(piece), "{piece} is not in the file any more");
    text.replacen(piece, other, 1)
}

/// Where a piece of text is in a file, as a message tells it: `LINE:`.
fn line(text: &str, piece: &str) -> String {
    let place = text.find(piece).unwrap();
    format!(
        ":{}:",
        text[..place].lines().count().max(1) + usize::from(text[..place].ends_with('\n'))
    )
}

#[tokio::test]
async fn a_missing_file_is_named() {
    let files = Files::new();
    let file = files.path("nowhere.json");
    outrigger(&[Path::new("-c"), &file]).await.expect_refusal(&file, &[]);
}

#[tokio::test]
async fn no_file_at_all_is_said() {
    outrigger(&["--service-cluster", "app"]).await.expect_refusal(Path::new("-c"), &[]);
}

#[tokio::test]
async fn a_folder_is_no_file() {
    let files = Files::new();
    std::fs::create_dir(files.path("folder.json")).unwrap();
    let file = files.path("folder.json");
    outrigger(&[Path::new("-c"), &file]).await.expect_refusal(&file, &[]);
}

#[tokio::test]
async fn an_empty_file_is_refused() {
    refused(V1, "", &["empty"]).await;
    refused(V3, "", &["empty"]).await;
}

#[tokio::test]
async fn a_truncated_v1_file_is_refused_with_its_last_line() {
    let whole = sidecar(V1);
    let half = &whole[..whole.len() / 2];
    refused(V1, half, &[&format!(":{}:", half.lines().count())]).await;
}

#[tokio::test]
async fn a_malformed_v1_file_is_refused_with_line_and_column() {
    let text = with(V1, "\"listeners\": [", "\"listeners\" [");
    refused(V1, &text, &[&line(&text, "\"listeners\" [")]).await;
}

#[tokio::test]
async fn a_malformed_v3_file_is_refused_with_line_and_column() {
    let text = with(V3, "domains: [\"*\"]", "domains: [\"*\"");
    refused(V3, &text, &[":"]).await;
}

#[tokio::test]
async fn a_file_that_is_not_text_is_refused() {
    let files = Files::new();
    let file = files.write("bootstrap.json", [0xff, 0xfe, 0x00, 0x01]);
    outrigger(&[Path::new("-c"), &file]).await.expect_refusal(&file, &[]);
}

#[tokio::test]
async fn an_unknown_key_is_named_with_its_place() {
    let text = with(V1, "\"connect_timeout_ms\"", "\"conect_timeout_ms\"");
    refused(V1, &text, &["conect_timeout_ms", &line(&text, "\"conect_timeout_ms\"")]).await;
    let text = with(V3, "connect_timeout", "conect_timeout");
    refused(V3, &text, &["conect_timeout", &line(&text, "conect_timeout")]).await;
}

#[tokio::test]
async fn a_wrong_type_is_named_with_its_place() {
    let text = with(V1, "\"connect_timeout_ms\": 250", "\"connect_timeout_ms\": \"soon\"");
    refused(V1, &text, &["connect_timeout_ms", &line(&text, "\"soon\"")]).await;
    let text = with(V3, "connect_timeout: 0.25s", "connect_timeout: [1, 2]");
    refused(V3, &text, &["connect_timeout", &line(&text, "[1, 2]")]).await;
}

#[tokio::test]
async fn a_value_out_of_range_is_named_with_its_place() {
    let text = with(V1, "\"type\": \"strict_dns\"", "\"type\": \"guesswork\"");
    refused(V1, &text, &["guesswork", &line(&text, "\"guesswork\"")]).await;
    let text = with(V3, "STRICT_DNS", "GUESSWORK");
    refused(V3, &text, &["GUESSWORK", &line(&text, "GUESSWORK")]).await;
}

#[tokio::test]
async fn a_missing_key_is_named() {
    let text = with(V1, "\"name\": \"local_service\",", "");
    refused(V1, &text, &["name"]).await;
}

#[tokio::test]
async fn a_route_to_a_cluster_that_does_not_exist_is_refused() {
    let text = with(V1, "\"cluster\": \"local_service\"", "\"cluster\": \"elsewhere\"");
    refused(V1, &text, &["elsewhere", &line(&text, "\"elsewhere\"")]).await;
    let text = with(V3, "cluster: local_service,", "cluster: elsewhere,");
    refused(V3, &text, &["elsewhere", &line(&text, "elsewhere")]).await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_refused() {
    let text = with(V1, "tcp://127.0.0.1:8080", "tcp://127.0.0.1:eighty");
    refused(V1, &text, &["eighty", &line(&text, "eighty")]).await;
}

#[tokio::test]
async fn an_address_in_use_is_refused_and_named() {
    for version in [V1, V3] {
        let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let text = match version {
            V1 => sidecar(V1).replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1),
            V3 => sidecar(V3).replacen("port_value: 0", &format!("port_value: {port}"), 1),
        };
        let files = Files::new();
        let file = files.write(version.file_name(), text);
        let run = outrigger(&["-c", file.to_str().unwrap(), "--service-cluster", "app"]).await;
        run.expect_refusal(Path::new("in use"), &[&format!("127.0.0.1:{port}")]);
    }
}

#[tokio::test]
async fn all_mistakes_of_a_file_are_reported_together() {
    let text = with(V1, "\"connect_timeout_ms\"", "\"conect_timeout_ms\"")
        .replace("\"round_robin\"", "\"square_robin\"");
    refused(V1, &text, &["conect_timeout_ms", "square_robin"]).await;
}

#[tokio::test]
async fn an_unknown_flag_is_refused() {
    let run = outrigger(&["--no-such-flag"]).await;
    run.expect_refusal(Path::new("--no-such-flag"), &[]);
}

#[tokio::test]
async fn a_flag_with_a_wrong_value_is_refused() {
    let run = outrigger(&["--concurrency", "several"]).await;
    run.expect_refusal(Path::new("several"), &["--concurrency"]);
}
