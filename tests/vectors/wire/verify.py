#!/usr/bin/env python3
"""A second opinion on the vectors of this folder that shares no code with sagad.

It has its own msgpack reader and writer (after the specification), takes the keys of the fields
from the comments in HEADERS instead of the tables, and computes UUIDs, CRC32C and subjects
itself. XXH3 is not in Python's library: slots and hashes are only checked for being consistent.

Use: verify.py <root of the tree>; exit 0 = everything agrees.
"""
import json
import pathlib
import re
import struct
import sys
import uuid

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[3])
FOLDER = ROOT / "tests" / "vectors" / "wire"
HEADERS = ("message.h", "record.h", "admin.h")  # the first has the kinds


def structs():
    """{struct: {field: (key, C type)}} and {kind: number}, from HEADERS."""
    paths = [ROOT / "wire" / name for name in HEADERS]
    text = "".join(path.read_text() for path in paths if path.exists())
    kinds = {
        re.sub(r"^RECORD_", "", name).lower(): int(number)
        for name, number in re.findall(r"\bWIRE_(\w+) = (\d+),", text[: text.index("---- plans")])
    }
    found = {}
    for name, body in re.findall(r"struct wire_(\w+) \{\n(.*?)\n\};", text, re.S):
        fields, pending = {}, None
        for kind, star, member, key in re.findall(
            r"^\t(struct \w+|\w+) (\*?)(\w+);(?:\s*/\* (\d+)\b)?", body, re.M
        ):
            if key and pending:  # the key stands at the count of the array before it
                fields[pending[0]] = (int(key), pending[1] + "[]")
                pending = None
            elif key:
                fields[member] = (int(key), kind)
            else:
                pending = (member, kind)
        found["wire_" + name] = fields
    return found, kinds


STRUCTS, KINDS = structs()


def pack_uint(value):
    if value < 0x80:
        return bytes([value])
    for first, form, limit in (0xCC, ">B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32), (0xCF, ">Q", 64):
        if value < 1 << limit:
            return bytes([first]) + struct.pack(form, value)
    raise ValueError(value)


def pack_sized(size, fix, fix_max, forms):
    if fix is not None and size <= fix_max:
        return bytes([fix + size])
    for first, form, limit in forms:
        if size < limit:
            return bytes([first]) + struct.pack(form, size)
    raise ValueError(size)


def pack_str(text):
    data = text.encode()
    forms = ((0xD9, ">B", 1 << 8), (0xDA, ">H", 1 << 16), (0xDB, ">I", 1 << 32))
    return pack_sized(len(data), 0xA0, 31, forms) + data


def pack_bin(data):
    forms = ((0xC4, ">B", 1 << 8), (0xC5, ">H", 1 << 16), (0xC6, ">I", 1 << 32))
    return pack_sized(len(data), None, 0, forms) + data


def pack_value(kind, value):
    if kind.endswith("[]"):
        head = pack_sized(len(value), 0x90, 15, ((0xDC, ">H", 1 << 16), (0xDD, ">I", 1 << 32)))
        return head + b"".join(pack_map(kind[7:-2], element) for element in value)
    if kind.startswith("struct wire_"):
        return pack_map(kind[7:], value)
    if kind == "bool":
        return b"\xc3" if value else b"\xc2"
    if kind.startswith("uint"):
        return pack_uint(int(value))
    if kind == "struct uuid":
        return pack_bin(uuid.UUID(value).bytes)
    if kind == "struct hash128":
        return pack_bin(bytes.fromhex(value))
    return pack_bin(bytes.fromhex(value)) if kind == "bin" else pack_str(value)


def is_bin(struct_name, member):
    """Slices are text but for those whose comment says bin; these have none, or an odd one."""
    return member in ("after", "input", "output", "record", "slots")


def pack_map(struct_name, fields, head=()):
    pairs = [(key, pack_uint(value)) for key, value in head]
    for member, value in fields.items():
        key, kind = STRUCTS[struct_name][member]
        if kind == "struct slice":
            kind = "bin" if is_bin(struct_name, member) else "text"
        pairs.append((key, pack_value(kind, value)))
    out = pack_sized(len(pairs), 0x80, 15, ((0xDE, ">H", 1 << 16),))
    return out + b"".join(pack_uint(key) + value for key, value in sorted(pairs))


def pack_message(kind, fields):
    number = KINDS[kind]
    name = ("wire_record_" if number >= 64 else "wire_") + kind
    return pack_map(name, fields, ((0, 1), (1, number)))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


FAULTS = []


def expect(what, left, right):
    if left != right:
        FAULTS.append(f"{what}: {left!r} is not {right!r}")


def load(name):
    return json.loads((FOLDER / name).read_text())


def check_messages():
    for vector in load("messages.json"):
        packed = pack_message(vector["kind"], vector["fields"]).hex()
        expect(vector["name"], packed, vector["hex"])
    for vector in load("by_hand.json"):
        packed = pack_message(vector["kind"], vector["fields"])
        by_hand = bytes.fromhex("".join(line.split(":")[0] for line in vector["bytes"]))
        expect(vector["name"], packed, by_hand)


def check_operations():
    file = load("operations.json")
    space = uuid.UUID(file["namespace"])
    for vector in file["operations"]:
        name = "/".join((vector["saga"], vector["step"], vector["op"]))
        expect(name, str(uuid.uuid5(space, name)), vector["operation"])


def check_shards():
    for vector in load("shards.json"):
        for count, shard in vector["shard_of_count"].items():
            expect(vector["id"], vector["slot"] * int(count) // 4096, shard)


def check_subjects():
    for vector in load("subjects.json"):
        tail = {
            "command": "cmd.{party}",
            "call": "call.{party}",
            "submit": "submit.{party}",
            "admin": "admin.{verb}.{party}",
            "admin_all": "admin.*.*",
            "ops_operation": "ops.op.{party}",
            "ops_shard": "ops.shard.{shard}",
            "shard": "shard.{shard}.{verb}.{party}",
            "shard_all": "shard.{shard}.>",
            "inbox": "inbox.{shard}.{party}",
            "journal": "journal.{shard}.{segment}",
        }.get(vector["function"], vector["function"])
        expect("subject", vector["prefix"] + ".v1." + tail.format(**vector), vector["subject"])


def check_batches():
    previous = None
    for vector in load("batches.json"):
        data, header = bytes.fromhex(vector["hex"]), vector["header"]
        body = b"".join(pack_message(r["kind"], r["fields"]) for r in vector["records"])
        before = previous if header["previous"] == "chain" else header["previous"]
        packed = struct.pack(
            "<4sHHIIQQQQ16s64sIQ", b"SAGB", 1, 144, header["shard"], len(vector["records"]),
            header["epoch"], int(header["nonce"]), header["first_record"], header["shard_time"],
            bytes.fromhex(before), header["cluster"].encode(), len(body), 0)
        crc = crc32c(packed + bytes(4) + body)
        expect(vector["name"], packed + struct.pack("<I", crc) + body, data)
        previous = vector["hash"]


def check_bodies():
    hashes = {}
    for vector in load("bodies.json"):
        submit = {k: v for k, v in vector["submit"].items()
                  if k in ("plan", "input", "deadline_ms", "labels")}
        body = pack_map("wire_submit", submit).hex()
        expect(vector["name"], body, vector["body"])
        expect(vector["name"], hashes.setdefault(body, vector["hash"]), vector["hash"])
    expect("different bodies have different hashes", len(set(hashes.values())), len(hashes))


expect("CRC32C of 123456789 (RFC 3720)", crc32c(b"123456789"), 0xE3069283)
for check in (check_messages, check_operations, check_shards, check_subjects, check_batches,
              check_bodies):
    check()
for fault in FAULTS:
    print(fault, file=sys.stderr)
sys.exit(1 if FAULTS else 0)
