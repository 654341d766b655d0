//! Topic names and subscription patterns: the grammar, its limits and the direct matcher.
//!
//! A *topic* is a list of tokens joined by dots, `flights.JFK.AA.LAX`. A *pattern* is a topic in
//! which a whole token may be a wildcard: `*` stands for exactly one token, and `>`, allowed only
//! as the last token, stands for one or more. The grammar is that of NATS subjects, so that
//! patterns and permissions map one to one onto a bridge.
//!
//! Names are compared byte by byte: case matters and no Unicode normalisation takes place.
//! Nothing here blocks, and nothing but the construction of an error allocates.

use core::{error, fmt, str};

/// Longest topic or pattern, in bytes of UTF-8. The shortest has one byte.
pub const TOPIC_BYTES_MAX: usize = 255;

/// Most tokens in a topic or pattern.
///
/// It bounds the depth of the tree of patterns and of every recursion
/// over it. Permissions may set a lower limit of their own; routing accepts up to this one.
pub const TOPIC_LEVELS_MAX: usize = 32;

/// Stands for exactly one token of a topic, whatever it is.
pub(super) const WILDCARD_ONE: &str = "*";

/// Stands for one or more tokens at the end of a topic.
pub(super) const WILDCARD_REST: &str = ">";

/// Names that begin with it belong to the kernel.
const RESERVED_PREFIX: char = '$';

/// How much of an over-long name an error repeats: hostile input is not copied whole.
const EXCERPT_CHARS: usize = 32;

/// Which grammar a name is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grammar {
    Topic,
    Pattern,
}

/// Why a topic or pattern was refused.
///
/// Its text names the input, the limit it broke and what to do instead. Control characters in the
/// input are shown escaped, so the text is safe to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicError {
    grammar: Grammar,
    /// The input, or its first [`EXCERPT_CHARS`] characters if it is too long.
    input: Box<str>,
    kind: TopicErrorKind,
}

/// The rule that a refused topic or pattern broke. Positions count bytes from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicErrorKind {
    /// The name has no bytes.
    Empty,
    /// The name has more than [`TOPIC_BYTES_MAX`] bytes.
    TooLong {
        /// Length of the name.
        len_bytes: usize,
    },
    /// The name has more than [`TOPIC_LEVELS_MAX`] tokens.
    TooManyLevels {
        /// Number of tokens in the name.
        levels: usize,
    },
    /// Two dots in a row, or a dot at the beginning or the end.
    EmptyToken {
        /// Where the missing token should begin.
        position: usize,
    },
    /// A whitespace or control character.
    ForbiddenCharacter {
        /// The character.
        character: char,
        /// Where it is.
        position: usize,
    },
    /// `*` or `>` in a topic; only patterns have wildcards.
    WildcardInTopic {
        /// `*` or `>`.
        wildcard: char,
        /// Where it is.
        position: usize,
    },
    /// `*` or `>` beside other characters in one token of a pattern.
    PartialWildcard {
        /// `*` or `>`.
        wildcard: char,
        /// Where it is.
        position: usize,
    },
    /// `>` before the last token of a pattern.
    RestNotLast {
        /// Where it is.
        position: usize,
    },
}

impl TopicError {
    /// The rule that was broken, for programs to act on.
    #[must_use]
    pub fn kind(&self) -> TopicErrorKind {
        self.kind
    }
}

impl error::Error for TopicError {}

impl fmt::Display for TopicError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.grammar {
            Grammar::Topic => "topic",
            Grammar::Pattern => "pattern",
        };
        write!(f, "{name} {:?} {}", self.input, self.kind)
    }
}

impl fmt::Display for TopicErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "is empty; give it 1 to {TOPIC_BYTES_MAX} bytes"),
            Self::TooLong { len_bytes } => write!(
                f,
                "(beginning only) has {len_bytes} bytes, the limit is {TOPIC_BYTES_MAX}; \
                 shorten it and move detail to the payload"
            ),
            Self::TooManyLevels { levels } => write!(
                f,
                "has {levels} levels, the limit is {TOPIC_LEVELS_MAX}; \
                 join some of its tokens with '-' or '_'"
            ),
            Self::EmptyToken { position } => write!(
                f,
                "has an empty token at byte {position}; remove the leading, trailing or doubled dot"
            ),
            Self::ForbiddenCharacter { character, position } => write!(
                f,
                "has the character {character:?} at byte {position}; whitespace and control \
                 characters are not allowed, use '-' or '_'"
            ),
            Self::WildcardInTopic { wildcard, position } => write!(
                f,
                "has the wildcard '{wildcard}' at byte {position}; wildcards belong in \
                 subscription patterns, name each token of a topic"
            ),
            Self::PartialWildcard { wildcard, position } => write!(
                f,
                "has '{wildcard}' at byte {position} beside other characters; \
                 a wildcard must be a whole token"
            ),
            Self::RestNotLast { position } => write!(
                f,
                "has '>' at byte {position}, before the last token; \
                 move it to the end or use '*' for one token"
            ),
        }
    }
}

/// Checks a name to publish to.
///
/// # Errors
///
/// [`TopicError`] if the name is empty or longer than [`TOPIC_BYTES_MAX`], has more than
/// [`TOPIC_LEVELS_MAX`] tokens, an empty token, whitespace, a control character or a wildcard.
/// Reserved names pass: whether the caller may use them is its own decision ([`is_reserved`]).
///
/// # Examples
///
/// ```
/// use precursor_broker::broker::topic::validate_topic;
///
/// assert!(validate_topic("flights.JFK.AA.LAX").is_ok());
/// assert_eq!(
///     validate_topic("flights..LAX").unwrap_err().to_string(),
///     "topic \"flights..LAX\" has an empty token at byte 8; \
///      remove the leading, trailing or doubled dot"
/// );
/// ```
pub fn validate_topic(topic: &str) -> Result<(), TopicError> {
    validate(topic, Grammar::Topic)
}

/// Checks a pattern to subscribe to. Every topic is also a pattern.
///
/// # Errors
///
/// As for [`validate_topic`], except that a whole token may be `*`, and the last one `>`.
///
/// # Examples
///
/// ```
/// use precursor_broker::broker::topic::validate_pattern;
///
/// assert!(validate_pattern("flights.*.AA.>").is_ok());
/// assert!(validate_pattern("flights.>.LAX").is_err());
/// ```
pub fn validate_pattern(pattern: &str) -> Result<(), TopicError> {
    validate(pattern, Grammar::Pattern)
}

fn validate(name: &str, grammar: Grammar) -> Result<(), TopicError> {
    check(name, grammar).map_err(|kind| {
        let input = match kind {
            TopicErrorKind::TooLong { .. } => name.chars().take(EXCERPT_CHARS).collect(),
            _ => name.into(),
        };
        TopicError { grammar, input, kind }
    })
}

fn check(name: &str, grammar: Grammar) -> Result<(), TopicErrorKind> {
    if name.is_empty() {
        return Err(TopicErrorKind::Empty);
    }
    if name.len() > TOPIC_BYTES_MAX {
        return Err(TopicErrorKind::TooLong { len_bytes: name.len() });
    }
    let levels = tokens(name).count();
    if levels > TOPIC_LEVELS_MAX {
        return Err(TopicErrorKind::TooManyLevels { levels });
    }
    let mut position = 0;
    for token in tokens(name) {
        let whole_wildcard = token == WILDCARD_ONE || token == WILDCARD_REST;
        if !(whole_wildcard && grammar == Grammar::Pattern) {
            check_literal(token, position, grammar)?;
        } else if token == WILDCARD_REST && position + token.len() < name.len() {
            return Err(TopicErrorKind::RestNotLast { position });
        }
        position += token.len() + 1;
    }
    Ok(())
}

/// Checks a token that is not a wildcard; `start` is its position in the name.
fn check_literal(token: &str, start: usize, grammar: Grammar) -> Result<(), TopicErrorKind> {
    if token.is_empty() {
        return Err(TopicErrorKind::EmptyToken { position: start });
    }
    for (offset, character) in token.char_indices() {
        let position = start + offset;
        match (character, grammar) {
            ('*' | '>', Grammar::Topic) => {
                return Err(TopicErrorKind::WildcardInTopic { wildcard: character, position });
            }
            ('*' | '>', Grammar::Pattern) => {
                return Err(TopicErrorKind::PartialWildcard { wildcard: character, position });
            }
            _ if character.is_whitespace() || character.is_control() => {
                return Err(TopicErrorKind::ForbiddenCharacter { character, position });
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a topic or pattern lies in the kernel's own name space: its first byte is `$`.
///
/// A pattern that begins with a wildcard is not reserved, although it matches reserved topics
/// too: wildcards make no exception for them.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(RESERVED_PREFIX)
}

/// Whether a valid pattern has no wildcard, and so matches only the topic of the same name.
#[must_use]
pub fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['*', '>'])
}

/// The tokens of a topic or pattern, from left to right.
///
/// # Examples
///
/// ```
/// use precursor_broker::broker::topic::tokens;
///
/// assert!(tokens("flights.JFK.*").eq(["flights", "JFK", "*"]));
/// ```
pub fn tokens(name: &str) -> str::Split<'_, char> {
    name.split('.')
}

/// Whether `pattern` matches `topic`, token by token, in one pass over both.
///
/// Both should be valid. Any other text gives an answer too, never a panic, and one that fails
/// closed: a `>` before the last token matches nothing, and the tokens of `topic` are all literal.
///
/// # Examples
///
/// ```
/// use precursor_broker::broker::topic::matches;
///
/// assert!(matches("flights.*.AA.LAX", "flights.JFK.AA.LAX"));
/// assert!(matches("flights.>", "flights.JFK.AA.LAX"));
/// assert!(!matches("flights.>", "flights"));
/// assert!(!matches("flights.*", "flights.JFK.AA"));
/// ```
#[must_use]
pub fn matches(pattern: &str, topic: &str) -> bool {
    let mut expected = tokens(pattern);
    let mut actual = tokens(topic);
    loop {
        match (expected.next(), actual.next()) {
            (None, None) => return true,
            (Some(WILDCARD_REST), Some(_)) => return expected.next().is_none(),
            (Some(WILDCARD_ONE), Some(_)) => {}
            (Some(literal), Some(token)) if literal == token => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topic_message(topic: &str) -> String {
        validate_topic(topic).expect_err("an invalid topic").to_string()
    }

    fn pattern_message(pattern: &str) -> String {
        validate_pattern(pattern).expect_err("an invalid pattern").to_string()
    }

    /// Every name of one to `levels_max` tokens out of `alphabet`.
    fn names(alphabet: &[&str], levels_max: usize) -> Vec<String> {
        let mut level: Vec<String> = alphabet.iter().map(|&token| token.to_owned()).collect();
        let mut all = level.clone();
        for _ in 1..levels_max {
            level = level
                .iter()
                .flat_map(|name| alphabet.iter().map(move |token| format!("{name}.{token}")))
                .collect();
            all.extend_from_slice(&level);
        }
        all
    }

    /// The grammar's meaning, written as the recursive definition.
    fn matches_by_definition(pattern: &[&str], topic: &[&str]) -> bool {
        match (pattern, topic) {
            ([], []) => true,
            ([">"], [_, ..]) => true,
            (["*", pattern @ ..], [_, topic @ ..]) => matches_by_definition(pattern, topic),
            ([literal, pattern @ ..], [token, topic @ ..]) => {
                literal == token && matches_by_definition(pattern, topic)
            }
            _ => false,
        }
    }

    #[test]
    fn names_at_the_limits_are_accepted() {
        let levels = ["a"; TOPIC_LEVELS_MAX].join(".");
        let bytes = "é".repeat(127) + "x";
        assert_eq!(bytes.len(), TOPIC_BYTES_MAX);
        for topic in ["a", "a.JFK.AA", "größe.東京.🚀", "$sys.up", "a-b_c/d:e", &levels, &bytes]
        {
            assert_eq!(validate_topic(topic), Ok(()), "{topic}");
            assert_eq!(validate_pattern(topic), Ok(()), "{topic}");
        }
        let stars = ["*"; TOPIC_LEVELS_MAX].join(".");
        for pattern in ["*", ">", "*.*", "a.*.b", "a.>", "*.>", &stars] {
            assert_eq!(validate_pattern(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn each_length_fault_names_value_and_limit() {
        assert_eq!(topic_message(""), "topic \"\" is empty; give it 1 to 255 bytes");
        assert_eq!(pattern_message(""), "pattern \"\" is empty; give it 1 to 255 bytes");
        assert_eq!(
            topic_message(&"é".repeat(128)),
            format!(
                "topic {:?} (beginning only) has 256 bytes, the limit is 255; \
                 shorten it and move detail to the payload",
                "é".repeat(EXCERPT_CHARS)
            )
        );
        let deep = ["a"; TOPIC_LEVELS_MAX + 1].join(".");
        assert_eq!(
            pattern_message(&deep),
            format!(
                "pattern {deep:?} has 33 levels, the limit is 32; \
                 join some of its tokens with '-' or '_'"
            )
        );
    }

    #[test]
    fn each_empty_token_is_refused_at_its_position() {
        for (name, position) in [(".", 0), (".a", 0), ("a.", 2), ("a..b", 2), ("é.b..", 5)] {
            let kind = TopicErrorKind::EmptyToken { position };
            assert_eq!(validate_topic(name).map_err(|e| e.kind()), Err(kind), "{name}");
            assert_eq!(validate_pattern(name).map_err(|e| e.kind()), Err(kind), "{name}");
        }
        assert_eq!(
            pattern_message("*..>"),
            "pattern \"*..>\" has an empty token at byte 2; \
             remove the leading, trailing or doubled dot"
        );
    }

    #[test]
    fn whitespace_and_control_characters_are_refused_and_shown_escaped() {
        for character in [' ', '\t', '\n', '\0', '\x1b', '\x7f', '\u{85}', '\u{a0}', '\u{3000}'] {
            let name = format!("a.b{character}c");
            let kind = TopicErrorKind::ForbiddenCharacter { character, position: 3 };
            assert_eq!(validate_topic(&name).map_err(|e| e.kind()), Err(kind));
            assert_eq!(validate_pattern(&name).map_err(|e| e.kind()), Err(kind));
        }
        assert_eq!(
            topic_message("a.b\nc"),
            "topic \"a.b\\nc\" has the character '\\n' at byte 3; whitespace and control \
             characters are not allowed, use '-' or '_'"
        );
    }

    #[test]
    fn wildcards_are_refused_in_topics() {
        for (topic, wildcard, position) in
            [("*", '*', 0), (">", '>', 0), ("a.*.b", '*', 2), ("a.>", '>', 2), ("a.b>c", '>', 3)]
        {
            let kind = TopicErrorKind::WildcardInTopic { wildcard, position };
            assert_eq!(validate_topic(topic).map_err(|e| e.kind()), Err(kind), "{topic}");
        }
        assert_eq!(
            topic_message("a.*"),
            "topic \"a.*\" has the wildcard '*' at byte 2; wildcards belong in \
             subscription patterns, name each token of a topic"
        );
    }

    #[test]
    fn misplaced_wildcards_are_refused_in_patterns() {
        for (pattern, wildcard, position) in
            [("a*", '*', 1), ("**", '*', 0), (">>", '>', 0), ("*>", '*', 0), ("a.b>", '>', 3)]
        {
            let kind = TopicErrorKind::PartialWildcard { wildcard, position };
            assert_eq!(validate_pattern(pattern).map_err(|e| e.kind()), Err(kind), "{pattern}");
        }
        assert_eq!(
            pattern_message("a.b*"),
            "pattern \"a.b*\" has '*' at byte 3 beside other characters; \
             a wildcard must be a whole token"
        );
        for pattern in [">.a", ">.>", ">.*"] {
            let kind = TopicErrorKind::RestNotLast { position: 0 };
            assert_eq!(validate_pattern(pattern).map_err(|e| e.kind()), Err(kind), "{pattern}");
        }
        assert_eq!(
            pattern_message("a.>.b"),
            "pattern \"a.>.b\" has '>' at byte 2, before the last token; \
             move it to the end or use '*' for one token"
        );
    }

    #[test]
    fn reserved_names_begin_with_a_dollar_sign() {
        assert!(is_reserved("$sys") && is_reserved("$sys.>") && is_reserved("$"));
        assert!(!is_reserved("sys.$") && !is_reserved(">") && !is_reserved(""));
    }

    #[test]
    fn a_literal_pattern_has_no_wildcard() {
        assert!(is_literal("a.b") && is_literal("$a"));
        assert!(!is_literal("*") && !is_literal("a.*.b") && !is_literal("a.>"));
    }

    #[test]
    fn matches_agrees_with_the_definition_on_every_small_name() {
        let depth = if cfg!(miri) { 3 } else { 4 };
        let topics = names(&["a", "b"], depth);
        let mut patterns = names(&["a", "b", "*", ">"], depth);
        patterns.retain(|pattern| validate_pattern(pattern).is_ok());
        for (pattern, topic) in patterns.iter().flat_map(|p| topics.iter().map(move |t| (p, t))) {
            let expected: Vec<&str> = tokens(pattern).collect();
            let actual: Vec<&str> = tokens(topic).collect();
            let wanted = matches_by_definition(&expected, &actual);
            assert_eq!(matches(pattern, topic), wanted, "{pattern} on {topic}");
        }
    }

    #[test]
    fn invalid_text_fails_closed() {
        assert!(!matches(">.a", "x.a"));
        assert!(!matches("", "a"));
        assert!(!matches("a.b", "a.*"));
        assert!(!matches("a*", "ab"));
    }
}
