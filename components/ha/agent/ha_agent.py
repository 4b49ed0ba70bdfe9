"""Decides, on a gateway of a pair, who answers at the service address, and makes the proxy do it.

    ha_agent.py run <configuration>                  the agent, a service
    ha_agent.py status <configuration>               what it saw last, as one JSON value
    ha_agent.py ready <configuration>                whether it and keepalived work; says why not
    ha_agent.py pin <configuration> <kind> <site>    hold, force or prefer a site, until released
    ha_agent.py release <configuration>              takes that back

keepalived elects and moves the address; notify.sh writes its state here. The decision itself is in ha_decision.py. The
agent gives the proxy its endpoints for the role, keepalived its adjustment, the other site's agent an answer, and the
operator metrics and messages.
"""

import array
import contextlib
import fcntl
import json
import os
import select
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time

from ha_decision import PROXY, SERVE, adjustment, decide, is_pinned, is_voiceless, must_ask
from reporting import Metrics, attempt, event, log, remember, tell, write_atomically

TICK = 1.0
# While the other site's answer decides.
ASKING_TICK = 0.3
# Longest wait for an answer, s: one that comes later is none.
ANSWER_SECONDS = 1
PROXY_SECONDS = 1
# Looks in a row that find something ill before its heartbeat is taken away. An agent that has died takes none away: they grow old.
ILL_LOOKS = 2
WEBHOOK_RETRY = 15
# State and metrics are written at once when something changes, and this often when nothing does, s.
PUBLISH_SECONDS = 10
# Older than this, the agent that wrote its state has died, s. Emulated machines stall.
STALE = 30
ROUTES = "/proc/net/route"
SIOCGIFCONF = 0x8912
# struct ifreq of 64-bit Linux: a name of 16 bytes, then a struct sockaddr_in in which the address starts at byte 4.
IFREQ = 40
INTERFACES_MAX = 256


# --- looking ----------------------------------------------------------------------------------------------------


def uptime():
    with open("/proc/uptime") as file:
        return float(file.read().split()[0])


def read_json(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return None


def write_changed(path, text):
    """Writes a file that somebody watches, unless it says that already."""
    try:
        with open(path) as file:
            if file.read() == text:
                return
    except OSError:
        pass
    write_atomically(path, text, 0o644)


def holds_address(address):
    """Whether an interface has the address, from the kernel: keepalived may have died and not said so."""
    wanted = socket.inet_aton(address)
    buffer = array.array("B", bytes(IFREQ * INTERFACES_MAX))
    location, length = buffer.buffer_info()
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        request = struct.pack("iL", length, location)
        filled, _ = struct.unpack("iL", fcntl.ioctl(probe.fileno(), SIOCGIFCONF, request))
    found = buffer.tobytes()[:filled]
    return any(found[start + 20 : start + 24] == wanted for start in range(0, filled, IFREQ))


def vrrp_state(said, held):
    """keepalived's word, corrected by whether the address is here: notifications come late, or out of order."""
    if held:
        return "MASTER"
    return "BACKUP" if said == "MASTER" else said


def carries(routes, interface, cidr):
    """Whether the table of routes (the text of /proc/net/route) has the range on the interface."""
    wanted = "%08X" % struct.unpack("<I", socket.inet_aton(cidr.split("/")[0]))
    return any(line.split()[:2] == [interface, wanted] for line in routes.splitlines())


def device_index(name):
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return None


def proxy_answers(path):
    request = b"GET /ready HTTP/1.1\r\nHost: proxy\r\nConnection: close\r\n\r\n"
    try:
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as admin:
            admin.settimeout(PROXY_SECONDS)
            admin.connect(path)
            admin.sendall(request)
            return admin.recv(64).split(b" ")[1:2] == [b"200"]
    except OSError:
        return False


def ask_peer(port):
    """The role that the other site's agent has by its own word, or None. The proxy finds the path."""
    try:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)) as peer:
            peer.settimeout(ANSWER_SECONDS)
            with peer.makefile() as answer:
                return json.loads(answer.readline(1024))["role"]
    except (OSError, ValueError, KeyError, TypeError):
        return None


# --- telling ----------------------------------------------------------------------------------------------------


class Answer(socketserver.StreamRequestHandler):
    timeout = 2 * ANSWER_SECONDS

    def handle(self):
        with contextlib.suppress(OSError):
            self.wfile.write(self.server.text)


class Answers(socketserver.ThreadingTCPServer):
    """Tells the other site's agent, through the proxies, what this site does."""

    allow_reuse_address = True
    daemon_threads = True
    text = b""


class Messages(threading.Thread):
    """Calls the webhook beside the agent's work: a server that doesn't answer must not delay a takeover."""

    def __init__(self, url, path):
        super().__init__(daemon=True)
        self.url = url
        self.path = path
        self.lock = threading.Lock()
        self.pending = read_json(path) or []
        self.wake = threading.Event()
        self.wake.set()

    def add(self, message):
        with self.lock:
            self.pending = remember(self.pending, message)
            self.save()
        self.wake.set()

    def save(self):
        attempt("remembering messages", write_atomically, self.path, json.dumps(self.pending), 0o600)

    def run(self):
        while True:
            self.wake.wait(WEBHOOK_RETRY if self.pending else None)
            self.wake.clear()
            self.deliver()

    def deliver(self):
        with self.lock:
            batch = list(self.pending)
        left = list(batch)
        tell(self.url, left)
        if len(left) == len(batch):
            return
        done = batch[: len(batch) - len(left)]
        with self.lock:
            self.pending = [message for message in self.pending if message not in done]
            self.save()


def tell_systemd(text):
    path = os.environ.get("NOTIFY_SOCKET")
    if path:
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as manager:
            manager.connect("\0" + path[1:] if path.startswith("@") else path)
            manager.send(text.encode())


# --- the agent --------------------------------------------------------------------------------------------------


class Agent:
    def __init__(self, config):
        self.config = config
        self.directory = config["directory"]
        os.makedirs(self.path("heartbeats"), mode=0o755, exist_ok=True)
        known = read_json(self.path("state.json")) or {}
        # What an agent before this one decided holds until there is a reason to decide otherwise.
        self.role = known.get("role", PROXY)
        self.before = known.get("state")
        self.since = known.get("since", int(time.time()))
        self.changes = known.get("changes", 0)
        # When the connections of the role before have to go, by the host's uptime; 0 when none has to.
        self.drain_at = known.get("drainAt", 0)
        self.peer = {"role": None, "unanswered": 0}
        self.voice = uptime()
        self.published = (None, 0)
        self.link_since = None
        self.ill = {}
        self.device = device_index(config["interface"])
        self.messages = Messages(config["webhook"], self.path("messages.json"))
        self.answers = Answers(("127.0.0.1", config["statePort"]), Answer)
        self.wake = self.open_wake()

    def path(self, name):
        return os.path.join(self.directory, name)

    def open_wake(self):
        path = self.path("wake")
        with contextlib.suppress(FileExistsError):
            os.mkfifo(path, 0o600)
        # Opened for writing too, so that a writer that goes away leaves no end of file behind.
        return os.open(path, os.O_RDWR | os.O_NONBLOCK)

    def look(self):
        now = uptime()
        said = (read_json(self.path("vrrp.json")) or {}).get("state", "unknown")
        seen = {"role": self.role, "pin": read_json(self.config["pinFile"]), "peer": self.peer}
        seen["held"] = holds_address(self.config["vip"])
        seen["vrrp"] = vrrp_state(said, seen["held"])
        if not is_voiceless(seen):
            self.voice = now
        seen["voicelessSeconds"] = now - self.voice
        return seen

    def ask(self):
        role = ask_peer(self.config["peerPort"])
        unanswered = 0 if role else self.peer["unanswered"] + 1
        self.peer = {"role": role or self.peer["role"], "unanswered": unanswered}

    def choose(self):
        """Gives the proxy the endpoints of the role, also when it started anew. What is connected stays where it is."""
        for choice in self.config["choices"]:
            # Without its directory, the proxy isn't there and begins as a proxy.
            if os.path.isdir(os.path.dirname(choice["path"])):
                write_changed(choice["path"], json.dumps(choice["roles"][self.role]))

    def drain(self):
        """Ends the connections that the role before has left."""
        if not self.drain_at or uptime() < self.drain_at:
            return
        left = SERVE if self.role == PROXY else PROXY
        epochs = read_json(self.config["drainsFile"]) or {}
        for listener in self.config["listeners"][left]:
            epochs[listener] = epochs.get(listener, 0) + 1
        write_atomically(self.config["drainsFile"], json.dumps(epochs), 0o644)
        self.drain_at = 0

    def keep_keepalived(self):
        """keepalived is deaf on a device that was made anew until it reads its configuration anew, and on one that is gone:
        without keepalived's say, the other site's answer decides."""
        device = device_index(self.config["interface"])
        if device == self.device:
            return
        self.device = device
        verb = "restart" if device is None else "reload-or-restart"
        log("%s is %s; %s of keepalived" % (self.config["interface"], "gone" if device is None else "another device now", verb))
        status = subprocess.call(["systemctl", verb, "--no-block", "keepalived.service"])
        if status != 0:
            log("systemctl ended with status %d" % status)

    def beat(self):
        """Writes the heartbeats of what is well. Returns them."""
        now = uptime()
        with open(ROUTES) as file:
            link = carries(file.read(), self.config["interface"], self.config["peerCidr"])
        self.link_since = (self.link_since or now) if link else None
        settled = link and now - self.link_since >= self.config["settleSeconds"]
        beats = {
            "proxy": proxy_answers(self.config["adminSocket"]),
            # A site that serves is what the other has to catch up with.
            "link": settled or self.role == SERVE,
        }
        for name, well in beats.items():
            self.ill[name] = 0 if well else self.ill.get(name, 0) + 1
            path = self.path("heartbeats/%s" % name)
            if well:
                write_atomically(path, "%d\n" % now, 0o644)
            elif self.ill[name] >= ILL_LOOKS:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
        return beats

    def metrics(self, seen, beats):
        result = Metrics([("site", self.config["site"]), ("host", self.config["host"])])
        family = result.family
        family("crossborder_ha_vrrp_state", "gauge", "1 for keepalived's state.",
               [([("state", state)], int(seen["vrrp"] == state)) for state in ("MASTER", "BACKUP", "FAULT", "STOP")])
        family("crossborder_ha_serves", "gauge", "1 where the site answers at the service address itself, 0 where it is a proxy.",
               [([], int(self.role == SERVE))])
        family("crossborder_ha_pinned", "gauge", "1 while the address is held or forced by hand.",
               [([], int(is_pinned(seen["pin"])))])
        family("crossborder_ha_well", "gauge", "1 for what the agent looks after while it is well.",
               [([("what", name)], int(well)) for name, well in sorted(beats.items())])
        family("crossborder_ha_changes_total", "counter", "Changes of VRRP's state or of the role since the boot.",
               [([], self.changes)])
        family("crossborder_ha_webhook_pending", "gauge", "Changes that could not be told to the webhook yet.",
               [([], len(self.messages.pending))])
        return result

    def report(self, seen, reason, beats):
        now = int(time.time())
        state = "%s, %s" % (seen["vrrp"], self.role)
        if state != self.before:
            log("%s: %s" % (state, reason))
            self.since = now
            if self.before is not None:
                self.changes += 1
                figures = {"pin": seen["pin"], "peer": self.peer, "wellbeing": beats}
                subject = {"vip": self.config["vip"]}
                self.messages.add(event(self.config, now, subject, self.before, state, reason, figures))
            self.before = state
        known = {"state": state, "since": self.since, "changes": self.changes, "reason": reason, "drainAt": self.drain_at}
        known.update(site=self.config["site"], vrrp=seen["vrrp"], role=self.role, pin=seen["pin"], holdsAddress=seen["held"])
        known.update(peer=self.peer if must_ask(self.config, seen) else None, well=beats)
        last, at = self.published
        if known == last and uptime() - at < PUBLISH_SECONDS:
            return
        self.published = (dict(known), uptime())
        known["uptime"] = int(uptime())
        attempt("writing the state", write_atomically, self.path("state.json"), json.dumps(known), 0o644)
        attempt("publishing metrics", self.metrics(seen, beats).publish, self.config["metricsFile"])

    def step(self):
        """One look, and what follows from it. Returns whether the other site's answer decides."""
        self.keep_keepalived()
        seen = self.look()
        asking = must_ask(self.config, seen)
        if asking:
            self.ask()
            seen["peer"] = self.peer
        else:
            self.peer = {"role": None, "unanswered": 0}
        before = self.role
        self.role, reason = decide(self.config, seen)
        if self.role != before:
            self.drain_at = uptime() + self.config["drainSeconds"]
        attempt("giving the proxy its endpoints", self.choose)
        attempt("ending connections", self.drain)
        attempt("adjusting the priority", write_changed, self.path("adjust"), "%d\n" % adjustment(self.config, seen["pin"]))
        self.answers.text = (json.dumps({"site": self.config["site"], "role": self.role}) + "\n").encode()
        self.report(seen, reason, self.beat())
        return asking

    def serve(self):
        """Answers the other site's agent from now on."""
        threading.Thread(target=self.answers.serve_forever, daemon=True).start()

    def run(self):
        asking = self.step()
        tell_systemd("READY=1")
        self.serve()
        self.messages.start()
        while True:
            ready, _, _ = select.select([self.wake], [], [], ASKING_TICK if asking else TICK)
            if ready:
                os.read(self.wake, 4096)
            asking = self.step()


# --- the operator's verbs ---------------------------------------------------------------------------------------


def status(config):
    known = read_json(os.path.join(config["directory"], "state.json"))
    if known:
        # What is kept for the next agent only.
        del known["state"], known["drainAt"]
        known["stale"] = uptime() - known.pop("uptime") > STALE
    return known


def problem(known):
    """Why the pair doesn't work here, or None."""
    if known is None or known["stale"]:
        return "the agent does not run"
    if is_voiceless(known):
        return "keepalived is %s" % known["vrrp"]
    if not known["well"]["proxy"]:
        return "the proxy does not answer"
    return None


def wake(config):
    with contextlib.suppress(OSError):
        descriptor = os.open(os.path.join(config["directory"], "wake"), os.O_WRONLY | os.O_NONBLOCK)
        os.write(descriptor, b"\n")
        os.close(descriptor)


def pin(config, kind, site):
    if kind not in ("hold", "force", "prefer"):
        raise SystemExit("%s: one of hold, force, prefer is wanted" % kind)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    os.makedirs(os.path.dirname(config["pinFile"]), mode=0o700, exist_ok=True)
    write_atomically(config["pinFile"], json.dumps({"kind": kind, "site": site, "at": at}), 0o600)


def release(config):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(config["pinFile"])


def main(verb, path, *words):
    with open(path) as file:
        config = json.load(file)
    if verb == "run":
        Agent(config).run()
    elif verb == "pin":
        pin(config, *words)
        wake(config)
    elif verb == "release":
        release(config)
        wake(config)
    elif verb == "ready":
        raise SystemExit(problem(status(config)))
    else:
        json.dump(status(config), sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
