//! RE2's syntax, as its documentation and the real Envoy have it.

use super::{Fault, Regex, Substitution};

fn whole(pattern: &str, text: &str) -> bool {
    Regex::whole(pattern).unwrap_or_else(|why| panic!("{pattern}: {why}")).is_match(text.as_bytes())
}

#[test]
fn the_whole_text_must_match() {
    assert!(whole("/a|/b", "/a"));
    assert!(whole("/a|/b", "/b"));
    assert!(!whole("/a|/b", "/ab"));
    assert!(!whole("a", "a\n"));
    assert!(whole("a$", "a"));
    assert!(whole("", ""));
}

#[test]
fn perl_classes_are_ascii() {
    assert!(whole(r"\d\w\s", "1a "));
    assert!(!whole(r"\d", "١"));
    assert!(!whole(r"\w", "é"));
    assert!(!whole(r"\s", "\u{b}"));
    assert!(whole(r"\D\W\S", "é!é"));
    assert!(whole(r"[\d\-x]+", "1-x"));
    assert!(whole(r"[^\D]", "1"));
    assert!(whole(r"é\b.", "éa"));
}

#[test]
fn a_character_is_one_of_unicode() {
    assert!(whole(".", "é"));
    assert!(whole(r"\C\C", "é"));
    assert!(whole(r"\p{Greek}\pL", "λa"));
    assert!(!whole(".", "\n"));
    assert!(whole("(?s).", "\n"));
}

#[test]
fn marks_that_combine_classes_elsewhere_are_ordinary_here() {
    assert!(whole("[a&&b]+", "a&b"));
    assert!(whole("[[a]+", "[a"));
    assert!(whole("[]a]+", "]a"));
    assert!(whole("[^]a]", "b"));
    assert!(whole("[a~~b]+", "~"));
    assert!(whole("[[:alpha:]]+", "ab"));
    assert!(whole("[[:^alpha:]]+", "12"));
    assert!(whole("[[:]+", "[:"));
}

#[test]
fn escapes_are_those_of_re2() {
    assert!(whole(r"\Qa.b\E+", "a.bbb"));
    assert!(whole(r"\<\>\/\-\.\_", "<>/-._"));
    assert!(whole(r"\101\x41\x{41}\0", "AAA\0"));
    for bad in [r"\1", r"\y", r"\", r"[\y]", r"\Z"] {
        assert!(Regex::whole(bad).is_err(), "{bad}");
    }
}

#[test]
fn repetitions_are_bounded_and_braces_may_be_text() {
    assert!(whole("a{2,}", "aaa"));
    assert!(whole("a{,2}", "a{,2}"));
    assert!(whole("a{b}", "a{b}"));
    assert!(whole("{", "{"));
    assert_eq!(Regex::whole("a{1001}").unwrap_err().to_string(), "invalid repetition size");
    assert_eq!(Regex::whole("(a{1000}){1000}").unwrap_err().to_string().as_bytes()[0], b't');
}

#[test]
fn groups_have_the_flags_of_re2() {
    assert!(whole("(?i)ab(?-i:C)", "ABC"));
    assert!(whole("(?P<n>a)(?<m>b)(?:c)", "abc"));
    for bad in ["(?x)a", "(?u)a", "(?=a)", "(?<=a)", "(a", "a)"] {
        assert!(Regex::whole(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_matches_is_replaced_everywhere() {
    let replaced = |pattern, by, text: &str| {
        let regex = Regex::anywhere(pattern).unwrap();
        let by = Substitution::parse(by, regex.groups());
        String::from_utf8(regex.replace_all(text.as_bytes(), &by)).unwrap()
    };
    assert_eq!(replaced("^/re/([^/]+)(/.*)$", r"\2/x/\1", "/re/a/b"), "/b/x/a");
    assert_eq!(replaced("[aeiou]", r"[\0]", "/beau"), "/b[e][a][u]");
    assert_eq!(replaced("b", r"\\", "abab"), r"a\a\");
    assert_eq!(replaced("x*", "-", "/axb"), "-/-a-b-");
    assert_eq!(replaced("(a)|(b)", r"<\1\2>", "ab"), "<a><b>");
}

#[test]
fn a_rewrite_with_a_fault_does_what_re2_does() {
    let regex = Regex::anywhere("(b)").unwrap();
    let faulty = |by, fault, result: &str| {
        let by = Substitution::parse(by, regex.groups());
        assert_eq!(by.fault(), Some(fault), "{by:?}");
        assert_eq!(regex.replace_all(b"abc", &by), result.as_bytes(), "{by:?}");
    };
    faulty(r"<\2>\2", Fault::NoSuchGroup, "abc");
    faulty(r"\x\2", Fault::NoSuchGroup, "abc");
    faulty(r"<\x\1>", Fault::BadEscape, "a<c");
    faulty(r"<\", Fault::BadEscape, "a<c");
}
