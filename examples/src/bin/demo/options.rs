//! The words of the command line.

use crate::data::Failure;
use crate::guests::Guest;
use crate::language::Language;

/// What the demo is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Lines, for pipes and logs.
    pub(crate) plain: bool,
    pub(crate) guests: [Guest; Language::ALL.len()],
}

impl Options {
    pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let reason = "start the demo by `cargo xtask demo`, which builds it";
        let guests =
            Language::ALL.map(|language| Guest { language, program: Err(reason.to_owned()) });
        let mut options = Self { plain: false, guests };
        for word in words {
            let known = match word.split_once('=') {
                None if word == "--plain" => {
                    options.plain = true;
                    true
                }
                Some((option, value)) => options.set(option, value),
                None => false,
            };
            if !known {
                return Err(format!("there is no option `{word}`; {KNOWN}").into());
            }
        }
        Ok(options)
    }

    /// An option of a language; false if there is none of this name.
    fn set(&mut self, option: &str, value: &str) -> bool {
        let (program, name) = match (option.strip_prefix("--no-"), option.strip_prefix("--")) {
            (Some(name), _) => (Err(value.to_owned()), name),
            (None, Some(name)) => (Ok(value.into()), name),
            (None, None) => return false,
        };
        let named = |guest: &&mut Guest| guest.language.option() == name;
        let guest = self.guests.iter_mut().find(named);
        guest.map(|guest| guest.program = program).is_some()
    }
}

const KNOWN: &str = "there are --plain, and for each of c, cpp, python, go and node --c=PROGRAM, \
                     which runs it, and --no-c=REASON, which says why it does not run";

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Options, Failure> {
        Options::parse(words.iter().map(|&word| word.to_owned()))
    }

    #[test]
    fn each_language_has_a_program_or_a_reason() {
        let options = parse(&["--c=/bin/flights", "--plain", "--no-python=too old"]).unwrap();
        assert!(options.plain);
        let [c, cpp, python, ..] = options.guests;
        assert!(cpp.program.is_err());
        assert_eq!((c.language, c.program), (Language::C, Ok("/bin/flights".into())));
        assert_eq!(python.program, Err("too old".to_owned()));
        let bare = parse(&[]).unwrap();
        assert!(!bare.plain && bare.guests.iter().all(|guest| guest.program.is_err()));
    }

    #[test]
    fn unknown_words_are_refused() {
        for word in ["--fast", "plain", "--plain=yes", "--c++=x", "c=x", "--no-=x", ""] {
            let error = parse(&["--plain", word]).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{word}`")) && error.contains("--c=PROGRAM"),
                "{error}"
            );
        }
    }
}
