"""A client that knows no more of the API than its address: it finds services, messages and fields by
reflection, without generated code. Prints what it saw as one JSON object.

reflection_client.py PHASE TARGET CA_FILE TOKEN_FILE KEY_FILE SEED
"""

import hashlib
import hmac
import json
import struct
import sys
import time

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

ENVELOPE = "rpc_status.proto"


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Api:
    """Methods by name, as reflection tells of them."""

    def __init__(self, channel, bearer):
        self.channel = channel
        self.bearer = bearer
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self.pool = descriptor_pool.DescriptorPool(self.database)
        self.services = sorted(self.database.get_services())

    def find(self, name):
        """The one method of that name in a package of the product."""
        found = []
        for service in self.services:
            if service.startswith("symbolon."):
                for method in self.pool.FindServiceByName(service).methods:
                    if method.name == name:
                        found.append(method)
        (method,) = found
        return method

    def call(self, method, fields, timeout):
        question = message_factory.GetMessageClass(method.input_type)(**fields)
        answer = message_factory.GetMessageClass(method.output_type)
        stub = self.channel.unary_unary(
            f"/{method.containing_service.full_name}/{method.name}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=answer.FromString,
        )
        metadata = [("authorization", f"Bearer {self.bearer}")] if self.bearer else []
        return stub(question, timeout=timeout, metadata=metadata)

    def health(self):
        check = self.pool.FindServiceByName("grpc.health.v1.Health").methods_by_name["Check"]
        told = {}
        for service in ["", "quorum", "writes"]:
            answer = self.call(check, {"service": service}, 10)
            status = answer.DESCRIPTOR.fields_by_name["status"].enum_type
            told[service] = status.values_by_number[answer.status].name
        return told


def totp(seed):
    """RFC 6238 with SHA-1, six digits and 30 s."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    mac = hmac.new(seed, counter, hashlib.sha1).digest()
    at = mac[-1] & 0x0F
    number = struct.unpack(">I", mac[at : at + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**6:06}"


def enum_name(message, field):
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return values[getattr(message, field)].name


def rpc_types():
    """google.rpc.Status and google.rpc.RetryInfo, which are part of no package that is here."""
    file = descriptor_pb2.FileDescriptorProto(
        name=ENVELOPE,
        package="google.rpc",
        syntax="proto3",
        dependency=["google/protobuf/any.proto", "google/protobuf/duration.proto"],
    )
    kinds = descriptor_pb2.FieldDescriptorProto
    status = file.message_type.add(name="Status")
    status.field.add(name="code", number=1, type=kinds.TYPE_INT32, label=kinds.LABEL_OPTIONAL)
    status.field.add(name="message", number=2, type=kinds.TYPE_STRING, label=kinds.LABEL_OPTIONAL)
    status.field.add(
        name="details",
        number=3,
        type=kinds.TYPE_MESSAGE,
        type_name=".google.protobuf.Any",
        label=kinds.LABEL_REPEATED,
    )
    retry = file.message_type.add(name="RetryInfo")
    retry.field.add(
        name="retry_delay",
        number=1,
        type=kinds.TYPE_MESSAGE,
        type_name=".google.protobuf.Duration",
        label=kinds.LABEL_OPTIONAL,
    )
    pool = descriptor_pool.DescriptorPool()
    for known in [any_pb2, duration_pb2]:
        pool.AddSerializedFile(known.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    find = lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))
    return find("google.rpc.Status"), find("google.rpc.RetryInfo")


def refusal(error, seconds):
    told = {
        "code": error.code().name,
        "message": error.details(),
        "seconds": seconds,
        "status_code": None,
        "retry_seconds": None,
    }
    status_type, retry_type = rpc_types()
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_type.FromString(value)
            told["status_code"] = status.code
            for detail in status.details:
                if detail.type_url.endswith("/google.rpc.RetryInfo"):
                    delay = retry_type.FromString(detail.value).retry_delay
                    told["retry_seconds"] = delay.seconds + delay.nanos / 1e9
    return told


def verification(api, key, seed):
    application = Api(api.channel, key)
    method = application.find("Verify")
    answer = application.call(method, {"username": "alice", "code": totp(seed)}, 10)
    return {
        "method": method.full_name,
        "decision": enum_name(answer, "decision"),
        "node": answer.node,
        "log_index": answer.log_index,
        "request_id_bytes": len(answer.request_id),
    }


def write(api):
    start = time.monotonic()
    try:
        answer = api.call(api.find("CreateUser"), {"username": "carol"}, 30)
    except grpc.RpcError as error:
        return refusal(error, time.monotonic() - start)
    return {"code": "OK", "username": answer.user.username}


def main():
    phase, target, ca, token, key, seed = sys.argv[1:]
    credentials = grpc.ssl_channel_credentials(root_certificates=read(ca))
    with grpc.secure_channel(target, credentials) as channel:
        api = Api(channel, read(token).decode().strip())
        told = {"services": api.services, "health": api.health()}
        if phase == "verify":
            told["verification"] = verification(api, read(key).decode().strip(), bytes.fromhex(seed))
        if phase == "write":
            told["write"] = write(api)
        print(json.dumps(told))


main()
