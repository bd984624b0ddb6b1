//! `docs/rights.md` and the comments of the .proto files say who may call what as the one table in the
//! core has it. The list in the document is written by `SYMBOLON_WRITE_DOCS=1 cargo nextest run -p
//! symbolon-proto --test rights_document`, and by hand never.
#![expect(clippy::disallowed_methods, reason = "reads a document, and writes it when asked to")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::FileDescriptorSet;
use symbolon_core::{Operation, Right};
use symbolon_proto::v1;

const BEGIN: &str = "<!-- generated: begin -->";
const END: &str = "<!-- generated: end -->";
/// Numbers of the fields of descriptors, by which places in a file are named.
const SERVICES: i32 = 6;
const METHODS: i32 = 2;

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/rights.md")
}

/// The section of the document that is not written by hand.
fn section() -> String {
    let mut text = String::from("\n| method |");
    for right in Right::ALL {
        let _ = write!(text, " `{}` |", right.name());
    }
    text.push_str("\n| --- | --- | --- | --- | --- | --- |\n");
    for operation in Operation::ALL {
        let _ = write!(text, "| `{}` |", operation.name());
        for right in Right::ALL {
            text.push_str(if operation.rights().has(right) { " yes |" } else { " |" });
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_document_has_the_table_as_it_is() {
    let text = std::fs::read_to_string(document()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let expected = section();
    if std::env::var("SYMBOLON_WRITE_DOCS").is_ok_and(|value| value == "1") {
        std::fs::write(document(), format!("{before}{BEGIN}\n{expected}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        found.trim(),
        expected.trim(),
        "docs/rights.md is of another release than the table; write it anew with \
         `SYMBOLON_WRITE_DOCS=1 cargo nextest run -p symbolon-proto --test rights_document`"
    );
}

#[test]
fn every_method_names_the_rights_that_the_table_gives_it() {
    let set = FileDescriptorSet::decode(v1::DESCRIPTORS).unwrap();
    let mut written = BTreeMap::new();
    for file in set.file.iter().filter(|file| file.package() == "symbolon.v1") {
        for (service, at) in file.service.iter().zip(0..) {
            for (method, number) in service.method.iter().zip(0..) {
                let path = [SERVICES, at, METHODS, number];
                let locations = &file.source_code_info.as_ref().unwrap().location;
                let place = locations.iter().find(|place| place.path == path).unwrap();
                let line = place.leading_comments().lines().find_map(|line| {
                    line.trim().strip_prefix("Right: ").and_then(|line| line.strip_suffix('.'))
                });
                let name = format!("{}.{}", service.name(), method.name());
                written.insert(name, line.unwrap_or("none").to_owned());
            }
        }
    }
    let all = Operation::ALL.iter();
    let table = all.map(|it| (it.name().to_owned(), it.rights().to_string()));
    assert_eq!(written, table.collect(), "written on the left, the table on the right");
}
