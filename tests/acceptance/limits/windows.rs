//! What a proxy lets its peers send over HTTP/2 before it has read any of it: the file's windows, on both sides.

use std::{
    future::{Ready, ready},
    io::Read,
    sync::{Arc, Mutex},
};

use outrigger_harness::{eventually::satisfies, mesh::Mesh};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream as Socket,
};

use super::{At, EMPTY, File, Scripted, scripted};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// SETTINGS without any, as a client must begin with.
const NO_SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

const WINDOWS: File = File {
    manager: "http2_protocol_options: {initial_stream_window_size: 65536, initial_connection_window_size: 131072}",
    cluster: "typed_extension_protocol_options:\n  HTTP_OPTIONS:\n    \
        \"@type\": type.googleapis.com/HTTP_OPTIONS\n    explicit_http_config: {http2_protocol_options: \
        {initial_stream_window_size: 98304, initial_connection_window_size: 200000}}",
    ..EMPTY
};

/// A server that keeps what it was sent.
struct Listening {
    server: Scripted,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl At for Listening {
    fn at(&self) -> std::net::SocketAddr {
        self.server.at()
    }
}

fn listening() -> Ready<Listening> {
    let heard = Arc::<Mutex<Vec<u8>>>::default();
    let kept = heard.clone();
    let server = scripted(move |mut stream| {
        let mut some = [0; 1024];
        while let count @ 1.. = stream.read(&mut some)? {
            kept.lock().unwrap().extend_from_slice(&some[..count]);
        }
        Ok(())
    });
    ready(Listening { server, heard })
}

/// The windows of a stream and of the connection that these frames give, once both are there.
fn windows(mut frames: &[u8]) -> Option<(u32, u32)> {
    const SETTINGS: u8 = 4;
    const WINDOW_UPDATE: u8 = 8;
    const INITIAL_WINDOW_SIZE: u16 = 4;
    /// A connection's window before anybody says anything (RFC 9113 §6.9.2).
    const FIRST: u32 = 65_535;
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().unwrap());
    let (mut stream, mut connection) = (None, None);
    while let Some((head, rest)) = frames.split_at_checked(9) {
        let length = number(&[0, head[0], head[1], head[2]]) as usize;
        let (payload, rest) = rest.split_at_checked(length)?;
        frames = rest;
        match head[3] {
            SETTINGS => {
                let settings = payload.chunks_exact(6);
                let mut window = settings
                    .filter(|one| u16::from_be_bytes([one[0], one[1]]) == INITIAL_WINDOW_SIZE);
                stream = stream.or_else(|| window.next().map(|one| number(&one[2..])));
            }
            WINDOW_UPDATE if head[5..] == [0; 4] => connection = Some(FIRST + number(payload)),
            _ => {}
        }
    }
    stream.zip(connection)
}

each_proxy!(both_sides_of_http2_have_the_files_windows, listening(), WINDOWS);
async fn both_sides_of_http2_have_the_files_windows(mesh: &Mesh, server: &Listening) {
    let mut client = Socket::connect(mesh.front_address()).await.unwrap();
    client.write_all(&[PREFACE, NO_SETTINGS].concat()).await.unwrap();
    let mut heard = Vec::new();
    while windows(&heard).is_none() {
        assert_ne!(client.read_buf(&mut heard).await.unwrap(), 0, "{heard:?}");
    }
    assert_eq!(windows(&heard), Some((65_536, 131_072)));

    // Any request has the proxy connect to its host.
    let mut connection = mesh.connect().await;
    connection.send(super::GET).await.unwrap();
    let read = async || {
        let heard = server.heard.lock().unwrap();
        Ok(heard.strip_prefix(PREFACE).and_then(windows))
    };
    let heard = satisfies("the host is told the windows", read, Option::is_some).await.unwrap();
    assert_eq!(heard, Some((98_304, 200_000)));
}
