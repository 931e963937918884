//! Paths beside what Envoy 1.40 made of them.

use super::{Invalid, merge_slashes, normalize, unescape_slashes};

fn normal(path: &str) -> Result<String, Invalid> {
    normalize(path).map(|normal| normal.unwrap_or_else(|| path.to_owned()))
}

#[test]
fn dots_are_resolved() {
    for (path, expected) in [
        ("/a/../b", "/b"),
        ("/a/./b", "/a/b"),
        ("/a//b", "/a//b"),
        ("/../x", "/x"),
        ("/%2e%2e/x", "/x"),
        ("/.%2E/x", "/x"),
        ("/..", "/"),
        ("/a/..", "/"),
        ("/a/%2e", "/a/"),
        ("/a/b/../../../c", "/c"),
        ("/a//../b", "/a/b"),
        ("/a//..", "/a/"),
        ("//../a", "/a"),
        ("/a.", "/a."),
        ("/.../b", "/.../b"),
        ("/.a/..b", "/.a/..b"),
        ("/a/..%2fb", "/a/..%2fb"),
        ("/a%2f%2e%2e/b", "/a%2f../b"),
        ("/a?x=/../y", "/a?x=/../y"),
        ("/a/..?x", "/?x"),
    ] {
        assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn what_a_semicolon_adds_to_dots_goes_with_them() {
    for (path, expected) in [
        ("/a/..;/b", "/b"),
        ("/a/..;x=1/b", "/b"),
        ("/a/..;a;b/c", "/c"),
        ("/a/.;x", "/a/"),
        ("/a/..;", "/"),
        ("/a/.;?x", "/a/?x"),
        ("/a/..;\\b", "/"),
        ("/a/..;%2e/b", "/b"),
        ("/a/.;%00/b", "/a/b"),
        ("//..;//", "//"),
        ("/a;b", "/a;b"),
        ("/a/;/b", "/a/;/b"),
        ("/a/...;/b", "/a/...;/b"),
        ("/a/%2e%2e;/b", "/a/..;/b"),
        ("/a/.%2e;x", "/a/..;x"),
        ("/a/..%3b/b", "/a/..%3b/b"),
    ] {
        assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn a_backslash_is_a_slash() {
    for (path, expected) in [
        ("/a\\b", "/a/b"),
        ("/a\\..\\b", "/b"),
        ("/x/\\..\\y", "/x/y"),
        ("/a/b/..\\", "/a/"),
        ("/a%5cb", "/a%5cb"),
    ] {
        assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn escapes_stand_only_where_they_must() {
    for (path, expected) in [
        ("/a%41%7e%2D%5f%30", "/aA~-_0"),
        ("/%61b", "/ab"),
        ("/a%2Fb%3f%20%25%80", "/a%2Fb%3f%20%25%80"),
        ("/a|b\"<>^`{}", "/a%7Cb%22%3C%3E%5E%60%7B%7D"),
        ("/a!$&'()*+,-.:;=@[]_~", "/a!$&'()*+,-.:;=@[]_~"),
        ("/a%zz/%/%2", "/a%zz/%/%2"),
        ("/\u{e4}", "/%C3%A4"),
    ] {
        assert_eq!(normal(path).as_deref(), Ok(expected), "{path}");
    }
    assert_eq!(normal("/a%00b"), Err(Invalid));
    assert_eq!(normal("/a%00b?%00"), Err(Invalid));
    assert_eq!(normal("/a?%00").as_deref(), Ok("/a?%00"));
}

#[test]
fn a_path_that_is_normal_costs_nothing() {
    for path in ["/", "/a/b.c", "/a?b=../..", "//a", "/a;b=c"] {
        assert_eq!(normalize(path), Ok(None), "{path}");
        assert_eq!(unescape_slashes(path), None);
    }
    assert_eq!(merge_slashes("/a/b?c=//"), None);
}

#[test]
fn slashes_are_merged() {
    for (path, expected) in [
        ("/a//b", "/a/b"),
        ("//a", "/a"),
        ("/a//", "/a/"),
        ("///", "//"),
        ("/a///b//c/?x=//", "/a/b/c/?x=//"),
    ] {
        assert_eq!(merge_slashes(path).as_deref(), Some(expected), "{path}");
    }
}

#[test]
fn escaped_slashes_are_slashes() {
    for (path, expected) in [
        ("/a%2fb?x=%2f", "/a/b?x=%2f"),
        ("/a%5Cb", "/a\\b"),
        ("/a%2F..%2fb", "/a/../b"),
        ("/%%2f%2", "/%/%2"),
    ] {
        assert_eq!(unescape_slashes(path).as_deref(), Some(expected), "{path}");
    }
    assert_eq!(unescape_slashes("/a%252fb%zz%"), None);
}
