//! Golden lists of the ABI: exported names, and where each field of each struct stands.

use std::path::Path;
use std::process::Command;

use super::quiet;
use crate::unsafe_sites::read;
use crate::{Failure, workspace};

/// The names that a shared library exports are those of `abi/symbols.txt`; what only tests call has
/// two underscores.
pub(crate) fn symbols(library: &Path) -> Result<(), Failure> {
    let output = Command::new("nm").args(["-D", "--defined-only"]).arg(library).output();
    let output = output.map_err(|error| format!("cannot run `nm`: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next_back())
        .filter(|name| !name.starts_with("neo__test_"))
        .collect();
    found.sort_unstable();
    let listed = read(&workspace::root().join("neo-ffi/abi/symbols.txt"))?;
    compare("neo-ffi/abi/symbols.txt", &listed, &found.join("\n"))
}

/// Sizes and offsets, as the C compiler has them, are those of `abi/layout.txt`.
pub(super) fn layout(folder: &Path) -> Result<(), Failure> {
    let header = read(&workspace::root().join("include/neo.h"))?;
    let source = folder.join("layout.c");
    let program = folder.join("layout");
    std::fs::write(&source, program_for(&header)).map_err(|error| error.to_string())?;
    let mut compile = Command::new("gcc");
    compile.args(["-std=c11", "-Wall", "-Werror", "-I", "include", "-o"]).arg(&program);
    quiet({
        compile.arg(&source);
        compile
    })?;
    let output = Command::new(&program).output().map_err(|error| error.to_string())?;
    let listed = read(&workspace::root().join("neo-ffi/abi/layout.txt"))?;
    compare("neo-ffi/abi/layout.txt", &listed, &String::from_utf8_lossy(&output.stdout))
}

/// A program that prints the size of each struct and the offset and size of each field.
fn program_for(header: &str) -> String {
    let mut program = String::from("#include \"neo.h\"\n#include <stdio.h>\nint main(void)\n{\n");
    for (name, fields) in structs(header) {
        program += &format!("    printf(\"{name} %zu\\n\", sizeof({name}));\n");
        for field in fields {
            program += &format!(
                "    printf(\"{name}.{field} %zu %zu\\n\", offsetof({name}, {field}), \
                 sizeof((({name} *)0)->{field}));\n"
            );
        }
    }
    program + "    return 0;\n}\n"
}

/// The structs that the header defines, and their fields.
fn structs(header: &str) -> Vec<(String, Vec<String>)> {
    let mut structs = Vec::new();
    let mut fields: Option<Vec<String>> = None;
    for line in header.lines() {
        if line == "typedef struct {" {
            fields = Some(Vec::new());
        } else if let Some(name) = line.strip_prefix("} ").and_then(|rest| rest.strip_suffix(';')) {
            structs.extend(fields.take().map(|fields| (name.to_owned(), fields)));
        } else if let Some(fields) = &mut fields
            && let Some(field) = line.strip_suffix(';')
        {
            let name = field.rsplit([' ', '*']).next().unwrap_or_default();
            fields.push(name.split('[').next().unwrap_or_default().to_owned());
        }
    }
    structs
}

fn compare(file: &str, listed: &str, found: &str) -> Result<(), Failure> {
    let lacking = |from: &str, of: &str| {
        let of: Vec<&str> = of.lines().collect();
        from.lines().filter(|line| !of.contains(line)).map(str::to_owned).collect::<Vec<_>>()
    };
    let (gone, new) = (lacking(listed, found), lacking(found, listed));
    if gone.is_empty() && new.is_empty() && listed.trim() == found.trim() {
        return Ok(());
    }
    Err(format!("{file} and the library differ: only listed {gone:?}, only found {new:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structs_and_their_fields_are_read_from_a_header() {
        let header = "typedef struct {\n    /** A. */\n    uint32_t a;\n    char text[8];\n    \
                      const x_t *b;\n} x_t;\ntypedef struct y_t y_t;\n";
        assert_eq!(
            structs(header),
            [("x_t".to_owned(), vec!["a".to_owned(), "text".to_owned(), "b".to_owned()])]
        );
    }

    #[test]
    fn what_differs_from_a_list_is_named() {
        assert!(compare("f", "a\nb\n", "a\nb").is_ok());
        let failure = compare("f", "a\nb\n", "b\nc").expect_err("they differ");
        assert!(failure.contains("[\"a\"]") && failure.contains("[\"c\"]"), "{failure}");
    }
}
