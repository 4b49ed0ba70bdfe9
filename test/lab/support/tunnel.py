"""Asks a proxy's public port for a tunnel, as the peer's proxy does: tunnel.py <address> <port> <certificate and key> <name>."""

import socket
import ssl
import struct
import sys

address, port, own, name = sys.argv[1:]

# The frames of HTTP/2 that are needed (RFC 9113, section 6).
HEADERS, SETTINGS = 1, 4
END_HEADERS = 4
# Statuses of the static table that an answer begins with (RFC 7541, appendix A).
STATUSES = {8: "200", 13: "404"}


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(index: int, value: str) -> bytes:
    """A field that is in no table, with a name of the static table (RFC 7541, section 6.2.2)."""
    return bytes([index, len(value)]) + value.encode()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# Whom it asks doesn't matter here: what counts is what the other end takes from this one.
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_cert_chain(own)
context.set_alpn_protocols(["h2"])

with socket.create_connection((address, int(port)), 10) as plain, context.wrap_socket(plain) as tls:
    request = literal(2, "CONNECT") + literal(1, name)  # :method, :authority
    tls.sendall(
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, request)
    )
    answer = tls.makefile("rb")
    while True:
        length, kind = struct.unpack(">IB", b"\0" + answer.read(4))
        answer.read(5)
        payload = answer.read(length)
        if kind == HEADERS:
            print(STATUSES.get(payload[0] & 0x7F) if payload[0] & 0x80 else payload.hex())
            break
