"""The part of PostgreSQL's protocol (version 3) that a client with simple queries needs, over plain TCP or TLS.

A driver isn't among the standard library, and psql can't be asked whether a statement was sent before its connection broke, which
is what separates a write that failed from one whose fate is unknown.
https://www.postgresql.org/docs/15/protocol.html; SCRAM-SHA-256 is RFC 5802 with RFC 7677.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
import time

PROTOCOL_3 = 196608
SSL_REQUEST = 80877103
# What a server may ask a client to compute, before it counts as an attack on the client's processor.
MOST_ITERATIONS = 1000000


class ServerError(Exception):
    """The server refused. A severity other than ERROR ends the connection, and the statement's fate is unknown."""

    def __init__(self, fields):
        self.severity = fields.get("V", "FATAL")
        self.sqlstate = fields.get("C", "")
        Exception.__init__(self, "%s %s: %s" % (self.severity, self.sqlstate, fields.get("M", "")))


class ProtocolError(Exception):
    """The other end doesn't speak the protocol, or isn't who it should be."""


def literal(text):
    """A string constant of SQL. Right only with standard_conforming_strings, which `connect` makes sure of."""
    if "\0" in text:
        raise ValueError("PostgreSQL's text can't hold NUL")
    return "'" + text.replace("'", "''") + "'"


class Scram(object):
    """The client's half of SCRAM-SHA-256, without channel binding. Passwords are ASCII, so SASLprep changes nothing."""

    # Deriving a key takes an emulated processor tens of ms, and a client that reconnects has the same salt again.
    _salted = {}

    def __init__(self, password, nonce=None, name=""):
        self.password = password
        self.nonce = nonce or base64.b64encode(os.urandom(18)).decode()
        # PostgreSQL takes the name from the start of the session and ignores this one.
        self.first_bare = "n=%s,r=%s" % (name, self.nonce)

    def first(self):
        return ("n,," + self.first_bare).encode()

    def _salt(self, salt, iterations):
        key = (self.password, salt, iterations)
        if key not in self._salted:
            self._salted[key] = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, iterations)
        return self._salted[key]

    def final(self, server_first):
        fields = dict(part.split("=", 1) for part in server_first.decode().split(","))
        iterations = int(fields["i"])
        if not fields["r"].startswith(self.nonce) or fields["r"] == self.nonce:
            raise ProtocolError("the server answered another client's SCRAM message")
        if not 4096 <= iterations <= MOST_ITERATIONS:
            raise ProtocolError("the server wants %d iterations of SCRAM" % iterations)
        salted = self._salt(base64.b64decode(fields["s"]), iterations)
        without_proof = "c=biws,r=" + fields["r"]
        message = ",".join([self.first_bare, server_first.decode(), without_proof]).encode()

        def mac(key, data):
            return hmac.new(key, data, hashlib.sha256).digest()

        client_key = mac(salted, b"Client Key")
        signature = mac(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature))
        self.server_signature = mac(mac(salted, b"Server Key"), message)
        return (without_proof + ",p=" + base64.b64encode(proof).decode()).encode()

    def verify(self, server_final):
        fields = dict(part.split("=", 1) for part in server_final.decode().split(","))
        if not hmac.compare_digest(base64.b64decode(fields.get("v", "")), self.server_signature):
            raise ProtocolError("the server doesn't know the password")


class Connection(object):
    """One session. Every call has a deadline of its own; after an error other than ServerError ERROR it is of no more use."""

    def __init__(self, target, timeout):
        """target: host, port, database, user, password, and, for TLS, tls: {"ca": PEM, "name": the server's}."""
        self._deadline = time.monotonic() + timeout
        self._buffer = b""
        self._socket = socket.create_connection((target["host"], target["port"]), timeout=timeout)
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if target.get("tls"):
                self._start_tls(target["tls"])
            self._start(target)
        except BaseException:
            self._socket.close()
            raise

    def _start_tls(self, tls):
        self._socket.sendall(struct.pack("!II", 8, SSL_REQUEST))
        # Exactly one byte: anything more would be plain text that somebody put in front of the handshake.
        if self._socket.recv(1) != b"S":
            raise ProtocolError("the server doesn't offer TLS")
        context = ssl.create_default_context(cadata=tls["ca"])
        self._socket = context.wrap_socket(self._socket, server_hostname=tls["name"])

    def _start(self, target):
        parameters = {
            "user": target["user"],
            "database": target["database"],
            "application_name": "crossborder-drill",
            "client_encoding": "UTF8",
        }
        body = struct.pack("!I", PROTOCOL_3)
        body += b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in sorted(parameters.items())) + b"\0"
        self._send(struct.pack("!I", len(body) + 4) + body)
        scram = Scram(target["password"])
        conforming = verified = False
        while True:
            kind, body = self._message()
            if kind == b"R":
                verified = self._authenticate(scram, body) or verified
            elif kind == b"S":
                name, value = body.split(b"\0")[:2]
                conforming = conforming or (name, value) == (b"standard_conforming_strings", b"on")
            elif kind == b"E":
                raise ServerError(error_fields(body))
            elif kind == b"Z":
                break
        if not verified:
            raise ProtocolError("the server let the client in without SCRAM")
        if not conforming:
            raise ProtocolError("standard_conforming_strings is off")

    def _authenticate(self, scram, body):
        """Answers one message of the authentication; True when it proved that the server knows the password."""
        (method,) = struct.unpack("!I", body[:4])
        if method == 10:
            if b"SCRAM-SHA-256" not in body[4:].split(b"\0"):
                raise ProtocolError("the server doesn't offer SCRAM-SHA-256")
            first = scram.first()
            self._send_message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        elif method == 11:
            self._send_message(b"p", scram.final(body[4:]))
        elif method == 12:
            scram.verify(body[4:])
            return True
        elif method != 0:
            raise ProtocolError("the server wants authentication method %d" % method)
        return False

    def query(self, sql, timeout):
        """Runs one statement in a transaction of its own. Returns (rows, command tag); values are text or None."""
        self._deadline = time.monotonic() + timeout
        self._send_message(b"Q", sql.encode() + b"\0")
        rows, tag, error = [], "", None
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(row_values(body))
            elif kind == b"C":
                tag = body.rstrip(b"\0").decode()
            elif kind == b"E":
                error = ServerError(error_fields(body))
                if error.severity != "ERROR":
                    raise error
            elif kind == b"Z":
                if error:
                    raise error
                return rows, tag

    def close(self):
        self._socket.close()

    def _send_message(self, kind, body):
        self._send(kind + struct.pack("!I", len(body) + 4) + body)

    def _send(self, data):
        self._socket.settimeout(self._remaining())
        self._socket.sendall(data)

    def _message(self):
        header = self._receive(5)
        (length,) = struct.unpack("!I", header[1:])
        return header[:1], self._receive(length - 4)

    def _receive(self, size):
        while len(self._buffer) < size:
            self._socket.settimeout(self._remaining())
            more = self._socket.recv(65536)
            if not more:
                raise ConnectionResetError("closed by the other end")
            self._buffer += more
        taken, self._buffer = self._buffer[:size], self._buffer[size:]
        return taken

    def _remaining(self):
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise socket.timeout("timed out")
        return remaining


def error_fields(body):
    return {part[:1].decode(): part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}


def row_values(body):
    (count,) = struct.unpack("!H", body[:2])
    values, at = [], 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        values.append(None if length < 0 else body[at : at + length].decode())
        at += max(length, 0)
    return values
