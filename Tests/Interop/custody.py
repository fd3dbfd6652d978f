#!/usr/bin/env python3
"""Reads what Sotto keeps, from the formats' description alone and with another cryptographic library (PyPI cryptography).

    custody.py audit FOLDER VERIFIER-KEY                         re-hashes the log, checks every signature; prints the head
    custody.py body ROOT-KEY STATE-FOLDER BODY-FILE              opens the key chain and the body; prints its content

STATE-FOLDER holds `service` (tenant keys) and `keys` (branch keys). Exit status 0 only when all of it is authentic.
"""
import base64, hashlib, json, os, struct, sys
from cryptography.hazmat.primitives import cmac, hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand


def fields(path, title):
    lines = open(path).read().split("\n")
    assert lines[0] == title and lines[-1] == "", path
    return dict(line.split(" ", 1) for line in lines[1:-1])


def zeroed(*parts):
    return b"".join(part.encode() + b"\0" for part in parts)


def xaes_open(key, sealed, associated):
    nonce, body = sealed[:24], sealed[24:]
    def derive(counter):
        mac = cmac.CMAC(algorithms.AES(key))
        mac.update(bytes([0, counter, 0x58, 0]) + nonce[:12])
        return mac.finalize()
    return AESGCM(derive(1) + derive(2)).decrypt(nonce[12:], body, associated)


def cobblestone_open(key, message, context):
    salt, commitment, body = message[:24], message[24:56], message[56:]
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + salt + context
    derived = HKDFExpand(hashes.SHA512(), 76, info).derive(key)
    assert derived[44:] == commitment, "commitment"
    plaintext, number = b"", 0
    while True:
        chunk = body[number * 16400:(number + 1) * 16400]
        nonce = (int.from_bytes(derived[32:44], "big") ^ number).to_bytes(12, "big")
        plaintext += AESGCM(derived[:32]).decrypt(nonce, chunk, None)
        if len(chunk) < 16400:
            return plaintext
        number += 1


def call_key(root, state, path):
    call = fields(path, "sotto-call-key v1")
    name = f"{call['tenant']}.{call['class']}"
    tenant = fields(f"{state}/service/{name}", "sotto-tenant-key v1")
    tenant_key = xaes_open(root, base64.b64decode(tenant["wrap"]), b"sotto local tenant key v1\0" + name.encode())
    branch = fields(f"{state}/keys/{call['tenant']}/{call['class']}.{call['branch']}", "sotto-wrapped-key v1")
    payload = xaes_open(tenant_key, base64.b64decode(branch["wrap"]), b"sotto local payload v1\0" + name.encode())
    context = zeroed("sotto key context v1", name, "branch", call["branch"])
    assert payload[:32] == hashlib.sha256(context).digest(), "context"
    bound = zeroed("sotto call key v1", call["tenant"], call["call"], call["class"], call["branch"], call["recipient"])
    return xaes_open(payload[32:], base64.b64decode(call["wrap"]), bound)


def body(root_path, state, path):
    data = open(path, "rb").read()
    size = struct.unpack(">I", data[:4])[0]
    header, place = data[4:4 + size], 4 + size
    named = dict(line.split(" ", 1) for line in header.decode().split("\n")[1:-1])
    key = call_key(open(root_path, "rb").read(), state, os.path.dirname(path) + f"/{named['class']}.keys")
    previous, number = bytes(32), 0
    while place < len(data):
        length = struct.unpack(">I", data[place:place + 4])[0]
        message = data[place + 4:place + 4 + length]
        context = b"sotto segment v1\0" + struct.pack(">I", size) + header + struct.pack(">Q", number) + previous
        content = cobblestone_open(key, message, context)
        if content[0] == 2:
            print(content[1:].decode())
        elif content[0] == 1:
            at = 1
            while at < len(content):
                position, duration, flags, count = struct.unpack(">qHBH", content[at:at + 13])
                print(f"{position} {duration} {flags} {content[at + 13:at + 13 + count].hex()}")
                at += 13 + count
        else:
            count, lost = struct.unpack(">QQ", content[1:17])
            assert count == number and place + 4 + length == len(data), "index"
            print(f"closed {count} {lost}")
        previous, number, place = message[24:56], number + 1, place + 4 + length


def root_of(leaves):
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def audit(folder, vkey):
    name, key_hash, key = vkey.split("+", 2)
    key = base64.b64decode(key)
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_hash
    text, signatures = open(folder + "/checkpoint").read().rsplit("\n\n", 1)
    text += "\n"
    origin, size, root = text.split("\n")[:3]
    line = next(line for line in signatures.split("\n") if line.startswith(f"\u2014 {name} "))
    blob = base64.b64decode(line.split(" ")[2])
    assert origin == name and blob[:4].hex() == key_hash
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
    leaves, number, previous = [], 0, bytes(32)
    while len(leaves) < int(size):
        digits = f"{number:03d}" if number < 1000 else f"x{number // 1000:03d}/{number % 1000:03d}"
        path = f"{folder}/tile/entries/{digits}"
        rest = int(size) - len(leaves)
        data = open(path if rest >= 256 else f"{path}.p/{rest}", "rb").read()
        while data:
            count = struct.unpack(">H", data[:2])[0]
            entry, data = data[2:2 + count], data[2 + count:]
            parsed = json.loads(entry)
            assert parsed["sequence"] == len(leaves) and base64.b64decode(parsed["previous"]) == previous
            previous = hashlib.sha256(b"\0" + entry).digest()
            leaves.append(previous)
        number += 1
    assert len(leaves) == int(size) and base64.b64encode(root_of(leaves)).decode() == root, "root"
    print(f"{size}:{root}")


if __name__ == "__main__":
    {"audit": audit, "body": body}[sys.argv[1]](*sys.argv[2:])
