"""Thousands of connections to an echo service, each with a small exchange at a steady pace, until SIGTERM.

Arguments: host, port, connections, seconds between two exchanges of a connection, how many are opened a second, and the file of the
results. A connection that breaks is opened anew, in its turn, and so is one that has had no answer for long. Exchanges that are due
meanwhile have begun, and wait for it.

When all connections have had their first answer, `ready` is printed. At the end the results are written, a line for each exchange:
connection, when it was sent (ms since 1970), and how long its answer took (ms), or `lost`.
"""

import collections
import errno
import heapq
import resource
import select
import signal
import socket
import sys
import time

DATA = b"x" * 64
# A connection without an answer for so long is given up. TCP sends again what was lost, and programs let it: whoever opens another
# connection at the first delay makes a busy gateway busier.
PATIENCE_SECONDS = 20


class Connections(object):
    def __init__(self, address, count, interval, rate):
        self.address, self.count, self.interval, self.pause = address, count, interval, 1.0 / rate
        self.epoll = select.epoll()
        self.sockets = [None] * count
        self.connected = [False] * count
        # Bytes of an answer that isn't whole yet.
        self.received = [0] * count
        # When the exchanges that have no answer yet were sent, by the monotonic clock.
        self.sent = [collections.deque() for _ in range(count)]
        self.results = []
        self.numbers = {}
        self.unanswered = set(range(count))
        begin = time.monotonic()
        self.offset = time.time() - begin
        # When the next connection may be opened.
        self.slot = begin
        # What is to be done, by its time: whether it is a connection's opening, or its next exchange.
        self.due = []
        for index in range(count):
            self.later(index, begin)
            heapq.heappush(self.due, (self.slot + interval, index, False))

    def run(self, stopped):
        ready = False
        while not stopped():
            now = time.monotonic()
            while self.due[0][0] <= now:
                when, index, opens = heapq.heappop(self.due)
                if opens:
                    self.open(index, now)
                else:
                    self.exchange(index, when, now)
            for number, events in self.epoll.poll(min(max(self.due[0][0] - now, 0.001), 0.5)):
                self.event(number, events)
            if not ready and not self.unanswered:
                ready = True
                print("ready", flush=True)

    def later(self, index, now):
        """Has a connection opened when it is its turn."""
        self.slot = max(self.slot + self.pause, now)
        heapq.heappush(self.due, (self.slot, index, True))

    def exchange(self, index, when, now):
        """Asks, or will as soon as there is a connection."""
        # The pace is kept: what was late isn't later for ever.
        heapq.heappush(self.due, (max(when + self.interval, now), index, False))
        if self.sent[index] and now - self.sent[index][0] > PATIENCE_SECONDS and self.sockets[index]:
            self.broken(index, now)
        self.sent[index].append(now)
        if self.connected[index]:
            self.send(index, now)

    def open(self, index, now):
        connection = socket.socket()
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        number = connection.fileno()
        self.sockets[index], self.numbers[number], self.received[index] = connection, index, 0
        # There is an exchange at once.
        self.sent[index] = self.sent[index] or collections.deque([now])
        error = connection.connect_ex(self.address)
        self.epoll.register(number, select.EPOLLOUT)
        if error not in (0, errno.EINPROGRESS):
            self.broken(index, now)

    def send(self, index, now, times=1):
        try:
            if self.sockets[index].send(DATA * times) != len(DATA) * times:
                self.broken(index, now)
        except OSError:
            self.broken(index, now)

    def event(self, number, events):
        index = self.numbers.get(number)
        if index is None:
            return
        if events & select.EPOLLOUT:
            now = time.monotonic()
            if self.sockets[index].getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                self.broken(index, now)
                return
            self.epoll.modify(number, select.EPOLLIN)
            self.connected[index] = True
            self.send(index, now, len(self.sent[index]))
        elif events:
            self.receive(index)

    def receive(self, index):
        try:
            data = self.sockets[index].recv(4096)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        now = time.monotonic()
        if not data:
            self.broken(index, now)
            return
        self.received[index] += len(data)
        while self.received[index] >= len(DATA) and self.sent[index]:
            self.received[index] -= len(DATA)
            sent = self.sent[index].popleft()
            self.results.append((index, sent, now - sent))
            self.unanswered.discard(index)

    def broken(self, index, now):
        """Ends a connection, with what it was asked, and has another opened."""
        self.results.extend((index, sent, None) for sent in self.sent[index])
        self.sent[index].clear()
        self.connected[index] = False
        number = self.sockets[index].fileno()
        self.epoll.unregister(number)
        del self.numbers[number]
        self.sockets[index].close()
        self.sockets[index] = None
        self.later(index, now)

    def write(self, path):
        now = time.monotonic()
        for index in range(self.count):
            overdue = (sent for sent in self.sent[index] if now - sent > self.interval)
            self.results.extend((index, sent, None) for sent in overdue)
        with open(path, "w") as file:
            for index, sent, took in self.results:
                said = "lost" if took is None else "%.1f" % (took * 1000)
                file.write("%d %.0f %s\n" % (index, (sent + self.offset) * 1000, said))


def main():
    host, port, count, interval, rate, path = sys.argv[1:7]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    ended = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.append(1))
    connections = Connections((host, int(port)), int(count), float(interval), float(rate))
    connections.run(lambda: ended)
    connections.write(path)


if __name__ == "__main__":
    main()
