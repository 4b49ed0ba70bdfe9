"""A service for drills and benches: answers with what it is sent. Arguments: address and port to listen on.

One thread for all connections, because there may be thousands.
"""

import resource
import select
import socket
import sys

# More waiting connections than come while an emulated processor stalls.
BACKLOG = 4096
CHUNK = 65536


def serve(address, port):
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(BACKLOG)
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener.fileno(), select.EPOLLIN)
    sockets, unsent = {}, {}

    def close(number):
        epoll.unregister(number)
        unsent.pop(number, None)
        sockets.pop(number).close()

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sockets[connection.fileno()] = connection
            epoll.register(connection.fileno(), select.EPOLLIN)

    def answer(number):
        connection = sockets[number]
        waits = number in unsent
        data = unsent.pop(number, b"") or connection.recv(CHUNK)
        if not data:
            close(number)
            return
        try:
            sent = connection.send(data)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            unsent[number] = data[sent:]
        # Nothing more is read before what was read is sent: a client that doesn't listen is held up, and costs no memory.
        if waits or number in unsent:
            epoll.modify(number, select.EPOLLOUT if number in unsent else select.EPOLLIN)

    while True:
        for number, _ in epoll.poll():
            if number == listener.fileno():
                accept()
                continue
            try:
                answer(number)
            except BlockingIOError:
                pass
            except OSError:
                close(number)


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    serve(sys.argv[1], int(sys.argv[2]))
