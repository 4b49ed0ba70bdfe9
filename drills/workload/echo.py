"""A service for drills: answers each line with itself. Arguments: address and port to listen on."""

import socketserver
import sys


class Echo(socketserver.StreamRequestHandler):
    timeout = 30

    def handle(self):
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    # Drills open tens of connections a second, and a host that stalls for a moment must not refuse them.
    request_queue_size = 128


if __name__ == "__main__":
    Server((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
