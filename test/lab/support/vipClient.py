"""Asks for the service behind an address by a new connection again and again, until it is killed or its time is over.

    vipClient.py ADDRESS PORT SECONDS INTERVAL

Prints a line of JSON for each request: when it began, how long it took, and who answered; null when nobody did. A request
is tried a second time when the first fails, as a client that reconnects does; one that failed twice has failed.
"""

import json
import socket
import sys
import time

ANSWER_SECONDS = 1


def ask(address, port):
    try:
        connection = socket.create_connection((address, port), ANSWER_SECONDS)
        try:
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(b"?\n")
            return connection.recv(64).decode().split("\n")[0] or None
        finally:
            connection.close()
    except OSError:
        return None


address, port, seconds, interval = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4])
end = time.time() + seconds
while time.time() < end:
    began = time.time()
    answer = ask(address, port) or ask(address, port)
    print(json.dumps({"at": began, "ms": round((time.time() - began) * 1000), "answer": answer}), flush=True)
    time.sleep(interval)
