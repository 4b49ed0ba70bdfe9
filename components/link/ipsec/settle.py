"""Makes charon use the connection and keys that were just loaded, without losing the tunnel.

Run on the initiator once both ends have committed. An SA that is younger than the files was made from them.
"""

import os
import re
import subprocess
import sys
import time

CONNECTIONS = "/etc/swanctl/conf.d/crossborder.conf"
SECRETS = "/etc/swanctl/conf.d/crossborder-secrets.conf"
DEADLINE_SECONDS = 30


def swanctl(*arguments):
    return subprocess.run(
        ("swanctl",) + arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True
    )


def established():
    """The IKE SAs of the connection that are up and have their child: unique ids, and ages in seconds."""
    ages = {}
    for line in swanctl("--list-sas", "--ike", "peer", "--raw").stdout.splitlines():
        if "state=ESTABLISHED" in line and "state=INSTALLED" in line:
            ages[re.search(r"uniqueid=(\d+)", line).group(1)] = int(re.search(r"established=(\d+)", line).group(1))
    return ages


def made_before(age, path):
    return age > time.time() - os.stat(path).st_mtime


def another_appears(old, seconds):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if set(established()) - set(old):
            return True
        time.sleep(0.2)
    return False


def demand_another(old):
    if not another_appears(old, DEADLINE_SECONDS):
        sys.exit("IKE: no new SA within %d s; the peer may hold another key or profile" % DEADLINE_SECONDS)


def initiate():
    initiated = swanctl("--initiate", "--child", "gre", "--timeout", str(DEADLINE_SECONDS))
    if initiated.returncode != 0:
        sys.exit("IKE: %s" % initiated.stdout.strip().splitlines()[-1])


def main():
    old = established()
    if not old:
        initiate()
        demand_another(old)
        return
    youngest = min(old.values())
    if made_before(youngest, CONNECTIONS):
        # Reauthentication would keep the old proposals, so a second SA is made beside the first. None appears where
        # charon finds the running one equal to the new connection.
        initiate()
        if another_appears(old, 3):
            for unique_id in old:
                swanctl("--terminate", "--ike-id", unique_id, "--timeout", "5")
            return
    if made_before(youngest, SECRETS):
        # The same connection under another key: authenticate anew, the new SA before the old one goes.
        swanctl("--rekey", "--ike", "peer", "--reauth")
        demand_another(old)


main()
