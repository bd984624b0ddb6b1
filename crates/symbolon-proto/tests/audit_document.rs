//! `docs/audit.md` lists every event with its fields, as `audit.proto` has them. The list is written by
//! `SYMBOLON_WRITE_DOCS=1 cargo nextest run -p symbolon-proto --test audit_document`, and by hand never.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "reads a document, and writes it when asked to"
)]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::source_code_info::Location;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet,
};
use symbolon_proto::v1;

const BEGIN: &str = "<!-- generated: begin -->";
const END: &str = "<!-- generated: end -->";
/// Numbers of the fields of descriptors, by which places in a file are named.
const MESSAGES: i32 = 4;
const ENUMS: i32 = 5;
const MEMBERS: i32 = 2;

/// Messages that several details have in them, or that need a list of their own.
const SHARED: [&str; 10] = [
    "AuditCaller",
    "AuditedUser",
    "AuditedToken",
    "AuditedApplication",
    "AuditedOrigin",
    "AuditedSetting",
    "AuditedList",
    "UserBefore",
    "ApplicationBefore",
    "AdministratorBefore",
];

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/audit.md")
}

struct Described {
    file: FileDescriptorProto,
}

impl Described {
    fn read() -> Self {
        let set = FileDescriptorSet::decode(v1::DESCRIPTORS).unwrap();
        let is_audit = |file: &FileDescriptorProto| file.name().ends_with("v1/audit.proto");
        Self { file: set.file.into_iter().find(is_audit).unwrap() }
    }

    /// The comment before a place, in one line.
    fn comment(&self, path: &[i32]) -> String {
        let locations = &self.file.source_code_info.as_ref().unwrap().location;
        let here = |location: &&Location| location.path == path;
        let comment = locations.iter().find(here).map_or("", |place| place.leading_comments());
        comment.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn message(&self, name: &str) -> (i32, &DescriptorProto) {
        let name = name.rsplit('.').next().unwrap();
        let found = self.file.message_type.iter().zip(0..).find(|(it, _)| it.name() == name);
        found.map(|(message, at)| (at, message)).unwrap()
    }

    fn events(&self) -> (i32, &EnumDescriptorProto) {
        let found = self.file.enum_type.iter().zip(0..).find(|(it, _)| it.name() == "EventType");
        found.map(|(events, at)| (at, events)).unwrap()
    }

    /// Each field of a message in a line.
    fn fields(&self, name: &str) -> String {
        let (at, message) = self.message(name);
        let mut text = String::new();
        for (field, number) in message.field.iter().zip(0..) {
            let comment = self.comment(&[MESSAGES, at, MEMBERS, number]);
            let _ = writeln!(text, "| `{}` | {} | {comment} |", field.name(), kind(field));
        }
        text
    }

    /// The section of `docs/audit.md` that is not written by hand.
    fn section(&self) -> String {
        let mut text =
            String::from("\n## Every event\n\n| field | type | |\n| --- | --- | --- |\n");
        let (_, event) = self.message("AuditEvent");
        let is_common = |field: &&FieldDescriptorProto| field.oneof_index.is_none();
        for field in event.field.iter().filter(is_common) {
            let at = event.field.iter().position(|other| other == field).unwrap();
            let (message, _) = self.message("AuditEvent");
            let comment = self.comment(&[MESSAGES, message, MEMBERS, i32::try_from(at).unwrap()]);
            let _ = writeln!(text, "| `{}` | {} | {comment} |", field.name(), kind(field));
        }
        for shared in SHARED {
            let fields = self.fields(shared);
            let _ =
                write!(text, "\n### {shared}\n\n| field | type | |\n| --- | --- | --- |\n{fields}");
        }
        text.push_str("\n## Types and their details\n");
        let (at, events) = self.events();
        for (value, number) in events.value.iter().zip(0..).skip(1) {
            let comment = self.comment(&[ENUMS, at, MEMBERS, number]);
            let name = value.name();
            let _ = write!(text, "\n### {name}\n\n{comment}\n\n");
            let details = name.to_lowercase();
            let field = event.field.iter().find(|field| field.name() == details);
            let field = field.unwrap_or_else(|| panic!("{name} has no details in AuditEvent"));
            let _ = write!(
                text,
                "| `details.` | type | |\n| --- | --- | --- |\n{}",
                self.fields(field.type_name())
            );
        }
        text
    }
}

fn kind(field: &FieldDescriptorProto) -> String {
    let named = |name: &str| name.rsplit('.').next().unwrap().to_owned();
    let kind = match field.r#type() {
        Type::Message | Type::Enum => named(field.type_name()),
        Type::Sint32 => "number".to_owned(),
        Type::Uint32 | Type::Uint64 => "number".to_owned(),
        Type::Bool => "true or false".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::String => "text".to_owned(),
        other => panic!("{} of an odd type {other:?}", field.name()),
    };
    match field.label() {
        Label::Repeated => format!("list of {kind}"),
        _ if field.proto3_optional() => format!("{kind}, or absent"),
        _ => kind,
    }
}

#[test]
fn the_document_lists_every_event_as_it_is() {
    let text = std::fs::read_to_string(document()).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (section, after) = rest.split_once(END).unwrap();
    let expected = Described::read().section();
    if std::env::var("SYMBOLON_WRITE_DOCS").is_ok_and(|value| value == "1") {
        let text = format!("{before}{BEGIN}{expected}\n{END}{after}");
        std::fs::write(document(), text).unwrap();
        return;
    }
    assert_eq!(
        section.trim(),
        expected.trim(),
        "docs/audit.md is of another release than audit.proto; write it anew with \
         `SYMBOLON_WRITE_DOCS=1 cargo nextest run -p symbolon-proto --test audit_document`"
    );
}

#[test]
fn every_field_of_details_is_a_type_and_every_type_is_told() {
    let described = Described::read();
    let (_, events) = described.events();
    let (_, event) = described.message("AuditEvent");
    let mut details: Vec<_> = event
        .field
        .iter()
        .filter(|field| field.oneof_index.is_some())
        .map(|field| field.name().to_uppercase())
        .collect();
    let mut types: Vec<_> = events.value[1..].iter().map(|value| value.name().to_owned()).collect();
    details.sort();
    types.sort();
    assert_eq!(details, types);
    for (at, value) in (1..).zip(&events.value[1..]) {
        assert!(
            !described.comment(&[ENUMS, described.events().0, MEMBERS, at]).is_empty(),
            "{}",
            value.name()
        );
    }
    // Nothing by which a request or a key could be recognised.
    for message in &described.file.message_type {
        // Those of an event are named by its kind.
        let is_content = |field: &&FieldDescriptorProto| {
            message.name() != "AuditEvent" || field.oneof_index.is_none()
        };
        // A yes or no tells that there is one, and nothing of it.
        let is_yes_or_no = |field: &&FieldDescriptorProto| field.r#type() == Type::Bool;
        for field in message.field.iter().filter(is_content).filter(|it| !is_yes_or_no(it)) {
            let name = field.name();
            for never in ["fingerprint", "pin", "seed", "code", "secret", "key_hash"] {
                assert!(!name.contains(never), "{}.{name}", message.name());
            }
        }
    }
}
