//! A connection for exact bytes: what is sent is what was written, what is read is shown as it came.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::eventually;

/// A TCP connection on which a test speaks HTTP/1.1 by hand.
#[derive(Debug)]
pub struct RawConnection {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A response as it stood on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawReply {
    /// The status line without its end.
    pub status_line: String,
    /// The header fields in their order and spelling.
    pub headers: Vec<(String, String)>,
    /// The body, without the framing of a chunked one.
    pub body: Vec<u8>,
}

// === impl RawConnection ===

impl RawConnection {
    /// Connects.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn to(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sends these bytes.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref()).await
    }

    /// Says that nothing more will be sent.
    ///
    /// # Errors
    /// Those of the system.
    pub async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// Reads one response with its body: as long as `content-length` says, chunked, or up to the end of the connection.
    ///
    /// # Errors
    /// `UnexpectedEof` if the connection ends before the response does, `InvalidData` if it is no response, `TimedOut` if it
    /// does not come.
    pub async fn reply(&mut self) -> io::Result<RawReply> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = String::from_utf8(head).map_err(invalid)?;
        let mut lines = head.trim_end_matches("\r\n").split("\r\n");
        let status_line = lines.next().unwrap_or_default().to_owned();
        if !status_line.starts_with("HTTP/1.") {
            return Err(invalid(format!("no status line: {head:?}")));
        }
        let headers = lines.map(field).collect::<io::Result<Vec<_>>>()?;
        let mut reply = RawReply { status_line, headers, body: Vec::new() };
        reply.body = match (
            reply.status(),
            reply.header("transfer-encoding"),
            reply.header("content-length"),
        ) {
            (100..=199 | 204 | 304, _, _) => Vec::new(),
            (_, Some(_), _) => self.chunked().await?,
            (_, None, Some(length)) => {
                let length = length.parse().map_err(invalid)?;
                self.exactly(length).await?
            }
            (_, None, None) => self.rest().await?,
        };
        Ok(reply)
    }

    /// Sends a whole request and reads its response.
    ///
    /// # Errors
    /// Those of [`RawConnection::send`] and [`RawConnection::reply`].
    pub async fn exchange(&mut self, request: impl AsRef<[u8]>) -> io::Result<RawReply> {
        self.send(request).await?;
        self.reply().await
    }

    /// Everything up to and with the first occurrence of this text.
    ///
    /// # Errors
    /// `UnexpectedEof` if the connection ends before it, `TimedOut` if it does not come.
    pub async fn until_text(&mut self, text: &str) -> io::Result<Vec<u8>> {
        self.until(text.as_bytes()).await
    }

    /// Everything up to the end of the connection. A reset counts as an end.
    ///
    /// # Errors
    /// `TimedOut` if the connection stays open.
    pub async fn rest(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.more().await {
                Ok(0) => return Ok(std::mem::take(&mut self.read)),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(std::mem::take(&mut self.read));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn chunked(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n").await?).map_err(invalid)?;
            let size = line.trim_end().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(invalid)?;
            if size == 0 {
                // Trailers, up to the empty line.
                while self.until(b"\r\n").await? != b"\r\n" {}
                return Ok(body);
            }
            body.extend(self.exactly(size).await?);
            self.until(b"\r\n").await?;
        }
    }

    async fn until(&mut self, end: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(place) = self.read.windows(end.len()).position(|window| window == end) {
                return Ok(self.read.drain(..place + end.len()).collect());
            }
            self.some_more().await?;
        }
    }

    async fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.read.len() < length {
            self.some_more().await?;
        }
        Ok(self.read.drain(..length).collect())
    }

    async fn some_more(&mut self) -> io::Result<()> {
        match self.more().await? {
            0 => {
                let seen = String::from_utf8_lossy(&self.read).into_owned();
                Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    format!("the connection ended after {seen:?}"),
                ))
            }
            _ => Ok(()),
        }
    }

    async fn more(&mut self) -> io::Result<usize> {
        timeout(eventually::patience(), self.stream.read_buf(&mut self.read)).await?
    }
}

// === impl RawReply ===

impl RawReply {
    /// Its status code; 0 if the status line has none.
    pub fn status(&self) -> u16 {
        self.status_line.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The value of the first header field of this name, in whatever spelling.
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = self.headers.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
        same.map(|(_, value)| value.as_str())
    }

    /// Its body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

fn field(line: &str) -> io::Result<(String, String)> {
    let (name, value) =
        line.split_once(':').ok_or_else(|| invalid(format!("no header field: {line:?}")))?;
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn invalid(error: impl Into<crate::error::BoxError>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::origin;

    async fn reply_to(bytes: &str) -> io::Result<RawReply> {
        let origin = origin().raw(bytes).start().await.unwrap();
        let mut connection = RawConnection::to(origin.address()).await.unwrap();
        connection.exchange("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await
    }

    #[tokio::test]
    async fn a_reply_is_shown_as_it_came() {
        let reply = reply_to(
            "HTTP/1.1 200 Fine\r\nX-One:  1\r\ncontent-length: 2\r\nx-one: 2\r\n\r\nokmore",
        )
        .await
        .unwrap();
        assert_eq!(
            (reply.status(), reply.status_line.as_str(), reply.text().as_str()),
            (200, "HTTP/1.1 200 Fine", "ok")
        );
        let names: Vec<&str> = reply.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["X-One", "content-length", "x-one"]);
        assert_eq!(reply.header("x-one"), Some("1"));
    }

    #[tokio::test]
    async fn a_body_ends_where_its_framing_says() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n3;x\r\ntwo\r\n0\r\nx-t: 1\r\n\r\n";
        assert_eq!(reply_to(chunked).await.unwrap().text(), "onetwo");
        assert_eq!(
            reply_to("HTTP/1.1 200 OK\r\n\r\nuntil the end").await.unwrap().text(),
            "until the end"
        );
        assert_eq!(reply_to("HTTP/1.1 204 Nothing\r\n\r\n").await.unwrap().text(), "");
    }

    #[tokio::test]
    async fn half_a_reply_is_an_error() {
        for half in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhalf"]
        {
            assert_eq!(
                reply_to(half).await.unwrap_err().kind(),
                io::ErrorKind::UnexpectedEof,
                "{half:?}"
            );
        }
        assert_eq!(
            reply_to("garbage\r\n\r\n").await.unwrap_err().kind(),
            io::ErrorKind::InvalidData
        );
    }
}
