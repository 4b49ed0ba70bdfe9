"""Makes charon use the connection and keys that were just loaded, without losing the tunnel.

Run on the initiator once both ends have committed. What the running SA was made from is remembered in /run, where it
lives exactly as long as the SA can.
"""

import hashlib
import os
import subprocess
import sys
import time

CONNECTIONS = "/etc/swanctl/conf.d/crossborder.conf"
SECRETS = "/etc/swanctl/conf.d/crossborder-secrets.conf"
MEMORY = "/run/crossborder/ipsec-settled"
DEADLINE_SECONDS = 30


def version(path):
    """Content and time: a file that was put right after a change by hand needs a new SA as well."""
    with open(path, "rb") as file:
        return "%s-%d" % (hashlib.sha256(file.read()).hexdigest(), os.stat(path).st_mtime_ns)


def swanctl(*arguments):
    return subprocess.run(
        ("swanctl",) + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )


def established():
    """Unique ids of the IKE SAs of the connection that are up and have their child."""
    ids = set()
    for line in swanctl("--list-sas", "--ike", "peer", "--raw").stdout.splitlines():
        if "state=ESTABLISHED" in line and "state=INSTALLED" in line:
            ids.add(line.split("uniqueid=", 1)[1].split()[0])
    return ids


def wait_for_another(old):
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if established() - old:
            return
        time.sleep(0.2)
    sys.exit("IKE: no new SA with the peer within %d s; the peer may hold other keys or proposals" % DEADLINE_SECONDS)


def main():
    wanted = version(CONNECTIONS), version(SECRETS)
    try:
        with open(MEMORY) as file:
            settled = tuple(file.read().split())
    except FileNotFoundError:
        settled = ()
    old = established()
    if old and settled == wanted:
        return
    if old and settled[:1] == wanted[:1]:
        # The same connection under other keys: authenticate anew, the new SA before the old one goes.
        swanctl("--rekey", "--ike", "peer", "--reauth")
        wait_for_another(old)
    elif old:
        # Another connection: reauthentication would keep the old proposals, so a second one is made beside it.
        swanctl("--initiate", "--child", "gre", "--timeout", str(DEADLINE_SECONDS))
        wait_for_another(old)
        for unique_id in sorted(old & established()):
            swanctl("--terminate", "--ike-id", unique_id, "--timeout", "5")
    else:
        swanctl("--initiate", "--child", "gre", "--timeout", str(DEADLINE_SECONDS))
        wait_for_another(old)
    os.makedirs(os.path.dirname(MEMORY), exist_ok=True)
    with open(MEMORY, "w") as file:
        file.write("\n".join(wanted) + "\n")


main()
