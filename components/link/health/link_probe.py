"""What a gateway can see of its link: sessions, security associations, counters, round trips.

    link_probe.py state '<json>'    one look at every layer
    link_probe.py burst '<json>'    round trips over the link and beside it, and the proof of the path MTU

Prints one JSON value. A layer that cannot be seen is null, with the reason under "problems": looking at a broken link
is not a failure. Needs root, Python 3.6 and nothing else. Sent over SSH for measurements and installed on gateways for
the probe that is always on, so that both see the same.
"""

import json
import os
import re
import subprocess
import sys
import time

# Generous: a starved machine takes seconds to start a program.
TOOL_TIMEOUT = 30
WARM_UP_PROBES = 20
# How long to wait for answers when there was none, seconds.
LINGER = 2
# Once it had one, ping waits no longer than two round trips after its last probe (ping(8), -W), and takes for lost what
# a busy host sends later. Probes that don't count, sent for this long after those that do, keep it listening.
TAIL = 0.5

IKE_CAUSES = (
    ("authentication", re.compile(r"AUTHENTICATION_FAILED|MAC mismatched|no shared key found", re.I)),
    ("proposal", re.compile(r"NO_PROPOSAL_CHOSEN|no proposal chosen|TS_UNACCEPTABLE|no IKE config found", re.I)),
    ("no-answer", re.compile(r"peer not responding|giving up after \d+ retransmits|retransmit \d+ of request", re.I)),
)


class Tool(object):
    """A program that runs beside others; its output is taken later."""

    def __init__(self, argv):
        self.name = argv[0]
        self.error = None
        try:
            self.process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                universal_newlines=True,
                env=dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin"),
            )
        except OSError as error:
            self.process = None
            self.error = error.strerror

    def output(self, timeout=TOOL_TIMEOUT):
        """Standard output, or None with `error` set. Called once."""
        if self.process is None:
            return None
        try:
            out, err = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            self.error = "no answer within %d s" % timeout
            return None
        if self.process.returncode != 0:
            lines = (err.strip() or out.strip()).splitlines()
            self.error = lines[0] if lines else "exit status %d" % self.process.returncode
            # ping reports losses by its exit status; what it printed still counts.
            return out if self.name == "ping" else None
        return out


# --- sessions ---------------------------------------------------------------------------------------------------


def json_values(text):
    """All JSON values of a text, one after another, as vtysh prints them for several commands."""
    decoder = json.JSONDecoder()
    values = []
    position = 0
    while True:
        while position < len(text) and text[position].isspace():
            position += 1
        if position == len(text):
            return values
        value, position = decoder.raw_decode(text, position)
        values.append(value)


def read_routing(text, peer):
    """BFD session and BGP neighbour from `show bfd peers json` and `show bgp neighbors … json`."""
    bfd = None
    bgp = None
    for value in json_values(text):
        if isinstance(value, list):
            for session in value:
                if session.get("peer") == peer:
                    bfd = {
                        "status": session.get("status", "unknown"),
                        "seconds": session.get("uptime", session.get("downtime", 0)),
                        "diagnostic": session.get("diagnostic", ""),
                        "remoteDiagnostic": session.get("remote-diagnostic", ""),
                    }
        elif peer in value:
            neighbour = value[peer]
            families = neighbour.get("addressFamilyInfo", {})
            bgp = {
                "state": neighbour.get("bgpState", "unknown"),
                "accepted": families.get("ipv4Unicast", {}).get("acceptedPrefixCounter", 0),
                "lastReset": neighbour.get("lastResetDueTo", ""),
            }
    return bfd, bgp


# --- security associations --------------------------------------------------------------------------------------

SWANCTL_TOKEN = re.compile(r"(?P<open>[^\s{}=]+) \{|(?P<close>\})|(?P<key>[^\s{}=]+)=(?P<value>\[[^\n]*?\](?=[\s}]|$)|[^\s{}]*)")


def swanctl_sections(text):
    """`swanctl --raw` as a list of (name, section); a section is a dict of values and sections."""
    result = []
    for line in text.splitlines():
        match = re.match(r"(\S+) (?:event|reply) \{", line)
        if not match:
            continue
        root = {}
        stack = [root]
        for token in SWANCTL_TOKEN.finditer(line, match.end()):
            if token.group("open"):
                child = {}
                stack[-1][token.group("open")] = child
                stack.append(child)
            elif token.group("close"):
                stack.pop()
                if not stack:
                    break
            else:
                stack[-1][token.group("key")] = token.group("value")
        result.append((match.group(1), root))
    return result


def number(section, key):
    try:
        return int(section.get(key, 0))
    except ValueError:
        return 0


def read_sas(text, connection, child_name):
    """The youngest established IKE SA of a connection and its youngest installed CHILD SA."""
    ikes = [root[connection] for name, root in swanctl_sections(text) if name == "list-sa" and connection in root]
    if not ikes:
        return None, None
    ikes.sort(key=lambda sa: (sa.get("state") != "ESTABLISHED", number(sa, "established")))
    ike = {
        "state": ikes[0].get("state", "unknown"),
        "id": ikes[0].get("uniqueid", ""),
        "ageSeconds": number(ikes[0], "established"),
        "cipher": "-".join(filter(None, (ikes[0].get("encr-alg"), ikes[0].get("encr-keysize"), ikes[0].get("dh-group")))),
    }
    children = [
        child
        for sa in ikes
        for child in sa.get("child-sas", {}).values()
        if isinstance(child, dict) and child.get("name") == child_name
    ]
    if not children:
        return ike, None
    children.sort(key=lambda sa: (sa.get("state") != "INSTALLED", number(sa, "install-time")))
    child = children[0]
    return ike, {
        "state": child.get("state", "unknown"),
        "id": child.get("uniqueid", ""),
        "mode": child.get("mode", "unknown"),
        "udp": child.get("encap") == "yes",
        "cipher": "-".join(filter(None, (child.get("encr-alg"), child.get("encr-keysize")))),
        "ageSeconds": number(child, "install-time"),
        "packetsIn": number(child, "packets-in"),
        "packetsOut": number(child, "packets-out"),
    }


def read_ike_cause(text):
    """Why IKE does not come up, by the latest line of the daemon's log that says so."""
    for line in reversed(text.splitlines()):
        for cause, pattern in IKE_CAUSES:
            if pattern.search(line):
                return cause
    return None


# --- counters, routes, devices ----------------------------------------------------------------------------------


def read_counters(text, names):
    packets = {}
    for item in json.loads(text).get("nftables", []):
        counter = item.get("counter")
        if isinstance(counter, dict) and counter.get("name") in names:
            packets[counter["name"]] = counter.get("packets", 0)
    return packets


def read_route(text):
    """Device of the best route, `unreachable` for a rejecting one, None without one."""
    for line in text.splitlines():
        if line.startswith(("unreachable", "blackhole", "prohibit")):
            return "unreachable"
        match = re.search(r"\bdev (\S+)", line)
        if match:
            return match.group(1)
    return None


def read_device(name):
    try:
        with open("/sys/class/net/%s/mtu" % name) as file:
            mtu = int(file.read())
        with open("/sys/class/net/%s/flags" % name) as file:
            flags = int(file.read(), 16)
    except (OSError, ValueError):
        return None
    return {"mtu": mtu, "up": bool(flags & 1)}


def age_of(path):
    try:
        return max(0, int(time.time() - os.stat(path).st_mtime))
    except OSError:
        return None


def state(link):
    """One look at every layer. The tools run at once."""
    tools = {
        "routing": Tool(
            ["vtysh", "-c", "show bfd peers json", "-c", "show bgp neighbors %s json" % link["peerLinkAddress"]]
        ),
        "sas": Tool(["swanctl", "--list-sas", "--raw"]),
        "counters": Tool(["nft", "-j", "list", "counters", "table", "inet", link["nftTable"]]),
        "route": Tool(["ip", "-4", "route", "show", link["peerCidr"]]),
    }
    problems = []

    def read(name, parse, nothing):
        text = tools[name].output()
        if text is None:
            problems.append("%s: %s" % (tools[name].name, tools[name].error))
            return nothing
        try:
            return parse(text)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            problems.append("%s: output not understood" % tools[name].name)
            return nothing

    bfd, bgp = read("routing", lambda text: read_routing(text, link["peerLinkAddress"]), (None, None))
    ike, child = read("sas", lambda text: read_sas(text, link["ikeConnection"], link["childSa"]), (None, None))
    counters = read("counters", lambda text: read_counters(text, link["counters"]), None)
    route = read("route", read_route, None)
    cause = None
    if ike is None or ike["state"] != "ESTABLISHED":
        log = Tool(["journalctl", "-u", "strongswan", "--since", "-3min", "-n", "200", "-o", "cat", "--no-pager"]).output()
        cause = read_ike_cause(log or "")
    return {
        "device": read_device(link["interface"]),
        "bfd": bfd,
        "bgp": bgp,
        "route": route,
        "ike": ike,
        "ikeCause": cause,
        "child": child,
        "counters": counters,
        "credentialsAgeSeconds": age_of(link["credentialsMarker"]),
        "problems": problems,
    }


# --- round trips ------------------------------------------------------------------------------------------------


def start_ping(target, count, interval_ms, options):
    interval = "%.3f" % (interval_ms / 1000.0)
    sent = str(count + int(TAIL * 1000 / interval_ms))
    return Tool(["ping", "-n", "-c", sent, "-i", interval, "-W", str(LINGER)] + options + [target])


def read_ping(tool, count, interval_ms):
    """Round trips in the order of sending, each probe once. Above 100 ms ping itself rounds to whole milliseconds."""
    text = tool.output(timeout=count * interval_ms / 1000.0 + TAIL + LINGER + TOOL_TIMEOUT) or ""
    rtts = {}
    for match in re.finditer(r"icmp_seq=(\d+) .*?time=([\d.]+) ms", text):
        if int(match.group(1)) <= count:
            rtts.setdefault(int(match.group(1)), float(match.group(2)))
    sent = re.search(r"(\d+) packets transmitted", text)
    return {
        # A ping that could not even be sent is a probe lost.
        "sent": min(count, int(sent.group(1))) if sent and int(sent.group(1)) > 0 else count,
        "rttsMs": [rtts[sequence] for sequence in sorted(rtts)],
        "error": None if rtts else tool.error,
    }


def ping_over_link(link, count, interval_ms):
    return read_ping(
        start_ping(link["peerLinkAddress"], count, interval_ms, ["-I", link["interface"]]), count, interval_ms
    )


def burst(link):
    """Warm both paths up, then probe them side by side, so that both see the same weather."""
    count, interval = link["probes"], link["intervalMs"]
    over = ["-I", link["interface"]]
    fits = ["-M", "do", "-s", str(link["mtu"] - 28)] + over
    exceeds = ["-M", "do", "-s", str(link["mtu"] - 27)] + over
    for tool in [
        start_ping(link["peerLinkAddress"], WARM_UP_PROBES, interval, over),
        start_ping(link["peerPublicAddress"], WARM_UP_PROBES, interval, []),
    ]:
        read_ping(tool, WARM_UP_PROBES, interval)
    tunnel = start_ping(link["peerLinkAddress"], count, interval, over)
    underlay = start_ping(link["peerPublicAddress"], count, interval, [])
    at_mtu = start_ping(link["peerLinkAddress"], 5, 200, fits)
    above_mtu = start_ping(link["peerLinkAddress"], 2, 200, exceeds)
    return {
        "tunnel": read_ping(tunnel, count, interval),
        "underlay": read_ping(underlay, count, interval),
        "atMtuPasses": bool(read_ping(at_mtu, 5, 200)["rttsMs"]),
        "aboveMtuPasses": bool(read_ping(above_mtu, 2, 200)["rttsMs"]),
    }


if __name__ == "__main__":
    json.dump({"state": state, "burst": burst}[sys.argv[1]](json.loads(sys.argv[2])), sys.stdout)
