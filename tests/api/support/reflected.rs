//! What a server says about itself by reflection.

use prost::Message as _;
use prost_types::FileDescriptorProto;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::wire::{Wire, framed};

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Every method of every service, as it stands in the path of a call.
pub(crate) async fn methods(wire: &Wire) -> Vec<String> {
    let listed = ask(wire, MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(listed) = listed else {
        panic!("no list of services");
    };
    let mut methods = Vec::new();
    for service in listed.service.into_iter().map(|service| service.name) {
        let found = ask(wire, MessageRequest::FileContainingSymbol(service.clone())).await;
        let MessageResponse::FileDescriptorResponse(files) = found else {
            panic!("no description of {service}");
        };
        for file in files.file_descriptor_proto {
            let file = FileDescriptorProto::decode(&*file).unwrap();
            methods.extend(of(&file, &service));
        }
    }
    methods.sort();
    methods.dedup();
    methods
}

fn of(file: &FileDescriptorProto, service: &str) -> Vec<String> {
    let package = file.package();
    let services = file.service.iter();
    services
        .filter(|row| format!("{package}.{}", row.name()) == service)
        .flat_map(|row| &row.method)
        .map(|row| format!("/{service}/{}", row.name()))
        .collect()
}

async fn ask(wire: &Wire, question: MessageRequest) -> MessageResponse {
    let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
    let reply = wire.send(REFLECTION, framed(&question.encode_to_vec()));
    let reply = reply.await.unwrap();
    let answer = ServerReflectionResponse::decode(reply.body.slice(5..)).unwrap();
    answer.message_response.unwrap()
}
