//! What stands behind `shm://`: a name, and whose it is.

use core::fmt;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{peer, users};

use super::system;

/// Longest name in bytes, and longest name of a group.
const NAME_BYTES_MAX: usize = 63;
const GROUP_KEY: &str = "group=";

/// `NAME`, for processes of one user; `NAME?group=GROUP`, for processes of every user of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) group: Option<Group>,
}

/// A group of users, as the address names it and as the system does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    text: String,
    pub(crate) id: u32,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let (name, group) = match text.split_once('?') {
            None => (text, None),
            Some((name, query)) => {
                let group = query.strip_prefix(GROUP_KEY).ok_or_else(|| {
                    let text = format!("{query:?} is no option of a name: it is ?group=GROUP");
                    Error::new(ErrorKind::Invalid, text)
                })?;
                (name, Some(Group::find(group)?))
            }
        };
        check_name(name)?;
        Ok(Self { name: name.into(), group })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shm://{}", text_of(&self.name, self.group.as_ref()))
    }
}

/// A name and its group as [`Address::parse`] takes them.
pub(super) fn text_of(name: &str, group: Option<&Group>) -> String {
    match group {
        None => name.into(),
        Some(group) => format!("{name}?{GROUP_KEY}{}", group.text),
    }
}

fn is_plain(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=NAME_BYTES_MAX).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(is_plain)
}

/// A name becomes a file's.
pub(super) fn check_name(name: &str) -> Result<()> {
    if is_plain(name) {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Invalid,
        format!(
            "a name has 1 to {NAME_BYTES_MAX} letters, digits, '.', '_' or '-', and does not begin \
             with '.'"
        ),
    ))
}

impl Group {
    /// The group of a name of the system's, or of a number.
    pub(crate) fn find(text: &str) -> Result<Self> {
        if !is_plain(text) {
            let text = format!("{text:?} is no group: give its name or its number");
            return Err(Error::new(ErrorKind::Invalid, text));
        }
        let id = match text.parse() {
            Ok(id) => Some(id),
            Err(_) => users::group_id(text).map_err(system("read the groups of this system"))?,
        };
        let id = id.ok_or_else(|| {
            let text = format!("this system has no group {text:?} (`getent group` lists them)");
            Error::new(ErrorKind::Invalid, text)
        })?;
        Ok(Self { text: text.into(), id })
    }

    /// Whether a user may share what the group shares: by being in the group, or as who may do
    /// anything.
    pub(crate) fn admits(&self, user: u32, groups: &[u32]) -> bool {
        const ROOT: u32 = 0;
        user == ROOT || groups.contains(&self.id)
    }

    /// Refuses a process that is not in the group.
    pub(crate) fn check_own(&self) -> Result<()> {
        let groups = users::groups().map_err(system("read the groups of this process"))?;
        let user = peer::user();
        if self.admits(user, &groups) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Os,
            format!(
                "it is shared by {self}, and this process, of user {user} with the groups \
                 {groups:?}, is not in that: add the user to it (`usermod -aG`) and log in anew, \
                 or use a name without a group"
            ),
        ))
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text, id } = self;
        if text.parse() == Ok(*id) {
            write!(f, "group {id}")
        } else {
            write!(f, "group {text} ({id})")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_name_and_perhaps_a_group() {
        let own = Address::parse("orders.EU").unwrap();
        assert_eq!((own.name.as_str(), own.group.as_ref()), ("orders.EU", None));
        assert_eq!(own.to_string(), "shm://orders.EU");
        for (text, id) in [("orders?group=root", 0), ("orders?group=4242", 4_242)] {
            let address = Address::parse(text).unwrap();
            assert_eq!((address.name.as_str(), address.group.as_ref().unwrap().id), ("orders", id));
            assert_eq!(address.to_string(), format!("shm://{text}"));
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        let long = "x".repeat(64);
        for (text, kind, part) in [
            ("", ErrorKind::Invalid, "1 to 63"),
            (".hidden", ErrorKind::Invalid, "does not begin"),
            (&long, ErrorKind::Invalid, "1 to 63"),
            ("a?mode=0660", ErrorKind::Invalid, "?group=GROUP"),
            ("a?group=", ErrorKind::Invalid, "its name or its number"),
            ("a?group=../b", ErrorKind::Invalid, "its name or its number"),
            ("?group=0", ErrorKind::Invalid, "1 to 63"),
            ("a?group=no-such-group-here", ErrorKind::Invalid, "getent group"),
            ("a?group=4294967296", ErrorKind::Invalid, "no group"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert_eq!(error.kind(), kind, "{text}");
            assert!(error.to_string().contains(part), "{text}: {error}");
        }
    }
}
