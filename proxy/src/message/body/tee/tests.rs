//! What copies of a body get, and when they get no more.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use proptest::prelude::*;

use super::{Life, tee};
use crate::message::Body;
use crate::message::body::{BodyError, pipe};
use crate::stats::{Counter, Store};

fn counter() -> Counter {
    Store::new().root().counter("abandoned")
}

fn chunks(sizes: &[usize]) -> VecDeque<Bytes> {
    let chunk = |(index, size): (usize, &usize)| Bytes::from(vec![index as u8; *size]);
    sizes.iter().enumerate().map(chunk).collect()
}

fn one(source: Body, limit: usize, abandoned: &Counter) -> (Body, Body, Life) {
    let (body, mut copies) = tee(source, 1, limit, abandoned.clone());
    let (copy, life) = copies.remove(0);
    (body, copy, life)
}

async fn all(body: Body) -> Result<Bytes, BodyError> {
    Ok(body.collect().await?.to_bytes())
}

async fn is_ended(life: &Life) -> bool {
    poll_fn(|cx| Poll::Ready(life.poll_ended(cx).is_ready())).await
}

#[tokio::test]
async fn every_copy_is_the_whole_body_with_its_trailers() {
    let trailers = HeaderMap::from_iter([("t".parse().unwrap(), HeaderValue::from_static("v"))]);
    let source = Body::held(chunks(&[1, 5000, 2, 3]), Some(trailers.clone()));
    let (body, copies) = tee(source, 3, 10_000, counter());
    let expected = all(body).await.unwrap();
    assert_eq!(expected.len(), 5006);
    for (copy, life) in copies {
        let collected = copy.collect().await.unwrap();
        assert_eq!(collected.trailers(), Some(&trailers));
        assert_eq!(collected.to_bytes(), expected);
        assert!(!is_ended(&life).await);
    }
}

#[tokio::test]
async fn a_body_that_is_empty_has_empty_copies() {
    let (body, copy, life) = one(Body::empty(), 10, &counter());
    assert!(body.is_empty() && copy.is_empty());
    drop(body);
    assert!(!is_ended(&life).await);
    life.end();
    assert!(is_ended(&life).await);
}

#[tokio::test]
async fn who_is_too_far_behind_is_left_behind_and_the_body_goes_on() {
    let abandoned = counter();
    let (body, copy, life) = one(Body::held(chunks(&[60, 40, 1]), None), 100, &abandoned);
    assert_eq!(all(body).await.unwrap().len(), 101);
    assert_eq!(abandoned.value(), 1);
    assert!(is_ended(&life).await);
    assert!(matches!(all(copy).await, Err(BodyError::Withdrawn)));
}

#[tokio::test]
async fn one_chunk_may_be_larger_than_the_limit() {
    let abandoned = counter();
    let (body, copy, _life) = one(Body::held(chunks(&[5000]), None), 100, &abandoned);
    assert_eq!(all(body).await.unwrap(), all(copy).await.unwrap());
    assert_eq!(abandoned.value(), 0);
}

#[tokio::test]
async fn a_body_that_is_given_up_takes_its_copies_along() {
    let (sender, source) = pipe::pipe();
    let (mut body, copy, life) = one(source, 100, &counter());
    sender.send("half".into());
    body.frame().await.unwrap().unwrap();
    assert!(!is_ended(&life).await);
    drop(body);
    assert!(is_ended(&life).await);
    assert!(matches!(all(copy).await, Err(BodyError::Withdrawn)));
}

#[tokio::test]
async fn who_reads_as_much_as_was_said_may_drop_the_rest() {
    let (mut body, copy, life) = one(Body::held(chunks(&[4, 6]), None), 100, &counter());
    for _ in 0..2 {
        body.frame().await.unwrap().unwrap();
    }
    drop(body);
    assert!(!is_ended(&life).await);
    assert_eq!(all(copy).await.unwrap().len(), 10);
}

#[tokio::test]
async fn nothing_is_kept_for_a_copy_that_nobody_reads() {
    let abandoned = counter();
    let (body, copy, life) = one(Body::held(chunks(&[60, 60, 60]), None), 100, &abandoned);
    drop(copy);
    assert_eq!(all(body).await.unwrap().len(), 180);
    assert_eq!(abandoned.value(), 0);
    // Its answer may have come already.
    assert!(!is_ended(&life).await);
}

proptest! {
    /// Whoever reads what, a copy that is not left behind is the body, and is never further behind than it may be.
    #[test]
    fn a_copy_is_the_body(
        sizes in proptest::collection::vec(1_usize..9000, 1..20),
        reads in proptest::collection::vec(0_usize..4, 20),
        limit in 1_usize..30_000,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let abandoned = counter();
            let expected: Vec<u8> = chunks(&sizes).into_iter().flatten().collect();
            let (mut body, mut copy, life) = one(Body::held(chunks(&sizes), None), limit, &abandoned);
            let (mut sent, mut copied) = (Vec::new(), Vec::new());
            let mut most = 0;
            for reads in reads {
                if let Some(frame) = body.frame().await {
                    sent.extend(frame.unwrap().into_data().unwrap());
                }
                if abandoned.value() == 0 {
                    most = most.max(sent.len() - copied.len());
                }
                for _ in 0..reads {
                    let next = poll_fn(|cx| Poll::Ready(Pin::new(&mut copy).poll_frame(cx))).await;
                    if let Poll::Ready(Some(Ok(frame))) = next {
                        copied.extend(frame.into_data().unwrap());
                    }
                }
            }
            assert_eq!(sent, expected);
            assert!(most <= limit.max(9000), "{most}");
            if abandoned.value() == 0 {
                while let Some(frame) = copy.frame().await {
                    copied.extend(frame.unwrap().into_data().unwrap());
                }
                assert_eq!(copied, expected);
                assert!(!is_ended(&life).await);
            } else {
                assert!(is_ended(&life).await);
                assert!(expected.starts_with(&copied));
            }
        });
    }
}
