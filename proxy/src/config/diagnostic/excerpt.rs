//! The line that a finding is about, short enough to be shown.

/// A piece of a line, with what is to be underlined in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Excerpt {
    /// The line, or as much of it around the place as is shown; without control characters.
    pub text: String,
    /// How many characters of it stand before what is underlined.
    pub before: usize,
    /// How many characters are underlined; at least one.
    pub width: usize,
}

/// A line of a file in one line, as programs write it, may be as long as the file.
const LONGEST: usize = 160;

/// How much is shown before the place in a line that is too long.
const LEAD: usize = 60;

// === impl Excerpt ===

impl Excerpt {
    /// The excerpt of a line around a column, which counts characters from one.
    pub(super) fn of(line: &str, column: u32) -> Self {
        let start = column.saturating_sub(1) as usize;
        let from = if start > LONGEST - LEAD { start - LEAD } else { 0 };
        let shown = line.chars().skip(from).take(LONGEST);
        // A tab would move what is underlined away from its line.
        let text: String = shown.map(|c| if c.is_control() { ' ' } else { c }).collect();
        let text = text.trim_end().to_owned();
        let before = (start - from).min(text.chars().count());
        let rest: String = text.chars().skip(before).collect();
        Self { before, width: width(&rest), text }
    }
}

/// How many characters the value or key at the beginning of a line's rest has.
fn width(rest: &str) -> usize {
    let mut characters = rest.chars();
    let length = match characters.next() {
        Some(quote @ ('"' | '\'')) => {
            let mut escaped = false;
            let inner = characters.take_while(|c| {
                let end = *c == quote && !escaped;
                escaped = *c == '\\' && !escaped;
                !end
            });
            (inner.count() + 2).min(rest.chars().count())
        }
        Some('{' | '[' | '-') => 1,
        _ => rest.find([',', ':', '}', ']', ' ']).map_or_else(
            || rest.chars().count(),
            // A colon within a word is part of it, as in `127.0.0.1:80`.
            |_| plain(rest),
        ),
    };
    length.max(1)
}

/// The length of a scalar without quotes.
fn plain(rest: &str) -> usize {
    let characters: Vec<char> = rest.chars().collect();
    let ends = |(index, c): &(usize, &char)| match c {
        ',' | '}' | ']' | ' ' => true,
        ':' => characters.get(index + 1).is_none_or(|next| *next == ' '),
        _ => false,
    };
    characters.iter().enumerate().find(ends).map_or(characters.len(), |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_at_the_column_is_underlined() {
        let cases = [
            ("  name: app", 3, 4),
            ("  name: app", 9, 3),
            ("{ \"a b\": 1 }", 3, 5),
            ("{ \"a\\\"b\": 1 }", 3, 6),
            ("- { a: [1, 2] }", 8, 1),
            ("a: 127.0.0.1:80", 4, 12),
            ("a: [x, y]", 5, 1),
            ("a:", 4, 1),
            ("", 1, 1),
        ];
        for (line, column, width) in cases {
            assert_eq!(Excerpt::of(line, column).width, width, "{line}");
        }
    }

    #[test]
    fn a_long_line_is_cut_around_its_place() {
        let line = format!("{}bad{}", "x".repeat(1000), "y".repeat(1000));
        let excerpt = Excerpt::of(&line, 1001);
        assert_eq!(excerpt.text.chars().count(), LONGEST);
        assert_eq!(excerpt.text.find("bad"), Some(excerpt.before));
    }
}
