//! What hosts and logs are told of a client's certificate, and what routes ask of it.

use outrigger_harness::mesh::Mesh;
use serde_json::{Value, json};

use super::downstream::front;
use super::{Bench, address, each_tls, listener, manager};
use crate::network::assert_logged;

/// The modes, and what is said of a certificate in each.
const MODES: [(&str, &[&str]); 6] = [
    ("SANITIZE", &[]),
    ("FORWARD_ONLY", &["uri"]),
    ("APPEND_FORWARD", &["cert", "chain", "subject", "uri", "dns"]),
    ("SANITIZE_SET", &["subject", "uri"]),
    ("ALWAYS_FORWARD_ONLY", &[]),
    ("SANITIZE_SET", &[]),
];

/// Answers with what it was told.
fn says_back(more: Value) -> Value {
    let format = "xfcc=%REQ(X-FORWARDED-CLIENT-CERT)% proto=%REQ(X-FORWARDED-PROTO)%";
    let route = json!([{
        "match": { "prefix": "/" },
        "direct_response": {
            "status": 200,
            "body_format": { "text_format_source": { "inline_string": format } },
        },
    }]);
    manager(route, more)
}

fn file(bench: &Bench) -> Value {
    let mutual = |more: Value| {
        let context = bench.trusting(more);
        bench.server("server", json!({ "validation_context": context }), json!({}))
    };
    let at = |index| address("127.0.0.1", bench.port(index));
    let mut listeners = vec![front()];
    for (index, (mode, details)) in MODES.into_iter().enumerate() {
        let details: serde_json::Map<_, _> = details
            .iter()
            .map(|detail| {
                // Two of them are wrapped, which in JSON is the same.
                ((*detail).to_owned(), Value::Bool(true))
            })
            .collect();
        let more = json!({
            "forward_client_cert_details": mode,
            "set_current_client_cert_details": details,
        });
        let name = format!("mode_{index}");
        listeners.push(listener(&name, at(index), Some(mutual(json!({}))), says_back(more)));
    }
    let says = |words: &str| json!({ "status": 200, "body": { "inline_string": words } });
    let asks = |asked: Value, words: &str| {
        json!({
            "match": { "prefix": "/", "tls_context": asked },
            "direct_response": says(words),
        })
    };
    let routes = json!([
        asks(json!({ "presented": true, "validated": true }), "validated"),
        asks(json!({ "presented": true, "validated": false }), "presented"),
        asks(json!({ "presented": false }), "none"),
        { "match": { "prefix": "/" }, "direct_response": says("plain") },
    ]);
    let lenient = json!({ "trust_chain_verification": "ACCEPT_UNTRUSTED" });
    listeners.push(listener(
        "asks",
        at(6),
        Some(mutual(lenient)),
        manager(routes.clone(), json!({})),
    ));
    listeners.push(listener("asks_plain", at(7), None, manager(routes, json!({}))));
    let logs = "PEER %DOWNSTREAM_PEER_SUBJECT%|%DOWNSTREAM_PEER_ISSUER%|%DOWNSTREAM_PEER_URI_SAN%|\
                %DOWNSTREAM_PEER_DNS_SAN%|%DOWNSTREAM_PEER_IP_SAN%|%DOWNSTREAM_PEER_EMAIL_SAN%|\
                %DOWNSTREAM_LOCAL_SUBJECT%|%DOWNSTREAM_LOCAL_URI_SAN%|%DOWNSTREAM_LOCAL_DNS_SAN%|\
                %DOWNSTREAM_PEER_CERT_V_START%|%DOWNSTREAM_PEER_CERT_V_END%|%DOWNSTREAM_TLS_CIPHER%|\
                %DOWNSTREAM_PEER_SERIAL%|\n";
    let mut logged = says_back(json!({}));
    let format =
        "/typed_config/access_log/0/typed_config/log_format/text_format_source/inline_string";
    if let Some(place) = logged.pointer_mut(format) {
        *place = logs.into();
    }
    listeners.push(listener("logged", at(8), Some(mutual(json!({}))), logged));
    let mut hashes = says_back(json!({}));
    if let Some(place) = hashes.pointer_mut("/typed_config/route_config/virtual_hosts/0/routes/0/direct_response/body_format/text_format_source/inline_string") {
        *place = "%DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_FINGERPRINT_1% %DOWNSTREAM_PEER_CERT% \
                  %DOWNSTREAM_PEER_CHAIN_FINGERPRINTS_256% %DOWNSTREAM_PEER_CHAIN_SERIALS%".into();
    }
    listeners.push(listener("hashes", at(9), Some(mutual(json!({}))), hashes));
    json!({ "listeners": listeners })
}

const SHOWS: &str = "--cert client.pem --key client.key";
const SAYS: &str = "-H 'x-forwarded-client-cert: a=b' -H 'x-forwarded-client-cert: c=d'";

/// A certificate on one line, as it stands in a header.
async fn encoded(bench: &Bench, name: &str) -> String {
    let pem = bench.run(&format!("openssl x509 -in {name}.pem")).await;
    let pairs = [("\n", "%0A"), (" ", "%20"), ("+", "%2B"), ("/", "%2F"), ("=", "%3D")];
    pairs.iter().fold(pem, |text, (from, to)| text.replace(from, to))
}

async fn fingerprint(bench: &Bench, name: &str, kind: &str) -> String {
    let command = format!("openssl x509 -in {name}.pem -outform der | openssl dgst -{kind} -r");
    let printed = bench.run(&command).await;
    printed.split(' ').next().unwrap_or_default().to_owned()
}

each_tls!(hosts_are_told_of_the_clients_certificate, super::file);
async fn hosts_are_told_of_the_clients_certificate(_mesh: &Mesh, bench: &Bench) {
    let hash = fingerprint(bench, "client", "sha256").await;
    let (client, ca) = (encoded(bench, "client").await, encoded(bench, "ca").await);
    let by = format!("By=spiffe://mesh/server;Hash={hash}");
    let subject = "Subject=\"CN=client,O=Mesh\"";
    let uri = "URI=spiffe://mesh/client";
    let appended = format!(
        "a=b,c=d,{by};Cert=\"{client}\";Chain=\"{client}{ca}\";{subject};{uri};DNS=localhost"
    );
    for (index, with, without) in [
        (0, "-", "-"),
        (1, "a=b,c=d", "-"),
        (2, appended.as_str(), "-"),
        (3, &format!("{by};{subject};{uri}"), "-"),
        (4, "a=b,c=d", "a=b,c=d"),
        (5, &by, "-"),
    ] {
        let said = bench.curl(bench.port(index), &format!("{SHOWS} {SAYS}")).await;
        assert_eq!(said, format!("xfcc={with} proto=httpsexit 0\n"), "{:?}", MODES[index]);
        let said = bench.curl(bench.port(index), SAYS).await;
        assert_eq!(said, format!("xfcc={without} proto=httpsexit 0\n"), "{:?}", MODES[index]);
    }
}

each_tls!(logs_and_formats_are_told_of_it, super::file);
async fn logs_and_formats_are_told_of_it(mesh: &Mesh, bench: &Bench) {
    bench.curl(bench.port(8), SHOWS).await;
    let serial = bench.run("openssl x509 -in client.pem -noout -serial").await;
    let serial = serial.trim().trim_start_matches("serial=").to_lowercase();
    let line = format!(
        "PEER CN=client,O=Mesh|CN=Mesh CA,O=Mesh|spiffe://mesh/client|localhost|-|-|CN=server,O=Mesh|\
         spiffe://mesh/server|localhost,*.example.com|2020-01-01T00:00:00.000Z|2120-01-01T00:00:00.000Z|\
         TLS_AES_256_GCM_SHA384|{serial}|"
    );
    assert_logged(mesh, &line).await;
    let said = bench.curl(bench.port(9), SHOWS).await;
    let (long, short) =
        (fingerprint(bench, "client", "sha256").await, fingerprint(bench, "client", "sha1").await);
    let ca = fingerprint(bench, "ca", "sha256").await;
    let cert = encoded(bench, "client").await;
    let ca_serial = bench.run("openssl x509 -in ca.pem -noout -serial").await;
    let ca_serial = ca_serial.trim().trim_start_matches("serial=").to_lowercase();
    let wanted = format!("{long} {short} {cert} {long},{ca} {serial},{ca_serial}exit 0\n");
    assert_eq!(said, wanted);
}

each_tls!(routes_ask_for_a_certificate, super::file);
async fn routes_ask_for_a_certificate(_mesh: &Mesh, bench: &Bench) {
    assert_eq!(bench.curl(bench.port(6), SHOWS).await, "validatedexit 0\n");
    let strange = "--cert stranger.pem --key stranger.key";
    assert_eq!(bench.curl(bench.port(6), strange).await, "presentedexit 0\n");
    assert_eq!(bench.curl(bench.port(6), "").await, "noneexit 0\n");
    let url = format!("http://localhost:{}/", bench.port(7));
    // Without TLS none is shown either.
    assert_eq!(bench.run(&format!("curl --silent {url}")).await, "none");
}
