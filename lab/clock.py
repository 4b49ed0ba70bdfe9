"""Asks a time server (argument 1) how far this clock is from its; argument 2 is `measure` or `step`.

Prints the offset in milliseconds, positive when this clock is behind, before it was stepped.
"""

import socket
import struct
import sys
import time

NTP_EPOCH = 2208988800  # seconds from 1900, where NTP counts from, to 1970
CLIENT_REQUEST = b"\x23" + 47 * b"\0"  # version 4, mode 3 (RFC 5905)


def timestamp(packet, offset):
    seconds, fraction = struct.unpack_from("!II", packet, offset)
    return seconds - NTP_EPOCH + fraction / 2**32


def ask(server):
    """One question: (round trip, offset) in seconds, or None when no answer came."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.connect((server, 123))
        sent = time.time()
        try:
            sock.send(CLIENT_REQUEST)
            packet = sock.recv(512)
        except OSError:
            return None
        received = time.time()
    arrived, answered = timestamp(packet, 32), timestamp(packet, 40)
    return (received - sent) - (answered - arrived), ((arrived - sent) + (answered - received)) / 2


def main():
    server, mode = sys.argv[1:3]
    answers = [answer for answer in (ask(server) for _ in range(6)) if answer]
    if not answers:
        sys.exit("%s does not answer questions about the time" % server)
    # The quickest answer is the one that the network distorted least.
    offset = min(answers)[1]
    if mode == "step":
        time.clock_settime(time.CLOCK_REALTIME, time.time() + offset)
    print("%.3f" % (offset * 1000))


main()
