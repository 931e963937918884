//! Sends a body over an HTTP/2 stream, as fast as the peer takes it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::{Body as _, Frame};

use super::{Body, BodyError, Flow};

/// Sends all of `body`. A body that breaks off resets the stream; a stream that is reset drops the body.
pub async fn send(mut body: Body, mut stream: SendStream<Bytes>) {
    let flow = body.take_flow();
    let mut body = pin!(body);
    loop {
        let next = poll_fn(|cx| match stream.poll_reset(cx) {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => body.as_mut().poll_frame(cx).map(Some),
        });
        let frame = match next.await {
            // Reset by the peer: who waits for an answer learns why.
            None => return,
            Some(None) => {
                // Without a stream there is nobody to be told of the end.
                let _ = stream.send_data(Bytes::new(), true);
                return;
            }
            Some(Some(Err(BodyError::Closed))) => return stream.send_reset(Reason::CONNECT_ERROR),
            Some(Some(Err(_))) => return stream.send_reset(Reason::CANCEL),
            Some(Some(Ok(frame))) => frame,
        };
        match pass(&mut stream, frame, (body.is_end_stream(), &flow)).await {
            Ok(false) => {}
            Ok(true) | Err(_) => return,
        }
    }
}

/// Sends one frame, once the peer takes any bytes at all. Says whether the stream has ended with it.
async fn pass(
    stream: &mut SendStream<Bytes>,
    frame: Frame<Bytes>,
    (last, flow): (bool, &Flow),
) -> Result<bool, h2::Error> {
    let data = match frame.into_data() {
        Ok(data) => data,
        Err(frame) => {
            let trailers = frame.into_trailers().unwrap_or_default();
            return stream.send_trailers(trailers).map(|()| true);
        }
    };
    // What goes beyond the room there is waits in the stream: one chunk, since the next one has to wait for room.
    while stream.capacity() == 0 {
        stream.reserve_capacity(1);
        match room(stream, flow).await {
            Some(room) => room.map(drop)?,
            // The stream is over already.
            None => return Ok(true),
        }
    }
    stream.send_data(data, last)?;
    Ok(last)
}

/// Waits for room; none if the stream is over already.
async fn room(stream: &mut SendStream<Bytes>, flow: &Flow) -> Option<Result<usize, h2::Error>> {
    let mut stopped = false;
    let room = poll_fn(|cx| {
        let polled = stream.poll_capacity(cx);
        if polled.is_pending() && !stopped {
            stopped = true;
            flow.stop();
        }
        polled
    })
    .await;
    if stopped {
        flow.resume();
    }
    room
}
