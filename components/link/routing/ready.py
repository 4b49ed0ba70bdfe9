"""Says whether the link carries routes: ready.py PEER_ADDRESS bfd|bgp. Exit status 0 when it does."""

import json
import subprocess
import sys


def vtysh(command):
    output = subprocess.check_output(("vtysh", "-c", command), universal_newlines=True)
    try:
        return json.loads(output)
    except ValueError:
        # A daemon without configuration answers with a sentence, whatever was asked for.
        return {}


def bfd_status(peer):
    for session in vtysh("show bfd peers json"):
        if session.get("peer") == peer:
            return session.get("status", "unknown")
    return "absent"


def bgp_status(peer):
    peers = vtysh("show bgp ipv4 unicast summary json").get("peers", {})
    return peers.get(peer, {}).get("state", "absent")


def main():
    peer, detector = sys.argv[1:]
    bgp = bgp_status(peer)
    seen = "BGP is %s" % bgp
    ready = bgp == "Established"
    if detector == "bfd":
        bfd = bfd_status(peer)
        seen = "BFD is %s, %s" % (bfd, seen)
        ready = ready and bfd == "up"
    print(seen)
    sys.exit(0 if ready else 1)


main()
