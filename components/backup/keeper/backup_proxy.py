"""The keeper's hands on the proxy: what the proxy says of itself, and the files that it is given."""

import http.client
import json
import os
import re
import socket

from reporting import write_atomically

ADMIN_TIMEOUT = 2


# --- the proxy's own view ---------------------------------------------------------------------------------------


class AdminConnection(http.client.HTTPConnection):
    """HTTP to the proxy's Unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=ADMIN_TIMEOUT)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def read_admin(path, question="/clusters?format=json"):
    """What the proxy says, of its clusters or of something else, or None when it doesn't answer."""
    connection = AdminConnection(path)
    try:
        connection.request("GET", question)
        response = connection.getresponse()
        return json.loads(response.read().decode()) if response.status == 200 else None
    except (OSError, ValueError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def healthy(host):
    status = host.get("health_status", {})
    return not (status.get("failed_active_health_check") or status.get("failed_outlier_check"))


def active_connections(host):
    for stat in host.get("stats", []):
        if stat.get("name") == "cx_active":
            return int(stat.get("value", 0))
    return 0


def look(config):
    """Health of both paths and connections on each; None when the proxy doesn't answer or hasn't checked them yet."""
    answer = read_admin(config["adminSocket"])
    if answer is None:
        return None
    hosts = {cluster["name"]: cluster.get("host_statuses", []) for cluster in answer.get("cluster_statuses", [])}
    public = hosts.get(config["publicCluster"], [])
    services = []
    checked = list(public)
    complete = bool(public)
    for service in config["services"]:
        endpoints = hosts.get(service["cluster"], [])
        link = [host for host in endpoints if not host.get("priority")]
        backup = [host for host in endpoints if host.get("priority")]
        checked += link
        # A service that was just deployed has no endpoints yet.
        complete = complete and bool(link)
        services.append({
            "name": service["name"],
            "link": all(healthy(host) for host in link),
            "connections": {
                "link": sum(active_connections(host) for host in link),
                "backup": sum(active_connections(host) for host in backup),
            },
        })
    if not complete or any(host.get("health_status", {}).get("pending_active_hc") for host in checked):
        return None
    return {
        "link": all(service["link"] for service in services),
        "public": all(healthy(host) for host in public),
        "services": services,
    }


def earliest(parts):
    """The life of the certificate that ends first: {"notBefore", "notAfter"}, ISO 8601; None without any."""
    lives = [{"notBefore": part["valid_from"], "notAfter": part["expiration_time"]} for part in parts]
    return min(lives, key=lambda life: life["notAfter"]) if lives else None


def certificates(config):
    """The lives of the certificate that the proxy presents, and of the authorities that it trusts, as it has loaded them."""
    answer = read_admin(config["adminSocket"], "/certs") or {}
    pairs = answer.get("certificates", [])
    try:
        return {name: earliest(part for pair in pairs for part in pair.get(key, []))
                for name, key in (("certificate", "cert_chain"), ("authority", "ca_cert"))}
    except KeyError:
        return {}


# What comes of the files that the proxy reads: counters for each of its discovery services.
UPDATES = re.compile(r"(cluster_manager\.cds|listener_manager\.lds|cluster\.[^.]+|sds\.[^.]+)\.update_(\w+)\Z")
NAMES = {"cluster_manager.cds": "clusters", "listener_manager.lds": "listeners"}


def subject(service):
    """What a discovery service is about, in words."""
    kind, _, name = service.partition(".")
    return NAMES.get(service) or ("endpoints of %s" if kind == "cluster" else "secret %s") % name


class Updates:
    """Which of its files the proxy refuses: it goes on with what it had, and says so in its counters and its log alone."""

    def __init__(self):
        self.counted = {}
        self.refused = set()
        # Whether an update was refused and another one taken since the last look, in whichever order.
        self.doubtful = False
        self.answered = False

    def look(self, config):
        """Compares the counters with those of the last look. Keeps its opinion of a proxy that doesn't answer."""
        question = "/stats?format=json&filter=update_(rejected|failure|success)$"
        answer = read_admin(config["adminSocket"], question)
        self.answered = answer is not None
        if not self.answered:
            return
        counted = {}
        for stat in answer.get("stats", []):
            match = UPDATES.match(stat.get("name", ""))
            if match:
                good, bad = counted.get(subject(match.group(1)), (0, 0))
                value = int(stat.get("value", 0))
                taken = match.group(2) == "success"
                counted[subject(match.group(1))] = (good + value, bad) if taken else (good, bad + value)
        self.refused.intersection_update(counted)
        self.doubtful = False
        for name, (good, bad) in counted.items():
            good_before, bad_before = self.counted.get(name, (0, 0))
            # A proxy that started anew counts from nothing.
            if good < good_before or bad < bad_before:
                good_before, bad_before = 0, 0
            if bad > bad_before and good > good_before:
                self.doubtful = True
            elif bad > bad_before:
                self.refused.add(name)
            elif good > good_before:
                self.refused.discard(name)
        self.counted = counted


# --- the proxy's files ------------------------------------------------------------------------------------------

# The chain of a service's listener that takes the peer's connections from the link. A cut ends them by another name: their other ends
# are gone, and say so to nobody while the link is away. Until then they would hold the service's locks, and places for those that come by the
# backup path.
LINK_CHAIN = "link"

# The proxy refuses a cluster whose endpoints' file is missing, and a listener may name a new cluster.
ORDER = {"clusters.json": 1, "listeners.json": 2}


def other_drains(config):
    """Epochs of listeners inside the proxy that others drain, by the listener's name."""
    try:
        with open(config["drainsFile"]) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def adjusted(name, content, memory, drains):
    """A file of the proxy as the hold and the drains want it."""
    if name.startswith("endpoints-") and memory["hold"]:
        for group in content["resources"][0]["endpoints"]:
            if group["priority"] == 0:
                for endpoint in group["lb_endpoints"]:
                    endpoint["health_status"] = "DEGRADED"
    if name == "listeners.json":
        for listener in content["resources"]:
            if memory["cuts"] and listener["name"].startswith("site-"):
                for chain in listener["filter_chains"]:
                    if chain["name"] == LINK_CHAIN:
                        chain["name"] = "%s-%d" % (LINK_CHAIN, memory["cuts"])
            own = listener["name"].startswith("backup-")
            if own or "internal_listener" in listener:
                for chain in listener["filter_chains"]:
                    chain["name"] = str(memory["epoch"] if own else drains.get(listener["name"], 0))
    return content


def template_names(config):
    names = [name for name in os.listdir(config["templates"]) if name.endswith(".json")]
    return sorted(names, key=lambda name: (ORDER.get(name, 0), name))


def publish_files(config, memory):
    """Puts every file of the proxy where it reads it, those that differ from what is there."""
    names = template_names(config)
    drains = other_drains(config)
    for name in names:
        target = os.path.join(config["runtime"], name)
        # The template is the first choice; what is there now is that of whoever chooses.
        if name.startswith("choice-") and os.path.exists(target):
            continue
        with open(os.path.join(config["templates"], name)) as file:
            text = json.dumps(adjusted(name, json.load(file), memory, drains), indent=1) + "\n"
        try:
            with open(target) as file:
                same = file.read() == text
        except OSError:
            same = False
        if not same:
            write_atomically(target, text, 0o644)
    for name in os.listdir(config["runtime"]):
        if name.endswith(".json") and name not in names:
            os.unlink(os.path.join(config["runtime"], name))


def read_again(config):
    """Has the proxy read all its files: it does when any is put in place."""
    path = os.path.join(config["runtime"], "clusters.json")
    with open(path) as file:
        text = file.read()
    write_atomically(path, text, 0o644)


def wanted(config, memory):
    """Changes whenever the proxy's files have to be looked at: with a deployment, a decision, or a proxy that started anew."""
    stamps = [os.stat(os.path.join(config["templates"], name)).st_mtime_ns for name in template_names(config)]
    return stamps, os.stat(config["runtime"]).st_ino, memory["hold"], memory["epoch"], memory["cuts"], other_drains(config)
