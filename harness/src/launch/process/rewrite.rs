//! Puts this machine's addresses into a bootstrap file that was written for containers.

use std::{collections::HashMap, net::SocketAddr};

use serde_json::{Map, Value};

use crate::{
    error::{BoxError, Error},
    node::{Config, ConfigVersion},
};

/// What each address that stands in a file (`app:80`) is on this machine. A host may become several.
pub(super) type Places = HashMap<String, Vec<SocketAddr>>;

/// The file with every address that `places` knows replaced; others stay. It keeps its form: JSON, or YAML.
///
/// # Errors
/// [`Error::Step`] if the file is neither JSON nor YAML.
pub(super) fn rewrite(config: &Config, places: &Places) -> Result<String, Error> {
    let failed = |error: BoxError| Error::step(format!("rewrite {}", config.path.display()), error);
    match config.version {
        ConfigVersion::V1 => {
            let mut file: Value =
                serde_json::from_str(&config.text).map_err(|error| failed(error.into()))?;
            replace(&mut file, places);
            serde_json::to_string_pretty(&file).map_err(|error| failed(error.into()))
        }
        ConfigVersion::V3 => {
            let mut file: Value =
                serde_saphyr::from_str(&config.text).map_err(|error| failed(error.into()))?;
            replace(&mut file, places);
            serde_saphyr::to_string(&file).map_err(|error| failed(error.into()))
        }
    }
}

fn replace(value: &mut Value, places: &Places) {
    match value {
        Value::Array(items) => {
            *items =
                std::mem::take(items).into_iter().flat_map(|item| copies(item, places)).collect();
            items.iter_mut().for_each(|item| replace(item, places));
        }
        Value::Object(fields) => {
            if let Some([address, ..]) =
                socket_address(fields).and_then(|named| places.get(&named)).map(Vec::as_slice)
            {
                set(fields, *address);
            }
            fields.values_mut().for_each(|field| replace(field, places));
        }
        Value::String(text) => {
            let named = text.strip_prefix("tcp://").and_then(|named| places.get(named));
            if let Some([address, ..]) = named.map(Vec::as_slice) {
                *text = format!("tcp://{address}");
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// An item of a list of hosts once for each address that its host has here; any other item as it is.
fn copies(item: Value, places: &Places) -> Vec<Value> {
    let named = item
        .get("url")
        .and_then(Value::as_str)
        .and_then(|url| url.strip_prefix("tcp://"))
        .map(str::to_owned);
    let pointer = "/endpoint/address/socket_address";
    let named =
        named.or_else(|| item.pointer(pointer).and_then(Value::as_object).and_then(socket_address));
    let Some(addresses) = named.and_then(|named| places.get(&named)) else {
        return vec![item];
    };
    let copy = |address: &SocketAddr| {
        let mut copy = item.clone();
        match copy.pointer_mut(pointer).and_then(Value::as_object_mut) {
            Some(fields) => set(fields, *address),
            None => copy["url"] = format!("tcp://{address}").into(),
        }
        copy
    };
    addresses.iter().map(copy).collect()
}

/// What a v3 `socket_address` names, in the form of [`Places`]' keys.
fn socket_address(fields: &Map<String, Value>) -> Option<String> {
    let address = fields.get("address")?.as_str()?;
    let port = fields.get("port_value")?.as_u64()?;
    Some(format!("{address}:{port}"))
}

fn set(fields: &mut Map<String, Value>, address: SocketAddr) {
    fields.insert("address".to_owned(), address.ip().to_string().into());
    fields.insert("port_value".to_owned(), address.port().into());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(version: ConfigVersion, text: &str) -> Config {
        Config { version, path: version.file_name().into(), text: text.to_owned() }
    }

    fn places() -> Places {
        let here = |ports: &[u16]| {
            ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect()
        };
        HashMap::from([
            ("0.0.0.0:80".to_owned(), here(&[10])),
            ("app:80".to_owned(), here(&[20, 30])),
        ])
    }

    #[test]
    fn the_addresses_of_a_v1_file_become_those_of_this_machine() {
        let text = r#"{"address": "tcp://0.0.0.0:80", "hosts": [{"url": "tcp://app:80"}, {"url": "tcp://other:1"}]}"#;
        let file: Value =
            serde_json::from_str(&rewrite(&config(ConfigVersion::V1, text), &places()).unwrap())
                .unwrap();
        assert_eq!(
            file,
            serde_json::json!({
                "address": "tcp://127.0.0.1:10",
                "hosts": [{"url": "tcp://127.0.0.1:20"}, {"url": "tcp://127.0.0.1:30"}, {"url": "tcp://other:1"}],
            })
        );
    }

    #[test]
    fn the_addresses_of_a_v3_file_become_those_of_this_machine() {
        let text = "
            address: { socket_address: { address: 0.0.0.0, port_value: 80 } }
            lb_endpoints:
              - endpoint: { address: { socket_address: { address: app, port_value: 80 } } }";
        let file: Value =
            serde_saphyr::from_str(&rewrite(&config(ConfigVersion::V3, text), &places()).unwrap())
                .unwrap();
        let endpoint = |port: u16| serde_json::json!({"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": port}}}});
        assert_eq!(
            file,
            serde_json::json!({
                "address": {"socket_address": {"address": "127.0.0.1", "port_value": 10}},
                "lb_endpoints": [endpoint(20), endpoint(30)],
            })
        );
    }
}
