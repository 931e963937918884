//! `envoy.extensions.path.match.uri_template.v3`: paths with stars and variables in them.

use crate::config::regex::{Regex, RegexError, Substitution};

use super::rewrite::RegexRewrite;

/// What a literal, and what stands for a star, is made of: as a class of a regular expression.
const LITERAL: &str = r"[a-zA-Z0-9\-._~%!$&'()+,;:@=*]";

/// How many variables one template may have.
const MOST_VARIABLES: usize = 5;

/// How long the name of a variable may be.
const LONGEST_NAME: usize = 16;

/// A template: a path whose parts may be `*` (one part), `**` (the rest) or a variable that holds what such a part is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathTemplate {
    text: Box<str>,
    /// The names of its variables, in the order of the groups of `regex`.
    variables: Vec<Box<str>>,
    regex: Regex,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TemplateError {
    /// It does not begin with a slash, or there is something in it that no path has.
    #[error("expected a slash at its beginning, and no blanks in it")]
    NoPath,
    /// A part that is not made of what literals are made of.
    #[error("{0:?} cannot stand in a path")]
    Literal(String),
    /// A star beside other characters, for which Envoy makes an expression that nobody would expect.
    #[error(
        "a star stands alone between slashes, and may have a suffix in the last part only; found {0:?}"
    )]
    Star(String),
    /// A variable without an end.
    #[error("{0:?} has no end, which is \"}}\"")]
    Unended(String),
    /// What cannot be the name of a variable.
    #[error("{0:?} cannot name a variable: a letter, then up to 15 letters, digits or underscores")]
    Name(String),
    /// Two variables of one name.
    #[error("the variable {0} is there twice")]
    Twice(String),
    /// Too many variables.
    #[error("expected at most {MOST_VARIABLES} variables")]
    TooMany,
    /// Something open-ended after `**`.
    #[error("nothing open may follow a \"**\"")]
    AfterRest,
    /// A rewrite asks for a variable that the template does not have.
    #[error("the path's template has no variable {0}")]
    NoVariable(String),
    /// Two slashes in a row in a rewrite.
    #[error("expected no empty part")]
    Empty,
    /// The expression it became is not one.
    #[error(transparent)]
    Regex(#[from] RegexError),
}

/// A template on its way to an expression.
#[derive(Default)]
struct Parser {
    regex: String,
    variables: Vec<Box<str>>,
    /// Whether a `**` was seen.
    rest: bool,
}

// === impl PathTemplate ===

impl PathTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// What Envoy refuses, and a star in the midst of a literal.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        let mut left = text.strip_prefix('/').filter(|_| graphic).ok_or(TemplateError::NoPath)?;
        let mut parser = Parser::default();
        parser.regex.push('/');
        while !left.is_empty() {
            left = parser.segment(left)?;
            if let Some(after) = left.strip_prefix('/') {
                parser.regex.push('/');
                left = after;
                if left.starts_with('/') {
                    return Err(TemplateError::Literal(String::new()));
                }
            }
        }
        let regex = Regex::whole(&parser.regex)?;
        Ok(Self { text: text.into(), variables: parser.variables, regex })
    }

    /// As it was configured.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a path as a whole is like it.
    pub fn matches(&self, path: &str) -> bool {
        self.regex.is_match(path.as_bytes())
    }

    /// `path_template_rewrite`: what becomes of a path that is like this template.
    ///
    /// # Errors
    /// What Envoy refuses.
    pub fn rewrite(&self, text: &str) -> Result<RegexRewrite, TemplateError> {
        if !text.starts_with('/') {
            return Err(TemplateError::NoPath);
        }
        if text.contains("//") {
            return Err(TemplateError::Empty);
        }
        let mut substitution = String::new();
        let mut left = text;
        while let Some((literal, after)) = left.split_once('{') {
            push_rewritten(&mut substitution, literal)?;
            let (name, after) =
                after.split_once('}').ok_or_else(|| TemplateError::Unended(after.into()))?;
            check_name(name)?;
            let place = self.variables.iter().position(|variable| &**variable == name);
            let place = place.ok_or_else(|| TemplateError::NoVariable(name.into()))?;
            substitution.push_str(&format!("\\{}", place + 1));
            left = after;
        }
        push_rewritten(&mut substitution, left)?;
        let substitution = Substitution::parse(&substitution, self.variables.len());
        Ok(RegexRewrite { pattern: self.regex.clone(), substitution })
    }
}

fn push_rewritten(substitution: &mut String, literal: &str) -> Result<(), TemplateError> {
    let mut parts = literal.split('/').filter(|part| !part.is_empty());
    parts.try_for_each(check_literal)?;
    substitution.push_str(literal);
    Ok(())
}

// === impl Parser ===

impl Parser {
    /// Reads the part at the beginning of `text`, to its end or to a slash. Gives what is left.
    fn segment<'t>(&mut self, text: &'t str) -> Result<&'t str, TemplateError> {
        if text.starts_with('*') {
            let after = self.star(text)?;
            return self.suffix(after, after.len());
        }
        let end = text.find('/').unwrap_or(text.len());
        let Some(open) = text[..end].find('{') else {
            self.literal(&text[..end])?;
            return Ok(&text[end..]);
        };
        if open > 0 {
            self.literal(&text[..open])?;
        }
        let inside = &text[open + 1..];
        let (variable, after) =
            inside.split_once('}').ok_or_else(|| TemplateError::Unended(text[open..].into()))?;
        // Between literals a variable is one part.
        if open > 0 && variable.contains('/') {
            return Err(TemplateError::Literal(text[..end].into()));
        }
        self.variable(variable)?;
        self.suffix(after, after.find('/').unwrap_or(after.len()))
    }

    /// A literal that goes to `end`, if anything stands before the next slash.
    fn suffix<'t>(&mut self, text: &'t str, end: usize) -> Result<&'t str, TemplateError> {
        if !text.is_empty() && !text.starts_with('/') {
            self.literal(&text[..end])?;
            return Ok(&text[end..]);
        }
        Ok(text)
    }

    fn literal(&mut self, literal: &str) -> Result<(), TemplateError> {
        check_literal(literal)?;
        if literal.contains('*') {
            return Err(TemplateError::Star(literal.into()));
        }
        for c in literal.chars() {
            if matches!(c, '$' | '(' | ')' | '+' | '.') {
                self.regex.push('\\');
            }
            self.regex.push(c);
        }
        Ok(())
    }

    /// Reads the star or the two at the beginning of `text`.
    fn star<'t>(&mut self, text: &'t str) -> Result<&'t str, TemplateError> {
        if self.rest {
            return Err(TemplateError::AfterRest);
        }
        if let Some(after) = text.strip_prefix("**") {
            self.rest = true;
            let class = LITERAL.trim_end_matches(']');
            self.regex.push_str(&format!("{class}/]*"));
            return Ok(after);
        }
        self.regex.push_str(&format!("{LITERAL}+"));
        Ok(&text[1..])
    }

    /// What stands between braces.
    fn variable(&mut self, text: &str) -> Result<(), TemplateError> {
        let (name, parts) = match text.split_once('=') {
            Some((name, parts)) => (name, Some(parts)),
            None => (text, None),
        };
        check_name(name)?;
        if self.variables.iter().any(|other| &**other == name) {
            return Err(TemplateError::Twice(name.into()));
        }
        if self.variables.len() == MOST_VARIABLES {
            return Err(TemplateError::TooMany);
        }
        self.variables.push(name.into());
        self.regex.push('(');
        for (index, part) in parts.unwrap_or("*").split('/').enumerate() {
            if index > 0 {
                self.regex.push('/');
            }
            let after = if part.starts_with('*') { self.star(part)? } else { part };
            if after.is_empty() && part.starts_with('*') {
                continue;
            }
            self.literal(part)?;
        }
        self.regex.push(')');
        Ok(())
    }
}

fn check_literal(literal: &str) -> Result<(), TemplateError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()+,;:@=*".contains(&byte);
    if literal.is_empty() || !literal.bytes().all(fits) {
        return Err(TemplateError::Literal(literal.into()));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), TemplateError> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic());
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !begins || !name.chars().all(fits) || name.len() > LONGEST_NAME {
        return Err(TemplateError::Name(name.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{PathTemplate, TemplateError};

    #[test]
    fn what_envoy_refuses_is_refused() {
        for text in [
            "a",
            "/a b",
            "/{a}{b}",
            "/x{a}y{b}z",
            "/**x/y",
            "/**/*",
            "/{a=**}/{b}",
            "/{a=**}/x{b}",
            "/a//b",
            "//",
            "/{a",
            "/a}",
            "/{1a}",
            "/{a=}",
            "/{a=x/}",
            "/{abcdefghijklmnopq}",
            "/{a}/{b}/{c}/{d}/{e}/{f}",
            "/x{a=y/z}w",
            "/a?b",
            "/a[b",
            "/{a=x{b}}",
            "/**.m3u8/",
            "/{}",
            "/*.m/x",
            "/x{a}y{a}",
            "/{a}/{a}",
        ] {
            assert!(PathTemplate::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_envoy_takes_is_taken() {
        for text in [
            "/",
            "/*x",
            "/a/",
            "/**/x",
            "/{a=*/**}",
            "/x{a=**}",
            "/{a}.json/x",
            "/x{a=*}y/**",
            "/v{version}/users/{id}.json",
            "/{a=l/*}.json/r",
        ] {
            assert_eq!(PathTemplate::parse(text).map(|it| it.text().to_owned()), Ok(text.into()));
        }
    }

    #[test]
    fn a_star_in_a_literal_is_refused() {
        for text in ["/x*", "/a{b}c*", "/x**.y"] {
            assert!(matches!(PathTemplate::parse(text), Err(TemplateError::Star(_))), "{text}");
        }
    }

    #[test]
    fn a_rewrite_takes_the_variables_of_its_template() {
        let template = PathTemplate::parse("/p/{a}/{b=**}").unwrap();
        let rewrite = template.rewrite("/{b}/x-{a}").unwrap();
        assert_eq!(rewrite.apply("/p/1/2/3"), b"/2/3/x-1");
        for text in ["{a}", "/{c}", "//x", "/x/{a}//y", "/{a", "/x}y", "/{a}?x", "/x y", ""] {
            assert!(template.rewrite(text).is_err(), "{text}");
        }
    }
}
