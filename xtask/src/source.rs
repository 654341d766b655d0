//! Reads Rust text far enough to find code, functions and test modules: comments, strings and
//! character literals are blanked, and everything keeps its byte position.

use core::ops::Range;

/// A source file and the parts of it that the checks look at.
#[derive(Debug)]
pub(crate) struct Source {
    /// The text with comments, strings and character literals replaced by spaces.
    pub(crate) code: String,
    /// The bytes of every item behind `#[cfg(test)]`.
    pub(crate) tests: Vec<Range<usize>>,
    /// Every function with a body, in order of its start.
    pub(crate) functions: Vec<Function>,
}

/// A function: its name and its bytes, from `fn` to the closing brace.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) is_const: bool,
}

impl Source {
    pub(crate) fn new(text: &str) -> Self {
        let code = blank(text);
        let tests = test_items(&code);
        let functions = functions(&code);
        Self { code, tests, functions }
    }

    pub(crate) fn is_test(&self, position: usize) -> bool {
        self.tests.iter().any(|span| span.contains(&position))
    }

    /// The line number, from 1, of a byte position.
    pub(crate) fn line(&self, position: usize) -> usize {
        1 + count_lines(&self.code[..position])
    }

    /// The innermost function around a byte position.
    pub(crate) fn function_at(&self, position: usize) -> Option<&Function> {
        self.functions.iter().rev().find(|function| function.span.contains(&position))
    }

    /// Start positions of a word: identifier characters on neither side.
    pub(crate) fn words<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        words(&self.code, word)
    }
}

pub(crate) fn count_lines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

/// Start positions of `word` in `text` where it is not a part of a longer identifier.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_');
    let bytes = text.as_bytes();
    text.match_indices(word).map(|(start, _)| start).filter(move |&start| {
        let before = start.checked_sub(1).and_then(|index| bytes.get(index));
        !is_part(before) && !is_part(bytes.get(start + word.len()))
    })
}

/// Replaces comments, strings and character literals by spaces; line ends stay.
fn blank(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => end_of_line(bytes, at),
            b'/' if bytes[at..].starts_with(b"/*") => end_of_block_comment(bytes, at),
            b'r' if !follows_identifier(bytes, at) => end_of_raw_string(bytes, at).unwrap_or(at),
            b'"' => end_of_quoted(bytes, at, b'"'),
            b'\'' if is_character(text, at) => end_of_quoted(bytes, at, b'\''),
            _ => at,
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    // Whole characters were blanked, never a part of one.
    String::from_utf8_lossy(&code).into_owned()
}

fn end_of_line(bytes: &[u8], at: usize) -> usize {
    bytes[at..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |length| at + length)
}

fn end_of_block_comment(bytes: &[u8], at: usize) -> usize {
    let mut depth = 0_usize;
    let mut index = at;
    while index < bytes.len() {
        if bytes[index..].starts_with(b"/*") {
            depth += 1;
            index += 2;
        } else if bytes[index..].starts_with(b"*/") {
            depth -= 1;
            index += 2;
            if depth == 0 {
                return index;
            }
        } else {
            index += 1;
        }
    }
    bytes.len()
}

/// The prefixes `b` and `c` of a literal are no part of an identifier, `br"…"` begins at its `r`.
fn follows_identifier(bytes: &[u8], at: usize) -> bool {
    let part = |index: usize| bytes[index].is_ascii_alphanumeric() || bytes[index] == b'_';
    match at.checked_sub(1) {
        None => false,
        Some(before) if matches!(bytes[before], b'b' | b'c') => before > 0 && part(before - 1),
        Some(before) => part(before),
    }
}

fn end_of_raw_string(bytes: &[u8], at: usize) -> Option<usize> {
    let hashes = bytes[at + 1..].iter().take_while(|&&byte| byte == b'#').count();
    let open = at + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = &bytes[open + 1..];
    let length = body.windows(close.len()).position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

fn end_of_quoted(bytes: &[u8], at: usize, quote: u8) -> usize {
    let mut index = at + 1;
    while index < bytes.len() {
        match bytes[index] {
            b'\\' => index += 2,
            byte if byte == quote => return index + 1,
            _ => index += 1,
        }
    }
    bytes.len()
}

/// Tells a character literal from a lifetime: a quote closes it after one character or escape.
fn is_character(text: &str, at: usize) -> bool {
    let mut rest = text[at + 1..].chars();
    match rest.next() {
        Some('\\') => true,
        Some(_) => rest.next() == Some('\''),
        None => false,
    }
}

/// The position after the brace that closes the one at `open`.
fn end_of_braces(code: &str, open: usize) -> usize {
    let mut depth = 0_usize;
    for (index, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

/// The end of the item that starts at `at`: its semicolon or its closing brace.
fn end_of_item(code: &str, at: usize) -> usize {
    let mut depth = 0_i32;
    for (index, byte) in code.bytes().enumerate().skip(at) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b';' if depth == 0 => return index + 1,
            b'{' if depth == 0 => return end_of_braces(code, index),
            _ => {}
        }
    }
    code.len()
}

fn test_items(code: &str) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    for marker in ["#[cfg(test)]", "#[cfg(all(test,", "#[cfg(any(test,"] {
        for (start, _) in code.match_indices(marker) {
            let end = end_of_item(code, start);
            items.push(start..end);
        }
    }
    items
}

fn functions(code: &str) -> Vec<Function> {
    words(code, "fn")
        .filter_map(|start| {
            let rest = code[start + 2..].trim_start();
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_')?;
            let name = rest[..length].to_owned();
            let end = end_of_item(code, start);
            let has_body = code[..end].ends_with('}');
            let line_start = code[..start].rfind('\n').map_or(0, |index| index + 1);
            let is_const = words(&code[line_start..start], "const").next().is_some();
            (!name.is_empty() && has_body).then_some(Function { name, span: start..end, is_const })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_blanked_and_positions_stay() {
        let text =
            "a // unsafe {\nb /* unsafe /* { */ } */ c \"unsafe \\\" {\" d r#\"un\"safe\"# '{' e";
        let source = Source::new(text);
        assert_eq!(source.code.len(), text.len());
        assert_eq!(source.code.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
        assert_eq!(source.line(text.find(" b").unwrap_or(14)), 2);
    }

    #[test]
    fn lifetimes_are_no_characters_and_words_outside_ascii_do_no_harm() {
        let source = Source::new("fn f<'a>(x: &'a str) -> char { let é = 'é'; '\\'' } // ü");
        assert_eq!(source.functions.len(), 1);
        assert!(source.code.contains("&'a str"));
        assert!(!source.code.contains('ü'));
    }

    #[test]
    fn functions_have_their_names_and_ends() {
        let text = "const fn a(x: [u8; 4]) { if x { } }\ntrait T { fn b(); fn c() { d() } }";
        let source = Source::new(text);
        let names: Vec<&str> = source.functions.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["a", "c"]);
        assert!(source.functions[0].is_const && !source.functions[1].is_const);
        assert_eq!(source.functions[0].span.end, text.find('\n').expect("two lines"));
        let inner = source.function_at(text.find("d()").expect("the call")).expect("a function");
        assert_eq!(inner.name, "c");
    }

    #[test]
    fn the_items_behind_cfg_test_are_known() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}";
        let source = Source::new(text);
        assert!(source.is_test(text.find("b()").expect("b")));
        assert!(!source.is_test(text.find("a()").expect("a")));
        assert!(!source.is_test(text.find("c()").expect("c")));
    }
}
