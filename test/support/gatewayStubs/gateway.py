#!/usr/bin/env python3
"""The tools of a gateway's daemons on a pretended host: nft, vtysh, swanctl, ip, ping, envoy, and groups; and its backup path's keeper.

They answer by what the installer put there, on this host and on its peer (STUB_PEER_ROOT, STUB_PEER_STATE): an SA stands, BGP and
BFD are up and a probe is answered only where the daemons run at both ends, with configurations that fit each other. What isn't
known here is refused with exit status 99 and noted in STUB_STATE/refused, since not every caller minds a failure.
"""

import glob
import grp
import json
import os
import re
import shutil
import subprocess
import sys
import time

ROOT, STATE = os.environ["CROSSBORDER_ROOT"], os.environ["STUB_STATE"]
# Round trip of the path between the sites, ms; about what is measured between Los Angeles and Singapore.
RTT_MS = 160.0


class Refusal(Exception):
    """The tool itself says no, as a real one would."""


class Unknown(Exception):
    pass


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


def one(pattern, text):
    found = re.search(pattern, text, re.M)
    return found.group(1) if found else None


class Gateway:
    """A host by its files: what daemons were last told to load, and which of them run."""

    def __init__(self, root, state, address):
        self.root, self.state, self.address = root, state, address
        loaded = state + "/loaded"
        self.frr = read(loaded + "/etc/frr/frr.conf")
        connections = read(loaded + "/etc/swanctl/conf.d/crossborder.conf")
        secrets = read(loaded + "/etc/swanctl/conf.d/crossborder-secrets.conf")
        self.table = read(state + "/table")
        self.local, self.remote = one(r"local_addrs = (\S+)", connections), one(r"remote_addrs = (\S+)", connections)
        self.identities = re.findall(r"^ +id = (\S+)", connections, re.M)
        self.proposals = re.findall(r"proposals = (\S+)", connections)
        self.key = one(r"ike-current \{[^}]*secret = (\S+)", secrets)
        self.router, self.asn = one(r"^ bgp router-id (\S+)", self.frr), one(r"^router bgp (\d+)", self.frr)
        self.neighbour = re.search(r"^ neighbor (\S+) remote-as (\d+)", self.frr, re.M)
        self.announced = one(r"^  network (\S+)", self.frr)
        self.accepted = one(r"^ip prefix-list peer seq 5 permit (\S+)", self.frr)
        device = read(state + "/gre1")
        self.device = json.loads(device) if device else None

    def runs(self, unit):
        return os.path.exists("%s/active/%s" % (self.state, unit))


HERE = Gateway(ROOT, STATE, os.environ["STUB_ADDRESS"])
PEER = Gateway(os.environ["STUB_PEER_ROOT"], os.environ["STUB_PEER_STATE"], os.environ["STUB_PEER_ADDRESS"])


def mismatch():
    """Why no SA can be made, or None."""
    for gateway, other in ((HERE, PEER), (PEER, HERE)):
        if not gateway.runs("strongswan.service"):
            return "strongSwan doesn't run at %s" % gateway.address
        if not gateway.local or gateway.remote != other.address:
            return "%s has its peer at %s, which is at %s" % (gateway.address, gateway.remote, other.address)
        if not gateway.table or "ip saddr %s udp dport" % other.address not in gateway.table:
            return "the firewall of %s doesn't let %s in" % (gateway.address, other.address)
    if HERE.key is None or HERE.key != PEER.key:
        return "AUTHENTICATION_FAILED"
    if HERE.identities != PEER.identities[::-1]:
        return "no matching peer config: %s and %s" % (HERE.identities, PEER.identities)
    return None if HERE.proposals == PEER.proposals else "NO_PROPOSAL_CHOSEN"


def association():
    """Age of the SA, s, or None."""
    made = read(STATE + "/sa")
    return int(time.time() - float(made)) if made and mismatch() is None else None


def carries():
    """Whether GRE passes both ways."""
    if association() is None:
        return False
    return all(
        gateway.device is not None
        and gateway.device["up"]
        and (gateway.device["local"], gateway.device["remote"]) == (gateway.local, other.address)
        for gateway, other in ((HERE, PEER), (PEER, HERE))
    )


def routed():
    """Whether both ends' BGP has the other for its neighbour."""
    return carries() and all(
        gateway.runs("frr.service")
        and gateway.neighbour is not None
        and gateway.neighbour.groups() == (other.router, other.asn)
        and gateway.device["address"] == gateway.router + "/30"
        for gateway, other in ((HERE, PEER), (PEER, HERE))
    )


def accepts():
    return routed() and HERE.accepted == PEER.announced


def staged(path):
    text = read(path if path.startswith(ROOT) else ROOT + path)
    if not text:
        raise Refusal("cannot open %s" % path)
    return text


def esp():
    return len(read(STATE + "/esp").splitlines())


def nft(*words):
    if words[:2] == ("-c", "-f") or words[:1] == ("-f",):
        text = staged(words[-1])
        if text.count("{") != text.count("}") or not text.startswith("table inet crossborder\n"):
            raise Refusal("%s: syntax error" % words[-1])
        if words[0] == "-f":
            with open(STATE + "/table", "w") as file:
                file.write(text)
    elif words == ("-j", "list", "counters", "table", "inet", "crossborder"):
        if not HERE.table:
            raise Refusal("No such file or directory")
        names = re.findall(r"^  counter (\S+) \{", HERE.table, re.M)
        counters = [{"name": name, "packets": esp() if name == "underlay_esp_udp_out" else 0} for name in names]
        print(json.dumps({"nftables": [{"counter": counter} for counter in counters]}))
    elif words[:4] == ("list", "chain", "inet", "crossborder") and len(words) == 5:
        if "  chain %s {\n" % words[4] not in HERE.table:
            raise Refusal("No such file or directory")
    elif words == ("delete", "table", "inet", "crossborder"):
        os.unlink(STATE + "/table")
    else:
        raise Unknown


def vtysh(*words):
    if words[:2] == ("-C", "-f"):
        if not staged(words[2]).startswith("frr defaults "):
            raise Refusal("%s: unknown command" % words[2])
        return
    if not HERE.runs("frr.service"):
        raise Refusal("failed to connect to any daemons")
    peer, asn = HERE.neighbour.groups()
    state, up = ("Established", "up") if routed() else ("Active", "down")
    neighbour = {
        "bgpState": state,
        "remoteAs": int(asn),
        "addressFamilyInfo": {"ipv4Unicast": {"acceptedPrefixCounter": int(accepts())}},
    }
    watched = "neighbor %s bfd\n" % peer in HERE.frr
    answers = {
        "show bfd peers json": [{"peer": peer, "status": up, "uptime": 1}] if watched else [],
        "show bgp ipv4 unicast summary json": {"peers": {peer: {"state": state}}},
        "show bgp neighbors %s json" % peer: {peer: neighbour},
    }
    if words[::2] != ("-c",) * (len(words) // 2) or not set(words[1::2]) <= set(answers):
        raise Unknown
    print("\n".join(json.dumps(answers[word]) for word in words[1::2]))


def swanctl(*words):
    if words in (("--list-sas", "--raw"), ("--list-sas", "--ike", "peer", "--raw")):
        age = association()
        if age is not None:
            child = "gre-1 {name=gre uniqueid=1 state=INSTALLED mode=TRANSPORT encap=yes install-time=%d}" % age
            print("list-sa event {peer {uniqueid=1 state=ESTABLISHED established=%d child-sas {%s}}}" % (age, child))
        print("list-sas reply {}")
    elif words == ("--list-conns",):
        if HERE.local:
            print("peer: IKEv2, no reauthentication, rekeying every 14400s")
    elif words == ("--initiate", "--child", "gre", "--timeout", "30"):
        why = mismatch()
        if why is not None:
            raise Refusal("initiate failed: %s" % why)
        for gateway in (HERE, PEER):
            with open(gateway.state + "/sa", "w") as file:
                file.write("%f" % time.time())
    else:
        raise Unknown


def ip(*words):
    def save(**changes):
        with open(STATE + "/gre1", "w") as file:
            json.dump(dict(HERE.device or {}, **changes), file)

    ends = re.fullmatch(r"link (add|set) gre1 type gre local (\S+) remote (\S+) ttl 255", " ".join(words))
    if words == ("link", "show", "dev", "gre1"):
        if HERE.device is None:
            raise Refusal("Device gre1 does not exist.")
    elif ends:
        save(local=ends.group(2), remote=ends.group(3), **({"up": False} if ends.group(1) == "add" else {}))
    elif words[:4] == ("link", "set", "gre1", "mtu") and words[5:] == ("up",):
        save(mtu=int(words[4]), up=True)
        directory = ROOT + "/sys/class/net/gre1"
        os.makedirs(directory, exist_ok=True)
        for name, value in (("mtu", words[4]), ("flags", "0x91")):
            with open("%s/%s" % (directory, name), "w") as file:
                file.write(value)
    elif words == ("-o", "-4", "address", "show", "dev", "gre1"):
        if "address" in HERE.device:
            print("7: gre1    inet %s scope global gre1" % HERE.device["address"])
    elif words[:2] == ("address", "replace") and words[3:] == ("dev", "gre1"):
        save(address=words[2])
    elif words == ("link", "del", "gre1"):
        os.unlink(STATE + "/gre1")
        shutil.rmtree(ROOT + "/sys/class/net/gre1")
    elif words[:3] == ("-4", "route", "show") and len(words) == 4:
        if accepts() and words[3] == PEER.announced:
            print("%s via %s dev gre1 proto bgp metric 20" % (words[3], PEER.router))
        else:
            print("unreachable %s proto static metric 20" % words[3])
    else:
        raise Unknown


def ping(*words):
    known = re.fullmatch(r"-n -c (\d+) -i ([\d.]+) -W 2( -M do -s (\d+))?( -I gre1)? ([\d.]+)", " ".join(words))
    if not known:
        raise Unknown
    count, size, target = int(known.group(1)), int(known.group(4) or 56), known.group(6)
    if known.group(5):
        if HERE.device is None or size + 28 > HERE.device["mtu"]:
            raise Refusal("local error: message too long")
        answered = carries() and target == PEER.router
        # On both ends: an answer is as encrypted as its question.
        for gateway in (HERE, PEER):
            with open(gateway.state + "/esp", "a") as file:
                file.write("packet\n" * count)
    else:
        answered = target == PEER.address
    for sequence in range(1, count + 1 if answered else 1):
        print("%d bytes from %s: icmp_seq=%d ttl=64 time=%.1f ms" % (size + 8, target, sequence, RTT_MS))
    print("\n%d packets transmitted, %d received" % (count, count if answered else 0))
    if not answered:
        sys.exit(1)


def modprobe(*words):
    if words != ("-r", "ip_gre"):
        raise Unknown


def envoy(*words):
    if words[:5] != ("--mode", "validate", "--log-level", "error", "-c") or len(words) != 6:
        raise Unknown
    if "static_resources" not in json.loads(staged(words[5])):
        raise Refusal("the configuration has no static resources")


def proves(gateway, other):
    """Whether the other gateway's proxy takes the certificate of this one's: of an authority that it trusts, by the name that it demands."""
    shown = glob.glob(gateway.root + "/etc/crossborder/pki/*/certificate.pem")
    trusted = glob.glob(other.root + "/etc/crossborder/pki/*/authorities.pem")
    if len(shown) != 1 or len(trusted) != 1:
        return False
    ask = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "universal_newlines": True}
    told = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", shown[0]], **ask).stdout
    files = [read(path) for path in glob.glob(other.root + "/etc/crossborder/proxy.d/*.json")]
    demanded = [re.findall(r'"exact": "([^"]+\.crossborder\.internal)"', text) for text in files]
    names = [set(found) for found in demanded if found]
    verified = subprocess.run(["openssl", "verify", "-CAfile", trusted[0], shown[0]], **ask).returncode == 0
    return verified and bool(names) and all(found == {one(r"DNS:(\S+)", told)} for found in names)


def backup_keeper(*words):
    if len(words) != 2 or words[0] != "show":
        raise Unknown
    json.loads(staged(words[1]))
    proxy, keeper = "crossborder-proxy.service", "crossborder-backup.service"
    if not HERE.runs(proxy) or not HERE.runs(keeper):
        raise Refusal("the keeper doesn't run")
    opened = "ip saddr %s ip daddr %s tcp dport 8443 accept" % (HERE.address, PEER.local)
    trusted = PEER.runs(proxy) and proves(HERE, PEER) and proves(PEER, HERE)
    link, public = trusted and accepts(), trusted and opened in PEER.table
    state = "down" if not link and not public else "active" if not link else "standby" if public else "standby-unhealthy"
    told = {"state": state, "reason": "as its files have it", "since": 0, "link": link, "public": public, "services": []}
    print(json.dumps(dict(told, cuts=0, calm=True, holdSeconds=0, drainSeconds=0, ageSeconds=0)))


def groups():
    return read(STATE + "/groups").splitlines()


def getent(*words):
    if words[:1] != ("group",) or len(words) != 2:
        raise Unknown
    if words[1] not in groups():
        sys.exit(2)


def groupadd(*words):
    if words[:1] != ("--system",) or len(words) != 2:
        raise Unknown
    with open(STATE + "/groups", "a") as file:
        file.write(words[1] + "\n")


def chgrp(*words):
    if len(words) != 2 or words[0] not in groups() or not os.path.exists(words[1]):
        raise Refusal("invalid group: %s" % " ".join(words))
    # By the file, not its path: it may be renamed.
    with open(STATE + "/grouped", "a") as file:
        file.write("%d %s\n" % (os.stat(words[1]).st_ino, words[0]))


def stat(*words):
    if words[:2] != ("-c", "%a %G") or len(words) != 3:
        raise Unknown
    found = os.stat(words[2])
    grouped = dict(line.split() for line in read(STATE + "/grouped").splitlines())
    group = grouped.get(str(found.st_ino)) or grp.getgrgid(found.st_gid).gr_name
    print("%o %s" % (found.st_mode & 0o7777, group))


def main():
    name, words = os.path.basename(sys.argv[0]), tuple(sys.argv[1:])
    tools = (nft, vtysh, swanctl, ip, ping, modprobe, envoy, getent, groupadd, chgrp, stat, backup_keeper)
    tool = {tool.__name__: tool for tool in tools}[name]
    line = " ".join((name,) + words)
    try:
        if os.environ.get("STUB_USER") != "root":
            raise Refusal("Operation not permitted")
        tool(*words)
    except Refusal as refusal:
        sys.exit(str(refusal))
    except Unknown:
        with open(STATE + "/refused", "a") as file:
            file.write(line + "\n")
        print("no stub knows: %s" % line, file=sys.stderr)
        sys.exit(99)


main()
