//! `cargo xtask headers`: writes `include/neo.h` from the exports of neo-ffi, or checks that it is
//! what would be written.

use std::path::PathBuf;

use crate::unsafe_sites::read;
use crate::{Failure, workspace};

/// The modules that the header is made from, in its order.
const MODULES: &[&str] = &[
    "status",
    "error",
    "message",
    "config",
    "kernel",
    "counters",
    "publish",
    "loan",
    "room",
    "subscribe",
    "service",
    "request",
    "call",
    "poller",
    "capsule",
    "debug",
];

pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let path = path();
    let text = generate()?;
    match arguments {
        [] => {
            std::fs::write(&path, &text)
                .map_err(|error| format!("cannot write {}: {error}", workspace::shown(&path)))?;
            println!("{}: {} lines", workspace::shown(&path), text.lines().count());
            Ok(())
        }
        [word] if word == "--check" => check(&text),
        _ => Err("the only argument is `--check`".to_owned()),
    }
}

/// Fails if the header in the repository is not what the sources say.
pub(crate) fn check(text: &str) -> Result<(), Failure> {
    let committed = read(&path())?;
    let differ = |(_, (old, new)): &(usize, (&str, &str))| old != new;
    match committed.lines().zip(text.lines()).enumerate().find(differ) {
        None if committed == text => Ok(()),
        None => Err(format!("{SHOWN} has another length: run `cargo xtask headers`")),
        Some((line, (old, new))) => Err(format!(
            "{SHOWN}:{}: has `{old}`, the sources say `{new}`: run `cargo xtask headers`",
            line + 1
        )),
    }
}

const SHOWN: &str = "include/neo.h";

fn path() -> PathBuf {
    workspace::root().join(SHOWN)
}

/// The whole header.
pub(crate) fn generate() -> Result<String, Failure> {
    let folder = workspace::root().join("neo-ffi");
    let mut builder = cbindgen::Builder::new().with_config(
        cbindgen::Config::from_file(folder.join("cbindgen.toml"))
            .map_err(|error| format!("neo-ffi/cbindgen.toml: {error}"))?,
    );
    for module in MODULES {
        builder = builder.with_src(folder.join(format!("src/capi/{module}.rs")));
    }
    let bindings = builder.generate().map_err(|error| format!("cbindgen: {error}"))?;
    let mut declarations = Vec::new();
    bindings.write(&mut declarations);
    let declarations = String::from_utf8(declarations).map_err(|error| error.to_string())?;
    let names = read(&folder.join("abi/api.txt"))?;
    let head = read(&folder.join("header/head.h"))?;
    let tail = read(&folder.join("header/tail.h"))?;
    let table = table(&declarations, &names)?;
    Ok(format!("{head}{}\n\n{table}\n{tail}", declarations.trim()))
}

/// The table of functions, spelled out: each declaration becomes a pointer, in the order of `names`.
fn table(declarations: &str, names: &str) -> Result<String, Failure> {
    let mut table = String::from(
        "/**\n * The functions of a library image, for programs that find no exported symbols; each \
         is called\n * as it is here without `neo_`. Check `struct_size` before using those that \
         a later version added.\n */\nstruct neo_api_t {\n    /** Bytes of this struct. */\n    \
         uint32_t struct_size;\n    /** As neo_abi_version says. */\n    uint32_t abi;\n",
    );
    for name in names.lines() {
        let short = name.strip_prefix("neo_").unwrap_or(name);
        let (result, parameters) = signature(declarations, name)
            .ok_or_else(|| format!("abi/api.txt names `{name}`, which is no export"))?;
        let star = if result.ends_with('*') { "" } else { " " };
        table.push_str(&wrapped(&format!("    {result}{star}(*{short})({parameters});")));
    }
    table.push_str("};\n");
    Ok(table)
}

/// A declaration, broken behind commas where it is longer than a line of the header.
fn wrapped(declaration: &str) -> String {
    const COLUMNS: usize = 100;
    let mut lines = String::new();
    let mut line = String::new();
    for part in declaration.split_inclusive(", ") {
        if line.len() + part.trim_end().len() > COLUMNS {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = " ".repeat(8);
        }
        line.push_str(part);
    }
    lines + &line + "\n"
}

/// The result and the parameters, on one line each, of a declared function.
fn signature(declarations: &str, name: &str) -> Option<(String, String)> {
    let call = format!("{name}(");
    declarations.match_indices(&call).find_map(|(at, _)| {
        // In a comment, no NEO_API stands before the result.
        let (_, result) = declarations[..at].rsplit_once("NEO_API")?;
        if !result.ends_with([' ', '*']) || result.contains(['(', ';']) {
            return None;
        }
        let (parameters, _) = declarations[at + call.len()..].split_once(");")?;
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        Some((words(result), words(parameters)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_in_the_repository_is_what_the_sources_say() {
        check(&generate().unwrap()).unwrap();
    }

    #[test]
    fn a_header_that_drifted_is_noticed_with_its_line() {
        let text = generate().unwrap().replacen("#define NEO_H", "#define NEO_HH", 1);
        let failure = check(&text).expect_err("it differs");
        assert!(failure.contains("`#define NEO_H`"), "{failure}");
        assert!(check("").is_err());
    }

    #[test]
    fn what_the_parity_list_names_in_c_is_in_the_header() {
        let header = read(&path()).unwrap();
        let list = read(&workspace::root().join("bindings/conformance/parity.toml")).unwrap();
        let names = list.lines().filter_map(|line| line.strip_prefix("c = \"")?.strip_suffix('"'));
        let mut count = 0;
        for name in names {
            let is_there = match name.split_once('.') {
                None => header.contains(&format!("{name}(")),
                Some((of, field)) => {
                    let (before, _) = header.split_once(&format!("}} {of};")).unwrap_or_default();
                    let fields = before.rsplit("typedef struct {").next().unwrap_or_default();
                    fields.contains(&format!(" {field};")) || fields.contains(&format!("*{field};"))
                }
            };
            assert!(is_there, "{name}");
            count += 1;
        }
        assert!(count > 50, "{count} names");
    }

    #[test]
    fn a_declaration_becomes_a_pointer() {
        let declarations = "NEO_API\nvoid neo_x(void);\n/** As neo_a(b). */\nNEO_API void neo_a(int b,\n\
                            int c);\nNEO_API const char *neo_text(void);\n";
        let table = table(declarations, "neo_text\nneo_a").unwrap();
        assert!(table.contains("    const char *(*text)(void);\n    void (*a)(int b, int c);\n"));
        assert!(super::table(declarations, "neo_missing").is_err());
    }
}
