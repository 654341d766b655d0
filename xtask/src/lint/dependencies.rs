//! Dependencies point down only: a library may use those below it, nothing uses what is above; the
//! bindings use the facade and nothing behind it.

use serde_json::Value;

use super::Findings;
use crate::Failure;
use crate::workspace::{self, LAYERS};

pub(super) fn check() -> Result<Findings, Failure> {
    let metadata = workspace::metadata(&workspace::root().join("Cargo.toml"), false)?;
    let failures = upward(&metadata);
    Ok(Findings { failures, ..Findings::default() })
}

/// The packages of this repository that one may depend on. `None`: any.
fn below(name: &str) -> Option<Vec<&'static str>> {
    if let Some(layer) = LAYERS.iter().position(|layer| *layer == name) {
        return Some(LAYERS[..layer].to_vec());
    }
    match name {
        "neo-ffi" | "neo-cli" => Some(LAYERS.to_vec()),
        "neo-python" | "neo-node" => Some(vec!["neo-ffi"]),
        _ => None,
    }
}

/// Every dependency of a library on a package of this repository that is not below it; those of
/// tests and build scripts count too.
fn upward(metadata: &Value) -> Vec<String> {
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let ours: Vec<&str> = packages().filter_map(|package| package["name"].as_str()).collect();
    let mut found = Vec::new();
    for package in packages() {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(below) = below(name) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let target = dependency["name"].as_str().unwrap_or_default();
            let is_ours = ours.contains(&target) || dependency["path"].is_string();
            // A library's tests may switch on its own features.
            let is_itself = target == name && dependency["kind"] == "dev";
            if is_ours && !is_itself && !below.contains(&target) {
                found.push(format!("{name} depends on {target}, which is not below it"));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace_with(package: &str, dependency: &str) -> Value {
        let names = ["qiss-format", "precursor-broker", "neo-protocol", "neo-tests", "neo-python"];
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let uses = if *name == package { vec![dependency] } else { Vec::new() };
                let uses: Vec<Value> =
                    uses.iter().map(|name| serde_json::json!({ "name": name })).collect();
                serde_json::json!({ "name": name, "dependencies": uses })
            })
            .collect();
        serde_json::json!({ "packages": packages })
    }

    #[test]
    fn dependencies_point_down() {
        let findings = check().expect("cargo metadata");
        assert_eq!(findings.failures, Vec::<String>::new());
    }

    #[test]
    fn all_three_libraries_are_members() {
        let manifest = workspace::root().join("Cargo.toml");
        let metadata = workspace::metadata(&manifest, false).expect("cargo metadata");
        let packages = metadata["packages"].as_array().expect("packages");
        for layer in LAYERS {
            assert!(packages.iter().any(|package| package["name"] == *layer), "{layer}");
        }
    }

    #[test]
    fn a_dependency_that_points_up_or_to_the_tests_is_found() {
        assert_eq!(upward(&workspace_with("qiss-format", "precursor-broker")).len(), 1);
        assert_eq!(upward(&workspace_with("neo-protocol", "neo-tests")).len(), 1);
        assert_eq!(upward(&workspace_with("neo-python", "neo-protocol")).len(), 1, "past rsapi");
        assert!(upward(&workspace_with("precursor-broker", "qiss-format")).is_empty());
        assert!(upward(&workspace_with("neo-tests", "neo-protocol")).is_empty());
        assert!(upward(&workspace_with("qiss-format", "crc32c")).is_empty());
    }
}
