"""Thousands of connections to an echo service, each with a small exchange at a steady pace, until SIGTERM.

Arguments: host, port, connections, seconds between two exchanges of a connection, and the file of the results. A connection that
breaks, or whose exchange is unanswered when the next is due, is opened anew and has an exchange at once.

When all connections have had their first answer, `ready` is printed. At the end the results are written, a line for each exchange:
connection, when it was sent (ms since 1970), and how long its answer took (ms), or `lost`.
"""

import errno
import heapq
import resource
import select
import signal
import socket
import sys
import time

SIZE = 64
# Opening them all at once would measure the backlog of the listener.
OPENED_A_SECOND = 250
# A connection that is refused at once is tried again after this.
RETRY_SECONDS = 0.5


class Connections(object):
    def __init__(self, address, count, interval):
        self.address, self.count, self.interval = address, count, interval
        self.epoll = select.epoll()
        self.sockets = [None] * count
        self.received = [0] * count
        # When the exchange that is under way was sent, by the monotonic clock; None when none is.
        self.sent = [None] * count
        self.results = []
        self.numbers = {}
        self.unanswered = set(range(count))
        begin = time.monotonic()
        self.offset = time.time() - begin
        # When each connection is next to be looked at. The heap may hold former times of it too, which no longer count.
        self.next = [begin + float(index) / OPENED_A_SECOND for index in range(count)]
        self.due = [(when, index) for index, when in enumerate(self.next)]

    def run(self, stopped):
        ready = False
        while not stopped():
            now = time.monotonic()
            while self.due[0][0] <= now:
                when, index = heapq.heappop(self.due)
                if when == self.next[index]:
                    self.turn(index, when, now)
            for number, events in self.epoll.poll(min(max(self.due[0][0] - now, 0.001), 0.5)):
                self.event(number, events)
            if not ready and not self.unanswered:
                ready = True
                print("ready", flush=True)

    def schedule(self, index, when):
        self.next[index] = when
        heapq.heappush(self.due, (when, index))

    def turn(self, index, when, now):
        # The pace is kept: what was late isn't later for ever.
        self.schedule(index, max(when + self.interval, now))
        if self.sent[index] is not None or self.sockets[index] is None:
            # Unanswered, or without a connection: lost, or to be opened.
            self.lose(index)
            self.open(index)
        else:
            self.send(index, now)

    def open(self, index):
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = connection.fileno()
        self.sockets[index], self.numbers[number], self.received[index] = connection, index, 0
        # An exchange begins with the connection that it needs.
        self.sent[index] = time.monotonic()
        error = connection.connect_ex(self.address)
        self.epoll.register(number, select.EPOLLOUT)
        if error not in (0, errno.EINPROGRESS):
            self.broken(index)

    def send(self, index, now):
        self.sent[index], self.received[index] = now, 0
        try:
            if self.sockets[index].send(b"x" * SIZE) != SIZE:
                self.broken(index)
        except OSError:
            self.broken(index)

    def event(self, number, events):
        index = self.numbers.get(number)
        if index is None:
            return
        if events & select.EPOLLOUT:
            if self.sockets[index].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.broken(index)
                return
            self.epoll.modify(number, select.EPOLLIN)
            self.send(index, self.sent[index])
        elif events:
            self.receive(index)

    def receive(self, index):
        try:
            data = self.sockets[index].recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.broken(index)
            return
        self.received[index] += len(data)
        if self.received[index] >= SIZE and self.sent[index] is not None:
            took = time.monotonic() - self.sent[index]
            self.results.append((index, self.sent[index], took))
            self.sent[index] = None
            self.unanswered.discard(index)

    def lose(self, index):
        if self.sent[index] is not None:
            self.results.append((index, self.sent[index], None))
            self.sent[index] = None
        if self.sockets[index] is not None:
            number = self.sockets[index].fileno()
            self.epoll.unregister(number)
            del self.numbers[number]
            self.sockets[index].close()
            self.sockets[index] = None

    def broken(self, index):
        """Ends a connection at once, and has another opened soon, before its turn."""
        self.lose(index)
        self.schedule(index, time.monotonic() + RETRY_SECONDS)

    def write(self, path):
        with open(path, "w") as file:
            for index, sent, took in self.results:
                said = "lost" if took is None else "%.1f" % (took * 1000)
                file.write("%d %.0f %s\n" % (index, (sent + self.offset) * 1000, said))


def main():
    host, port, count, interval, path = sys.argv[1:6]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ended = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.append(1))
    connections = Connections((host, int(port)), int(count), float(interval))
    connections.run(lambda: ended)
    connections.write(path)


if __name__ == "__main__":
    main()
