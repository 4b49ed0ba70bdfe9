#!/usr/bin/env python3
"""Makes a host agree with a manifest, and puts it back.

One component owns one manifest: packages, artefacts, files, kernel settings, units. Each manifest that arrives is a
generation, known by the digest that the deploying program gave it and numbered per host and component. What was on the
host before the first generation is the baseline; it comes back when the component is removed.

Started in two ways: by the deployment, with this source and a request as one JSON value on standard input (see
`bootstrap` at the end), or later as the saved file with arguments. Needs Python 3.6 and nothing else. Prints one JSON
value on standard output; on failure one sentence on standard error and exit status 1. Neither ever holds what is in a
file. CROSSBORDER_ROOT puts another directory in the place of /, for tests.
"""

import argparse
import contextlib
import datetime
import fcntl
import grp
import hashlib
import json
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time

ROOT = os.environ.get("CROSSBORDER_ROOT", "")
# Only root can give files away; without it (tests in a temporary root) owners are taken as they are.
PRIVILEGED = os.geteuid() == 0
RECORDS = "/var/lib/crossborder"
INSTALLER = "/usr/local/lib/crossborder/installer.py"
# Programs that no package carries: ARTEFACTS/<start of the download's digest>/<name>, the program's digest beside it.
ARTEFACTS = "/usr/local/lib/crossborder/artefacts"
# Copies of downloads by their digest, for hosts that shall not or cannot download.
DOWNLOADS = "/var/cache/crossborder/artefacts"
LOCK = "/run/crossborder.lock"
UNITS = "/etc/systemd/system"
# Exists where SELinux is on; what it is told of files beside the distribution's own rules, by `semanage fcontext`.
SELINUX = "/sys/fs/selinux/enforce"
OWN_LABELS = "/etc/selinux/targeted/contexts/files/file_contexts.local"
UNIT_DIRECTORIES = ("/etc/systemd/", "/usr/lib/systemd/", "/lib/systemd/")

COMMAND_SECONDS = 120
PACKAGE_SECONDS = 900
DOWNLOAD_SECONDS = 600
# A server that says nothing for this long does not answer.
SILENCE_SECONDS = 30
LOCK_SECONDS = 120
# Between two looks at the conditions of a host that is getting ready, and the longest that one of them may take.
READY_PAUSE = 0.5
READY_SECONDS = 15
GENERATIONS_KEPT = 5
EVENTS_KEPT = 50
# Programs are larger than what a small host has of memory to spare: they pass through it piece by piece.
PIECE = 1 << 20
PROGRAM_MODE = 0o755
# The exit status that `run` gives for a program that it ended; as timeout(1) has it.
TIMED_OUT = 124
# Words of a secret file from this length on are masked in what a program printed.
SECRET_WORD = 8


class Failure(Exception):
    """A step that did not work. The message is one sentence that names the step and the cause."""


# ---------------------------------------------------------------------------------------------- running programs


def run(argv, seconds=COMMAND_SECONDS, extra_env=None):
    """Runs a program without a shell and returns (exit status, what it printed)."""
    # Where a package brings an init script beside its unit, systemctl would have that managed too, and reload twice for it.
    environment = dict(os.environ, LC_ALL="C", SYSTEMCTL_SKIP_SYSV="1", **(extra_env or {}))
    # A file instead of a pipe: a daemon that keeps its parent's output open must not keep us waiting.
    with tempfile.TemporaryFile() as output:
        try:
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            return 127, "%s cannot be run: %s" % (argv[0], error.strerror)
        try:
            status = child.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return TIMED_OUT, "%s did not end within %d s" % (argv[0], seconds)
        output.seek(0)
        return status, output.read().decode("utf-8", "replace")


def cause(status, output, secrets=()):
    """The end of what a failed program printed, on one line, without words of secret files."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    text = "; ".join(lines[-3:])
    for word in secrets:
        text = text.replace(word, "***")
    return text[-400:] or "exit status %d" % status


def secret_words(manifest):
    """Words of the files that only their owner may read, longest first; those that everybody may read elsewhere are no secrets."""
    secret, known = set(), set()
    for entry in manifest["files"]:
        words = {w for w in re.split(r"[\s\"'=;:,{}\[\]<>()]+", entry["content"]) if len(w) >= SECRET_WORD}
        mode = int(entry["mode"], 8)
        if mode & 0o077 == 0:
            secret |= words
        elif mode & 0o004:
            known |= words
    return sorted(secret - known, key=len, reverse=True)


def must_run(what, argv, secrets=(), seconds=COMMAND_SECONDS):
    status, output = run(argv, seconds)
    if status != 0:
        raise Failure("%s failed: %s" % (what, cause(status, output, secrets)))
    return output


def systemctl(verb, *units):
    must_run("systemctl %s" % " ".join((verb,) + units), ["systemctl", verb] + list(units))


def words_of(unit, since, secrets):
    """The last that a unit's own processes wrote to the journal since a time, s since 1970; empty where they wrote nothing."""
    # What the processes wrote last may not be there yet.
    run(["journalctl", "--sync"])
    reading = ["journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=3", "--since=@%d" % since]
    status, output = run(reading + ["_SYSTEMD_UNIT=%s" % unit])
    return cause(status, output, secrets) if status == 0 and output.strip() else ""


def operate(verb, unit, secrets):
    """Starts, restarts or reloads a unit. Why that fails is told by the unit, systemctl only refers to it."""
    began = time.time()
    status, output = run(["systemctl", verb, unit])
    if status != 0:
        why = words_of(unit, began, secrets) or cause(status, output, secrets)
        raise Failure("systemctl %s %s failed: %s" % (verb, unit, why))


def enable(verb, *units):
    """`enable` or `disable`. What starts at boot is read at boot: the running systemd need not reload, which is slow."""
    systemctl(verb, "--no-reload", *units)


def unit_states(names):
    """What systemd knows of units: name -> {"enabled": bool, "active": bool, "found": bool, "failed": bool}."""
    if not names:
        return {}
    properties = "--property=LoadState,ActiveState"
    output = must_run("systemctl show", ["systemctl", "show", properties] + list(names))
    blocks = [block for block in output.strip().split("\n\n")]
    if len(blocks) != len(names):
        raise Failure("systemctl show told of %d units instead of %d" % (len(blocks), len(names)))
    states = {}
    for name, block in zip(names, blocks):
        facts = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        states[name] = {
            "found": facts.get("LoadState") not in ("not-found", None),
            "enabled": False,
            "active": facts.get("ActiveState") in ("active", "reloading", "activating", "refreshing"),
            "failed": facts.get("ActiveState") == "failed",
        }
    found = [name for name in names if states[name]["found"]]
    for name, word in zip(found, enablement(found)):
        # A static unit cannot be enabled and does not need it.
        states[name]["enabled"] = word in ("enabled", "static", "indirect", "generated", "alias")
    return states


def enablement(names):
    """Whether units start at boot, in systemd's words. From the disk: what `show` says is as old as the last reload."""
    if not names:
        return []
    _, output = run(["systemctl", "is-enabled"] + list(names))
    words = [line.strip() for line in output.splitlines() if re.match(r"[a-z-]+\Z", line.strip())]
    if len(words) != len(names):
        raise Failure("systemctl is-enabled failed: %s" % cause(1, output))
    return words


def read_sysctl(name):
    """The value of a kernel setting with single spaces, or None where the kernel does not have it."""
    status, output = run(["sysctl", "-n", name])
    return " ".join(output.split()) if status == 0 else None


def write_sysctl(name, value):
    must_run("setting %s" % name, ["sysctl", "-q", "-w", "%s=%s" % (name, value)])


# ---------------------------------------------------------------------------------------------- files


def on_disk(path):
    return ROOT + path


def sync_directory(directory):
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def temporary_name(path):
    return os.path.join(os.path.dirname(path), ".%s.crossborder-new" % os.path.basename(path))


@contextlib.contextmanager
def replacing(path, mode, uid=0, gid=0):
    """Replaces a file by what is written to the one that it yields: whoever reads it sees the old one or the new one,
    with the right mode and owner."""
    temporary = temporary_name(path)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            if PRIVILEGED:
                os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    sync_directory(os.path.dirname(path))


def write_atomically(path, data, mode, uid=0, gid=0):
    with replacing(path, mode, uid, gid) as file:
        file.write(data)


def write_json(path, value):
    write_atomically(path, (json.dumps(value, indent=1) + "\n").encode(), 0o600)


def read_json(path):
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def look(path):
    """What is at a path: None, {"link": target} or {"mode", "uid", "gid", "data"}."""
    try:
        info = os.lstat(on_disk(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(info.st_mode):
        return {"link": os.readlink(on_disk(path))}
    if not stat.S_ISREG(info.st_mode):
        raise Failure("%s is neither a file nor a link" % path)
    with open(on_disk(path), "rb") as file:
        data = file.read()
    return {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid, "data": data}


def put(path, wanted):
    """Brings a path to what `look` would say of it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary_name(on_disk(path)))
    if wanted is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(on_disk(path))
            sync_directory(os.path.dirname(on_disk(path)))
        return
    directory = os.path.dirname(on_disk(path))
    if not os.path.isdir(directory):
        os.makedirs(directory, 0o755)
    if "link" in wanted:
        temporary = temporary_name(on_disk(path))
        os.symlink(wanted["link"], temporary)
        os.rename(temporary, on_disk(path))
        sync_directory(directory)
    else:
        write_atomically(on_disk(path), wanted["data"], wanted["mode"], wanted["uid"], wanted["gid"])


def owner_ids(owner):
    if not PRIVILEGED:
        return os.geteuid(), os.getegid()
    user, _, group = owner.partition(":")
    try:
        return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid
    except KeyError:
        raise Failure("owner %s does not exist on this host" % owner) from None


def sysctl_file(component):
    """Kernel settings live here as well, so that they are back after a reboot."""
    return "/etc/sysctl.d/90-crossborder-%s.conf" % component


def wanted_files(manifest):
    """Path -> what the manifest wants there, in the form of `look`. Its repositories aside."""
    entries = list(manifest["files"])
    if manifest["sysctl"]:
        lines = ["%s = %s\n" % item for item in sorted(manifest["sysctl"].items())]
        path = sysctl_file(manifest["component"])
        entries.append({"path": path, "content": "".join(lines), "mode": "0644"})
    return looks_of(entries)


def looks_of(entries):
    """Path -> what an entry of a manifest wants there, in the form of `look`."""
    files = {}
    for entry in entries:
        uid, gid = owner_ids(entry.get("owner", "root:root"))
        files[entry["path"]] = {
            "mode": int(entry["mode"], 8),
            "uid": uid,
            "gid": gid,
            "data": entry["content"].encode(),
        }
    return files


def attribute_drifts(found, wanted):
    """In what the mode and the owner of a path differ from what is wanted."""
    drifts = []
    if found["mode"] != wanted["mode"]:
        drifts.append("mode is %04o, not %04o" % (found["mode"], wanted["mode"]))
    if (found["uid"], found["gid"]) != (wanted["uid"], wanted["gid"]):
        drifts.append("owner is %(uid)d:%(gid)d" % found + ", not %(uid)d:%(gid)d" % wanted)
    return drifts


def missing_directories(path):
    """Parents of a path that do not exist yet, outermost first."""
    missing = []
    directory = os.path.dirname(path)
    while not os.path.isdir(on_disk(directory)):
        missing.insert(0, directory)
        directory = os.path.dirname(directory)
    return missing


# ---------------------------------------------------------------------------------------------- the manifest

NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
DIGEST = re.compile(r"[0-9a-f]{8,64}\Z")


def command_problems(where, command):
    argv = command.get("argv") if isinstance(command, dict) else None
    if not isinstance(argv, list) or not argv or not all(isinstance(word, str) for word in argv):
        return ["%s has no argv of strings" % where]
    return [] if isinstance(command.get("name"), str) else ["%s has no name" % where]


def artefact_problems(artefact):
    name = artefact.get("name")
    if not NAME.match(str(name)):
        return ["artefact name %r is not one of small letters, digits and dashes" % (name,)]
    found = []
    if not isinstance(artefact.get("version"), str):
        found.append("artefact %s has no version" % name)
    if not re.match(r"[0-9a-f]{64}\Z", str(artefact.get("sha256"))):
        found.append("sha256 of artefact %s is not 64 hexadecimal digits" % name)
    if not str(artefact.get("url")).startswith("https://"):
        found.append("url of artefact %s does not start with https://" % name)
    if not isinstance(artefact.get("member", ""), str):
        found.append("member of artefact %s is not a path" % name)
    return found


def problems(manifest):
    """Everything that is wrong with a manifest."""
    found = []
    if not NAME.match(str(manifest.get("component"))):
        found.append("component is not a name of small letters, digits and dashes")
    programs = set()
    for artefact in wanted_artefacts(manifest):
        wrong = artefact_problems(artefact)
        if not wrong and program_path(artefact) in programs:
            wrong = ["artefact %s appears twice" % artefact["name"]]
        elif not wrong:
            programs.add(program_path(artefact))
        found.extend(wrong)
    paths = set()
    for entry in manifest["files"] + manifest.get("repositories", []):
        path = entry.get("path")
        if not isinstance(path, str) or not path.startswith("/") or os.path.normpath(path) != path:
            found.append("file path %r is not absolute and normal" % (path,))
        elif path in paths:
            found.append("%s appears twice" % path)
        elif os.path.isdir(on_disk(path)):
            found.append("%s is a directory on this host" % path)
        paths.add(path)
        if not re.match(r"0[0-7]{3}\Z", str(entry.get("mode"))):
            found.append("mode of %s is not four octal digits" % path)
        if not isinstance(entry.get("content"), str):
            found.append("%s has no content" % path)
        if not re.match(r"[^:]+:[^:]+\Z", entry.get("owner", "root:root")):
            found.append("owner of %s is not user:group" % path)
    for unit in manifest["units"]:
        if not re.match(r"[A-Za-z0-9@_.:-]+\.[a-z]+\Z", str(unit.get("name"))):
            found.append("unit name %r is not one of systemd's" % (unit.get("name"),))
        for path in unit.get("watches", []):
            if path not in paths:
                found.append("unit %s watches %s, which is not a file of the manifest" % (unit["name"], path))
        if unit.get("onChange") not in ("restart", "reload"):
            found.extend(command_problems("onChange of %s" % unit.get("name"), unit.get("onChange")))
    for name in manifest.get("conflicts", []):
        if not re.match(r"[A-Za-z0-9@_.:-]+\.[a-z]+\Z", str(name)):
            found.append("unit name %r is not one of systemd's" % (name,))
    for label in manifest.get("labels", []):
        if not str(label.get("pattern")).startswith("/") or not re.match(r"[a-z_]+_t\Z", str(label.get("type"))):
            found.append("label %r is no pattern of paths with a type" % (label,))
    for package in manifest["packages"]:
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9+._-]*\Z", package):
            found.append("package name %r is not valid" % package)
    confirm = confirmation(manifest)
    lists = [(key, manifest[key]) for key in ("checks", "teardown", "verify")]
    for key, commands in lists + [(key, confirm[key]) for key in ("settle", "ready")]:
        for command in commands:
            found.extend(command_problems(key, command))
    return found


def validate(manifest):
    if not isinstance(manifest, dict):
        raise Failure("the request has no manifest")
    for key, kind in (("packages", list), ("files", list), ("sysctl", dict), ("units", list), ("checks", list),
                      ("teardown", list), ("verify", list)):
        if not isinstance(manifest.get(key), kind):
            raise Failure("the manifest's %s is missing or of the wrong type" % key)
    for key in ("artefacts", "repositories", "labels", "conflicts"):
        if not isinstance(manifest.get(key, []), list):
            raise Failure("the manifest's %s are of the wrong type" % key)
    found = problems(manifest)
    if found:
        raise Failure("the manifest is refused: %s" % "; ".join(found))


# ---------------------------------------------------------------------------------------------- records


def now():
    return datetime.datetime.utcnow().replace(microsecond=0).isoformat() + "Z"


class Records:
    """What is known on this host of one component, under /var/lib/crossborder/<component>."""

    def __init__(self, component):
        if not NAME.match(component):
            raise Failure("%r is not a component's name" % component)
        self.component = component
        self.directory = on_disk("%s/%s" % (RECORDS, component))
        self.generations = os.path.join(self.directory, "generations")
        self.originals = os.path.join(self.directory, "originals")
        self.journal_path = os.path.join(self.directory, "journal.json")
        self.state = read_json(os.path.join(self.directory, "state.json")) or {
            # Name of the resource that installed last; only it may remove.
            "owner": None,
            # Digest -> number of the generation, and the highest number given.
            "numbers": {},
            "lastNumber": 0,
            "current": None,
            # {"generation": digest or None}: where a rollback of the current generation leads. None: nowhere.
            "previous": None,
            # {"until": time}: the current generation undoes itself then, unless it is confirmed.
            "pending": None,
            "rolledBack": None,
            "packages": [],
            # What was there before the first generation that touched it.
            "baseline": {"files": {}, "directories": [], "sysctl": {}, "units": {}},
            "events": [],
        }
        self.journal = read_json(self.journal_path)

    def exists(self):
        return os.path.exists(os.path.join(self.directory, "state.json"))

    def create(self):
        for directory in (on_disk(RECORDS), self.directory, self.generations, self.originals):
            if not os.path.isdir(directory):
                os.makedirs(directory, 0o700)

    def save(self):
        self.create()
        write_json(os.path.join(self.directory, "state.json"), self.state)

    def note(self, event, generation, why=None):
        entry = {"at": now(), "event": event, "generation": generation, "number": self.number(generation)}
        if why:
            entry["cause"] = why
        self.state["events"] = (self.state["events"] + [entry])[-EVENTS_KEPT:]

    def number(self, digest):
        return self.state["numbers"].get(digest)

    def find(self, digest):
        """The directory of a staged generation, or None."""
        if not digest or not os.path.isdir(self.generations):
            return None
        for name in os.listdir(self.generations):
            if name.endswith("-" + digest):
                return os.path.join(self.generations, name)
        return None

    def manifest(self, digest):
        directory = self.find(digest)
        if directory is None:
            raise Failure("generation %s is not staged on this host" % digest)
        return read_json(os.path.join(directory, "manifest.json"))

    def begin(self, target, dirty):
        """Notes, before anything is touched, what is about to change. Notes of an interrupted change stay."""
        known = self.journal or {"targets": [], "dirty": []}
        self.journal = {
            "at": now(),
            "targets": known["targets"] + ([target] if target else []),
            "dirty": sorted(set(known["dirty"]) | set(dirty)),
        }
        write_json(self.journal_path, self.journal)

    def end(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.journal_path)
        self.journal = None

    def live(self):
        """Digests of the generations that the host is in, may go back to, or has staged since: a commit may follow."""
        state = self.state
        named = [state["current"], (state["previous"] or {}).get("generation")]
        named += (self.journal or {"targets": []})["targets"]
        current = self.number(state["current"]) or 0
        named += [digest for digest, number in state["numbers"].items() if number > current]
        return {digest for digest in named if self.find(digest)}

    def prune(self):
        """Drops all but the last generations, and originals that nothing refers to."""
        names = sorted(os.listdir(self.generations), reverse=True)
        previous = (self.state["previous"] or {}).get("generation")
        for index, name in enumerate(names):
            if index >= GENERATIONS_KEPT and name.split("-")[1] not in (self.state["current"], previous):
                shutil.rmtree(os.path.join(self.generations, name))
        kept = {entry.get("file") for entry in self.state["baseline"]["files"].values() if entry}
        for name in os.listdir(self.originals):
            if name not in kept:
                os.unlink(os.path.join(self.originals, name))


@contextlib.contextmanager
def exclusively(seconds):
    """One installer at a time on a host: components may share daemons."""
    os.makedirs(os.path.dirname(on_disk(LOCK)), exist_ok=True)
    deadline = time.monotonic() + seconds
    with open(on_disk(LOCK), "w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Failure("another installer has held %s for %d s" % (LOCK, seconds)) from None
                time.sleep(0.1)
        yield


# ---------------------------------------------------------------------------------------------- the baseline


def keep_original(records, path):
    found = look(path)
    if found is None or "link" in found:
        return found
    name = hashlib.sha256(path.encode()).hexdigest()[:16]
    write_atomically(os.path.join(records.originals, name), found["data"], 0o600)
    return {"mode": found["mode"], "uid": found["uid"], "gid": found["gid"], "file": name}


def original(records, path):
    entry = records.state["baseline"]["files"][path]
    if entry is None or "link" in entry:
        return entry
    with open(os.path.join(records.originals, entry["file"]), "rb") as file:
        data = file.read()
    return {"mode": entry["mode"], "uid": entry["uid"], "gid": entry["gid"], "data": data}


def all_records():
    """The records of every component on this host, by name. Daemons keep what they remember in directories beside them."""
    parent = on_disk(RECORDS)
    for name in sorted(os.listdir(parent)) if os.path.isdir(parent) else []:
        if NAME.match(name) and os.path.isdir("%s/%s/generations" % (parent, name)):
            yield Records(name)


def remember(records, manifest, files):
    """Takes into the baseline what the manifest is about to touch for the first time."""
    baseline = records.state["baseline"]
    for path in files:
        if path not in baseline["files"]:
            baseline["files"][path] = keep_original(records, path)
        for directory in missing_directories(path):
            if directory not in baseline["directories"]:
                baseline["directories"].append(directory)
    for name in manifest["sysctl"]:
        if name not in baseline["sysctl"]:
            value = read_sysctl(name)
            if value is None:
                raise Failure("this kernel has no setting %s" % name)
            baseline["sysctl"][name] = value
    names = [unit["name"] for unit in manifest["units"]] + manifest.get("conflicts", [])
    new = [name for name in names if name not in baseline["units"]]
    found_at_stage = manifest["priorUnits"]
    states = unit_states(new)
    for name in new:
        prior = found_at_stage.get(name, states[name])
        baseline["units"][name] = {"enabled": prior["found"] and prior["enabled"], "active": prior["active"]}
    records.save()


# ---------------------------------------------------------------------------------------------- artefacts


def wanted_artefacts(manifest):
    return manifest.get("artefacts", [])


def directory_name(artefact):
    return artefact["sha256"][:16]


def program_path(artefact):
    return "%s/%s/%s" % (ARTEFACTS, directory_name(artefact), artefact["name"])


def digest_path(artefact):
    """The file that tells the digest of an installed program. It is written last: without it, none is installed."""
    return program_path(artefact) + ".sha256"


def digest_line(artefact, digest):
    """What that file says, in the form that sha256sum reads."""
    return ("%s  %s\n" % (digest, artefact["name"])).encode()


def cached_path(artefact):
    return "%s/%s" % (DOWNLOADS, artefact["sha256"])


def title(artefact):
    return "%(name)s %(version)s" % artefact


def pieces(file):
    return iter(lambda: file.read(PIECE), b"")


def sha256_of(file):
    digest = hashlib.sha256()
    for piece in pieces(file):
        digest.update(piece)
    return digest.hexdigest()


def program_drifts(artefact):
    """In what an installed program differs from what was installed."""
    path = on_disk(program_path(artefact))
    try:
        info = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return ["is missing"]
    if not stat.S_ISREG(info.st_mode):
        return ["is not a file"]
    with open(path, "rb") as file:
        digest = sha256_of(file)
    recorded = (look(digest_path(artefact)) or {}).get("data", b"")
    uid, gid = owner_ids("root:root")
    found = {"mode": stat.S_IMODE(info.st_mode), "uid": info.st_uid, "gid": info.st_gid}
    drifts = [] if recorded == digest_line(artefact, digest) else ["content differs"]
    return drifts + attribute_drifts(found, {"mode": PROGRAM_MODE, "uid": uid, "gid": gid})


def download(artefact):
    """An open file without a name that holds what the artefact's address serves."""
    # Imported here: it takes longer than all the rest, and the installer starts every second while a host gets ready.
    import http.client
    import urllib.request as request

    # https and nothing else, also where a server redirects to.
    opener = request.OpenerDirector()
    for handler in (
        request.ProxyHandler(),
        request.HTTPSHandler(),
        request.HTTPRedirectHandler(),
        request.HTTPErrorProcessor(),
        request.HTTPDefaultErrorHandler(),
        request.UnknownHandler(),
    ):
        opener.add_handler(handler)
    # Beside the installer, which is always there: where programs go is made once there is one.
    file = tempfile.TemporaryFile(dir=os.path.dirname(on_disk(INSTALLER)))
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    try:
        with opener.open(artefact["url"], timeout=SILENCE_SECONDS) as response:
            for piece in pieces(response):
                file.write(piece)
                if time.monotonic() > deadline:
                    raise Failure("it takes longer than %d s" % DOWNLOAD_SECONDS)
    except (Failure, OSError, http.client.HTTPException) as error:
        file.close()
        failed = "%s cannot be downloaded from %s" % (title(artefact), artefact["url"])
        advice = "a copy at %s would be taken instead" % cached_path(artefact)
        raise Failure("%s: %s; %s" % (failed, getattr(error, "reason", error), advice)) from None
    file.seek(0)
    return file


def fetch(artefact):
    """The artefact's download as an open file whose digest is right, from the host's cache where that has it."""
    source = cached_path(artefact)
    try:
        file = open(on_disk(source), "rb")
    except FileNotFoundError:
        source = artefact["url"]
        file = download(artefact)
    found, wanted = sha256_of(file), artefact["sha256"]
    if found != wanted:
        file.close()
        raise Failure("%s is refused: the SHA-256 of %s is %s, not %s" % (title(artefact), source, found, wanted))
    file.seek(0)
    return file


@contextlib.contextmanager
def program_in(artefact, file):
    """The program inside a download, open."""
    if "member" not in artefact:
        yield file
        return
    # Imported here as in `download`.
    import zipfile

    try:
        with zipfile.ZipFile(file) as archive, archive.open(artefact["member"]) as member:
            yield member
    except (KeyError, NotImplementedError, zipfile.BadZipFile) as error:
        raise Failure("%s cannot be taken out of its download: %s" % (title(artefact), error)) from None


def install_artefact(artefact):
    """Installs a program unless it is there as it was installed. Returns whether it did."""
    if not program_drifts(artefact):
        return False
    path = on_disk(program_path(artefact))
    try:
        with fetch(artefact) as file, program_in(artefact, file) as program:
            os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
            digest = hashlib.sha256()
            with replacing(path, PROGRAM_MODE) as installed:
                for piece in pieces(program):
                    digest.update(piece)
                    installed.write(piece)
        write_atomically(on_disk(digest_path(artefact)), digest_line(artefact, digest.hexdigest()), 0o644)
    except OSError as error:
        raise Failure("%s cannot be installed: %s" % (title(artefact), error.strerror)) from None
    return True


def install_artefacts(manifest):
    for artefact in wanted_artefacts(manifest):
        install_artefact(artefact)


def directories_in_use():
    """Names of the directories below ARTEFACTS that some component's live generations name."""
    used = set()
    for records in all_records():
        for digest in records.live():
            used.update(directory_name(artefact) for artefact in wanted_artefacts(records.manifest(digest)))
    return used


def drop_unused_programs():
    """Removes the programs that nothing on this host refers to any more."""
    parent = on_disk(ARTEFACTS)
    if not os.path.isdir(parent):
        return
    used = directories_in_use()
    for name in os.listdir(parent):
        if name not in used:
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(parent)


# ---------------------------------------------------------------------------------------------- the switch


class Switch:
    """Takes the host from whatever is on it to a manifest, or (None) to the baseline.

    It compares with the disk, not with what a record says was done, so it may be run again after an interruption at any
    point. `changed` and `acted` tell what it did; with `tolerant`, failures are collected in `failures` and the
    rest is done all the same.
    """

    def __init__(self, records, digest, tolerant=False):
        self.records = records
        self.digest = digest
        self.tolerant = tolerant
        self.manifest = records.manifest(digest) if digest else None
        self.secrets = secret_words(self.manifest) if digest else ()
        self.files = wanted_files(self.manifest) if digest else {}
        self.artefacts = wanted_artefacts(self.manifest) if digest else []
        self.sysctl = self.manifest["sysctl"] if digest else {}
        self.units = self.manifest["units"] if digest else []
        self.conflicts = self.manifest.get("conflicts", []) if digest else []
        self.labels = self.manifest.get("labels", []) if digest else []
        self.changed = []
        self.acted = []
        self.failures = []

    def attempt(self, step, *arguments):
        try:
            step(*arguments)
        except (Failure, OSError) as error:
            failure = error if isinstance(error, Failure) else Failure("%s: %s" % (error.filename, error.strerror))
            if not self.tolerant:
                raise failure from None
            self.failures.append(str(failure))

    def leaving(self, kind, staying):
        return [name for name in self.records.state["baseline"][kind] if name not in staying]

    def run(self):
        if self.manifest:
            self.attempt(remember, self.records, self.manifest, self.files)
        for artefact in self.artefacts:
            self.attempt(self.install, artefact)
        differing = [path for path, wanted in self.files.items() if look(path) != wanted]
        leaving_files = self.leaving("files", self.files)
        leaving_units = self.leaving_units()
        self.attempt(self.records.begin, self.digest, differing + leaving_files)

        for name in leaving_units:
            self.attempt(self.stop, name)
        for path in differing:
            self.attempt(self.write, path, self.files[path])
        for path in leaving_files:
            self.attempt(self.restore_file, path)
        self.remove_directories()
        self.attempt(self.relabel)
        for name, value in self.sysctl.items():
            self.attempt(self.set_sysctl, name, value)
        for name in self.leaving("sysctl", self.sysctl):
            self.attempt(self.restore_sysctl, name)

        dirty = set(self.records.journal["dirty"])
        if any(path.startswith(UNIT_DIRECTORIES) for path in dirty):
            self.attempt(systemctl, "daemon-reload")
        self.attempt(self.stand_down)
        self.attempt(self.bring_up, dirty)
        for name in reversed(leaving_units):
            self.attempt(self.restore_unit, name)
        if not self.failures:
            self.forget(leaving_files, leaving_units)

    def earlier_units(self):
        """Units of the manifests that the host may be in: the current one, and those of interrupted changes."""
        digests = [self.records.state["current"]] + (self.records.journal or {"targets": []})["targets"]
        known = [digest for digest in digests if self.records.find(digest)]
        return [unit for digest in known for unit in self.records.manifest(digest)["units"]]

    def leaving_units(self):
        """Units that are not wanted any more, last started first."""
        names = self.leaving("units", {unit["name"] for unit in self.units}.union(self.conflicts))
        order = [unit["name"] for unit in self.earlier_units()]
        return sorted(names, key=lambda name: order.index(name) if name in order else len(order), reverse=True)

    def stop(self, name):
        prior = self.records.state["baseline"]["units"][name]
        state = unit_states([name])[name]
        if not state["found"]:
            return
        # Disabled while its file is still there: systemd finds the links by the file's [Install].
        if not prior["enabled"]:
            enable("disable", name)
        if state["active"]:
            systemctl("stop", name)
        self.acted.append("stop %s" % name)
        # One that had to be killed would be remembered as failed, which the host was not when it was found.
        if unit_states([name])[name]["failed"]:
            systemctl("reset-failed", name)
            self.acted.append("forget that %s failed" % name)

    def install(self, artefact):
        if install_artefact(artefact):
            self.changed.append(program_path(artefact))

    def write(self, path, wanted):
        put(path, wanted)
        self.changed.append(path)

    def restore_file(self, path):
        self.write(path, original(self.records, path))

    def remove_directories(self):
        directories = self.records.state["baseline"]["directories"]
        for directory in sorted(directories, key=len, reverse=True):
            if not any(path.startswith(directory + "/") for path in self.files):
                # One that somebody else put something into stays.
                with contextlib.suppress(OSError):
                    os.rmdir(on_disk(directory))

    def set_sysctl(self, name, value):
        if read_sysctl(name) != " ".join(value.split()):
            write_sysctl(name, value)
            self.acted.append("set %s" % name)

    def restore_sysctl(self, name):
        value = self.records.state["baseline"]["sysctl"][name]
        found = read_sysctl(name)
        # A setting of a network device goes with the device.
        if found is not None and found != value:
            write_sysctl(name, value)
            self.acted.append("restore %s" % name)

    def relabel(self):
        """Tells SELinux what the component's files are, and has them labelled so."""
        if not self.labels or not os.path.exists(on_disk(SELINUX)):
            return
        told = [tell_label(label) for label in self.labels]
        if not any(told) and not self.changed:
            return
        paths = list(self.files) + [program_path(artefact) for artefact in self.artefacts]
        ancestors = sorted({directory for path in paths for directory in parents(path)})
        patterns = [label["pattern"] + r"\Z" for label in self.labels]
        paths += [path for path in ancestors if any(re.match(pattern, path) for pattern in patterns)]
        must_run("restorecon", ["restorecon", "-F"] + [on_disk(path) for path in paths])

    def stand_down(self):
        """Stops what must not run beside the component."""
        for name, state in unit_states(self.conflicts).items():
            if state["found"] and state["enabled"]:
                enable("disable", name)
            if state["active"]:
                systemctl("stop", name)
                self.acted.append("stop %s" % name)

    def bring_up(self, dirty):
        began = time.time()
        states = unit_states([unit["name"] for unit in self.units])
        earlier = self.earlier_units()
        disabled = list(dict.fromkeys(unit["name"] for unit in self.units if not states[unit["name"]]["enabled"]))
        if disabled:
            self.attempt(enable, "enable", *disabled)
            self.acted += ["enable %s" % name for name in disabled]
        fresh = set()
        for unit in self.units:
            name = unit["name"]
            if name in fresh:
                continue
            notice = dirty.intersection(unit["watches"] + self.unwatched(name, earlier))
            if not states[name]["active"] or (notice and unit["onChange"] == "restart"):
                fresh.add(name)
            self.attempt(self.bring_up_unit, unit, states[name], notice)
        for name, state in unit_states([unit["name"] for unit in self.units]).items():
            if not state["active"]:
                self.attempt(self.not_running, name, began)

    def unwatched(self, name, earlier):
        """Paths that a unit had to notice as it was, and that none of its entries watches now: files that leave."""
        watched = {path for unit in self.units if unit["name"] == name for path in unit["watches"]}
        return [path for unit in earlier if unit["name"] == name for path in unit["watches"] if path not in watched]

    def not_running(self, name, began):
        said = words_of(name, began, self.secrets)
        raise Failure("%s is not running after it was started%s" % (name, said and ": " + said))

    def bring_up_unit(self, unit, state, notice):
        name = unit["name"]
        if not state["active"]:
            if state["failed"]:
                systemctl("reset-failed", name)
            operate("start", name, self.secrets)
            self.acted.append("start %s" % name)
        elif notice:
            action = unit["onChange"]
            if isinstance(action, dict):
                must_run("%s (of %s)" % (action["name"], name), action["argv"], self.secrets)
                self.acted.append("%s (of %s)" % (action["name"], name))
            else:
                operate(action, name, self.secrets)
                self.acted.append("%s %s" % (action, name))

    def restore_unit(self, name):
        prior = self.records.state["baseline"]["units"][name]
        if prior["enabled"]:
            enable("enable", name)
        if prior["active"]:
            systemctl("start", name)
            self.acted.append("start %s" % name)

    def forget(self, leaving_files, leaving_units):
        """Takes out of the baseline what is back as it was."""
        baseline = self.records.state["baseline"]
        for path in leaving_files:
            del baseline["files"][path]
        for name in leaving_units:
            del baseline["units"][name]
        for name in self.leaving("sysctl", self.sysctl):
            del baseline["sysctl"][name]
        baseline["directories"] = [d for d in baseline["directories"] if os.path.isdir(on_disk(d))]


def differs(records, manifest):
    """Whether the host differs from a manifest."""
    if any(program_drifts(artefact) for artefact in wanted_artefacts(manifest)):
        return True
    if any(look(path) != wanted for path, wanted in wanted_files(manifest).items()):
        return True
    if any(read_sysctl(name) != " ".join(value.split()) for name, value in manifest["sysctl"].items()):
        return True
    if running_conflicts(manifest):
        return True
    states = unit_states([unit["name"] for unit in manifest["units"]]).values()
    return not all(state["enabled"] and state["active"] for state in states)


def running_conflicts(manifest):
    """Units that run, or start at boot, and must not."""
    states = unit_states(manifest.get("conflicts", []))
    return [name for name, state in states.items() if state["found"] and (state["enabled"] or state["active"])]


# ---------------------------------------------------------------------------------------------- the rollback timer


def timer_name(component):
    return "crossborder-rollback-%s" % component


def text_of(path):
    """A text file's content, or None where there is no file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def timer_file(component, kind):
    """Where the timer, or the service that it starts, lies on disk. Both stay between changes: systemd reads slowly."""
    return on_disk("%s/%s.%s" % (UNITS, timer_name(component), kind))


def arm(component, seconds):
    """Starts, or starts anew, the timer that undoes the current generation. It is enabled: a reboot does not stop it."""
    service = (
        "[Unit]\nDescription=Undo an unconfirmed change of %s\n"
        "[Service]\nType=oneshot\nExecStart=/usr/bin/env python3 %s rollback --component %s\n"
    ) % (component, INSTALLER, component)
    timer = (
        "[Unit]\nDescription=Undo %s unless it is confirmed in time\n"
        "[Timer]\nOnActiveSec=%d\nAccuracySec=1s\n[Install]\nWantedBy=timers.target\n"
    ) % (component, seconds)
    changed = False
    for kind, content in (("service", service), ("timer", timer)):
        path = timer_file(component, kind)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if text_of(path) != content:
            write_atomically(path, content.encode(), 0o644)
            changed = True
    if changed:
        systemctl("daemon-reload")
    enable("enable", timer_name(component) + ".timer")
    restart_timer(component)


def restart_timer(component):
    """Gives an armed timer its whole time anew."""
    systemctl("restart", timer_name(component) + ".timer")


def disarm(component):
    """Stops the timer, now and for boots to come."""
    if os.path.exists(timer_file(component, "timer")):
        enable("disable", "--now", timer_name(component) + ".timer")


def remove_timer(component):
    disarm(component)
    for kind in ("timer", "service"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(timer_file(component, kind))


# ---------------------------------------------------------------------------------------------- operations


def missing_packages(names):
    if shutil.which("dpkg-query"):
        _, output = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n"] + names)
        present = {line.split()[0] for line in output.splitlines() if line.endswith(" installed")}
        return [name for name in names if name not in present]
    return [name for name in names if run(["rpm", "-q", "--whatprovides", name])[0] != 0]


def install_packages(names):
    """Installs the packages that are not there, and returns them. Does not touch the network when all are there."""
    missing = missing_packages(names) if names else []
    if not missing:
        return []
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    if shutil.which("apt-get"):
        keep = ["-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=300"]
        install = ["apt-get", "install", "-y", "--no-install-recommends"] + keep + missing
        refresh = ["apt-get", "update"]
    elif shutil.which("dnf") or shutil.which("yum"):
        # CentOS 7 has yum alone, with the same words.
        tool = "dnf" if shutil.which("dnf") else "yum"
        install = [tool, "install", "-y"] + missing
        refresh = [tool, "makecache"]
    else:
        raise Failure("packages %s are missing and this host has none of apt-get, dnf and yum" % ", ".join(missing))
    # A host that never fetched its package lists, or whose lists are too old, needs them once.
    if run(install, PACKAGE_SECONDS, quiet)[0] != 0:
        run(refresh, PACKAGE_SECONDS, quiet)
        status, output = run(install, PACKAGE_SECONDS, quiet)
        if status != 0:
            raise Failure("installing %s failed: %s" % (", ".join(missing), cause(status, output)))
    return missing


def parents(path):
    """The directories above a path, the root aside."""
    while os.path.dirname(path) != "/":
        path = os.path.dirname(path)
        yield path


def tell_label(label):
    """Tells SELinux the type of paths, unless it knows. Returns whether it was told."""
    own = [line.split() for line in (text_of(on_disk(OWN_LABELS)) or "").splitlines()]
    known = [words[-1] for words in own if words and words[0] == label["pattern"]]
    if any(":%s:" % label["type"] in context for context in known):
        return False
    verb = "-m" if known else "-a"
    must_run("semanage fcontext", ["semanage", "fcontext", verb, "-t", label["type"], label["pattern"]])
    return True


def write_tree(directory, files):
    for path, wanted in files.items():
        target = directory + path
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        write_atomically(target, wanted["data"], wanted["mode"], wanted["uid"], wanted["gid"])


def run_checks(manifest, stage):
    secrets = secret_words(manifest)
    for check in manifest["checks"]:
        argv = [word.replace("{stage}", stage) for word in check["argv"]]
        must_run("check %r" % check["name"], argv, secrets)


def stage_new(records, manifest, digest):
    """Brings what the checks need, writes the files beside the live ones, and checks them."""
    install_artefacts(manifest)
    units = [unit["name"] for unit in manifest["units"]]
    prior = unit_states(units)
    for path, wanted in looks_of(manifest.get("repositories", [])).items():
        if look(path) != wanted:
            put(path, wanted)
    installed = install_packages(list(manifest["packages"]))
    if installed:
        # Packages start their daemons; nothing runs before it is configured.
        for name, state in unit_states(units).items():
            if state["found"] and not prior[name]["found"]:
                systemctl("disable", name)
                systemctl("stop", name)
    records.create()
    staging = os.path.join(records.directory, "staging")
    shutil.rmtree(staging, ignore_errors=True)
    os.makedirs(staging, 0o700)
    try:
        write_json(os.path.join(staging, "manifest.json"), dict(manifest, priorUnits=prior))
        write_tree(os.path.join(staging, "root"), wanted_files(manifest))
        run_checks(manifest, os.path.join(staging, "root"))
        number = records.state["lastNumber"] + 1
        os.rename(staging, os.path.join(records.generations, "%04d-%s" % (number, digest)))
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    records.state["lastNumber"] = number
    records.state["numbers"][digest] = number
    records.state["packages"] = sorted(set(records.state["packages"]) | set(installed))


def stage(records, request):
    """Puts a generation beside the current one and lets the daemons' own parsers read it."""
    manifest, digest = request["manifest"], request["generation"]
    if not DIGEST.match(str(digest)):
        raise Failure("the generation's digest is not 8 to 64 hexadecimal digits")
    validate(manifest)
    if manifest["component"] != records.component:
        raise Failure("the manifest is of component %s" % manifest["component"])
    known = records.find(digest)
    try:
        if known is None:
            stage_new(records, manifest, digest)
        elif digest != records.state["current"] and records.number(digest) != records.state["lastNumber"]:
            # Wanted once more: it is newer than what came in between, and its programs may have gone since.
            install_artefacts(manifest)
            number = records.state["lastNumber"] + 1
            os.rename(known, os.path.join(records.generations, "%04d-%s" % (number, digest)))
            records.state["lastNumber"] = number
            records.state["numbers"][digest] = number
    except BaseException:
        drop_unused_programs()
        raise
    records.state["owner"] = request["owner"]
    records.save()
    return {"result": "staged", "generation": digest, "number": records.number(digest)}


def put_back(records, digest):
    """Restores a generation, or the baseline (None), as far as it goes. Returns (what was done, whether all was)."""
    switch = Switch(records, digest, tolerant=True)
    switch.run()
    name = "generation %d" % records.number(digest) if digest else "what was there before"
    done = switch.changed + switch.acted
    phrase = "%s is back%s" % (name, " (%s)" % ", ".join(done) if done else "")
    if switch.failures:
        return "%s; could not be put back: %s" % (phrase, "; ".join(switch.failures)), False
    return phrase, True


def commit(records, digest, confirm_within=None):
    """Makes a staged generation the current one, or leaves everything as it was."""
    state = records.state
    manifest = records.manifest(digest)
    before = state["current"]
    if digest == before and not records.journal and not differs(records, manifest):
        if state["pending"]:
            set_pending(records, confirm_within)
            records.save()
        return committed(records, manifest, "unchanged")

    unconfirmed = state["pending"] is not None
    to_confirm = confirm_within and (digest != before or unconfirmed)
    switch = Switch(records, digest)
    try:
        if to_confirm:
            # Before anything is touched: whatever happens to us from here on, the host undoes it.
            arm(records.component, confirm_within)
        switch.run()
    except Failure as failure:
        phrase, complete = put_back(records, before)
        undone(records, digest, "put-back", str(failure))
        if not unconfirmed:
            disarm(records.component)
        finish(records, complete)
        raise Failure("%s; %s" % (failure, phrase)) from None

    if digest != before and not unconfirmed:
        state["previous"] = {"generation": before}
    if digest != before or unconfirmed:
        set_pending(records, confirm_within, armed=to_confirm)
    state["current"] = digest
    records.note("repaired" if digest == before else "installed", digest)
    finish(records, True)
    records.prune()
    result = committed(records, manifest, "repaired" if digest == before else "changed")
    result.update(files=switch.changed, actions=switch.acted)
    return result


def confirmation(manifest):
    return manifest.get("confirm") or {"settle": [], "ready": []}


def committed(records, manifest, result):
    """The outcome of a commit, and what is left to do until it can be confirmed."""
    confirm = confirmation(manifest)
    conditions = [command["name"] for command in confirm["ready"]]
    return dict(outcome(records, result), settles=bool(confirm["settle"]), conditions=conditions)


def undone(records, digest, event, why):
    records.state["rolledBack"] = {
        "generation": digest,
        "number": records.number(digest),
        "at": now(),
        "cause": why,
    }
    records.note(event, digest, why)


def finish(records, complete):
    """Saves the outcome of a change; the journal of one that could not be put back whole stays for the next run."""
    records.save()
    if complete:
        records.end()
    drop_unused_programs()


def set_pending(records, confirm_within, armed=False):
    if confirm_within:
        if armed:
            restart_timer(records.component)
        else:
            arm(records.component, confirm_within)
        until = datetime.datetime.utcnow() + datetime.timedelta(seconds=confirm_within)
        records.state["pending"] = {"until": until.replace(microsecond=0).isoformat() + "Z"}
    else:
        records.state["pending"] = None
        disarm(records.component)


def outcome(records, result):
    state = records.state
    return {
        "result": result,
        "component": records.component,
        "generation": state["current"],
        "number": records.number(state["current"]),
        "pending": state["pending"] is not None,
    }


def apply(records, request):
    stage(records, request)
    try:
        return commit(records, request["generation"])
    except Failure:
        # Nothing of a first installation that failed is left to remove, so nobody would.
        if records.state["current"] is None and not any(records.state["baseline"].values()):
            tidy(records)
        raise


def require_current(records, digest):
    if records.state["current"] == digest:
        return
    rolled_back = records.state["rolledBack"]
    if rolled_back and rolled_back["generation"] == digest:
        raise Failure("generation %s was rolled back at %s: %s" % (digest, rolled_back["at"], rolled_back["cause"]))
    raise Failure("generation %s is not the current one" % digest)


def confirm(records, digest):
    require_current(records, digest)
    if records.state["pending"]:
        set_pending(records, None)
        records.note("confirmed", digest)
        records.save()
    return outcome(records, "confirmed")


def settle(records, digest):
    require_current(records, digest)
    manifest = records.manifest(digest)
    for command in confirmation(manifest)["settle"]:
        must_run(command["name"], command["argv"], secret_words(manifest))
    return outcome(records, "settled")


def unmet(manifest):
    """The conditions of a ready host that do not hold, each with what is seen instead."""
    waiting = []
    for command in confirmation(manifest)["ready"]:
        status, output = run(command["argv"], READY_SECONDS)
        if status != 0:
            seen = "no answer within %d s" % READY_SECONDS
            if status != TIMED_OUT:
                seen = cause(status, output, secret_words(manifest))
            waiting.append({"name": command["name"], "cause": seen})
    return waiting


def ready(records, digest, within):
    """Whether the host is ready, now or within so many seconds: to look again here spares starts and round trips."""
    require_current(records, digest)
    manifest = records.manifest(digest)
    deadline = time.monotonic() + within
    waiting = unmet(manifest)
    while waiting and time.monotonic() < deadline:
        time.sleep(READY_PAUSE)
        waiting = unmet(manifest)
    return dict(outcome(records, "ready" if not waiting else "waiting"), ready=not waiting, waiting=waiting)


def rollback(records, digest=None, why="not confirmed in time"):
    """Undoes the current generation. Without a digest (the timer) only one that still waits for confirmation."""
    state = records.state
    interrupted = records.journal is not None
    undo = state["pending"] is not None if digest is None else digest == state["current"]
    if not undo and not interrupted:
        disarm(records.component)
        return outcome(records, "nothing to roll back")
    if undo and state["previous"] is None:
        raise Failure("generation %s has no recorded predecessor to go back to" % state["current"])
    left = state["current"] if undo else (records.journal["targets"] or [None])[-1]
    target = state["previous"]["generation"] if undo else state["current"]
    phrase, complete = put_back(records, target)
    if target:
        # The daemons may still run what is undone. That the peer is not back yet must not keep us from being back.
        for command in confirmation(records.manifest(target))["settle"]:
            run(command["argv"])
    if undo:
        state.update(current=target, previous=None, pending=None)
    undone(records, left, "rolled-back", why)
    finish(records, complete)
    disarm(records.component)
    if not complete:
        raise Failure(phrase)
    return dict(outcome(records, "rolled back"), detail=phrase)


def remove(records, owner, digest):
    """Takes the component off the host, unless what is there is not the caller's or newer than it knows."""
    state = records.state
    if not records.exists():
        tidy(records)
        return {"result": "nothing installed", "component": records.component}
    if state["owner"] is not None and state["owner"] != owner:
        return dict(outcome(records, "kept"), why="%s owns it, not %s" % (state["owner"], owner))
    named, installed = records.number(digest), records.number(state["current"])
    if named is not None and installed is not None and installed > named:
        return dict(outcome(records, "kept"), why="generation %d is newer than %d" % (installed, named))
    interrupted = (records.journal or {"targets": []})["targets"]
    last = state["current"] or (interrupted[-1] if interrupted else None)
    warnings = []
    for command in records.manifest(last)["teardown"] if last else []:
        status, output = run(command["argv"])
        if status != 0:
            warnings.append("%s: %s" % (command["name"], cause(status, output)))
    remove_timer(records.component)
    switch = Switch(records, None)
    switch.run()
    state["current"] = None
    finish(records, True)
    tidy(records)
    result = {"result": "removed", "component": records.component, "files": switch.changed, "actions": switch.acted}
    return dict(result, warnings=warnings)


def tidy(records):
    """Removes the records of a component, and with the last one the installer itself."""
    shutil.rmtree(records.directory, ignore_errors=True)
    drop_unused_programs()
    parent = on_disk(RECORDS)
    if os.path.isdir(parent) and os.listdir(parent):
        return
    with contextlib.suppress(OSError):
        os.rmdir(parent)
    with contextlib.suppress(OSError):
        os.unlink(on_disk(INSTALLER))
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(on_disk(INSTALLER)))


def file_drifts(path, wanted):
    found = look(path)
    if found is None:
        return ["is missing"]
    if "link" in found:
        return ["is a link"]
    drifts = []
    if found["data"] != wanted["data"]:
        drifts.append("content differs")
    return drifts + attribute_drifts(found, wanted)


def verify(records, digest=None):
    """Everything in which the host differs from the current generation."""
    current = records.state["current"]
    drifts = []

    def drift(kind, subject, detail):
        drifts.append({"kind": kind, "subject": subject, "detail": detail})

    if digest is not None and current != digest:
        drift("generation", records.component, "%s is installed, not %s" % (current or "nothing", digest))
    if records.journal:
        drift("generation", records.component, "a change was interrupted at %s" % records.journal["at"])
    if records.state["pending"]:
        drift("generation", records.component, "unconfirmed, undone at %s" % records.state["pending"]["until"])
    if current is not None:
        manifest = records.manifest(current)
        for artefact in wanted_artefacts(manifest):
            for detail in program_drifts(artefact):
                drift("artefact", program_path(artefact), detail)
        for path, wanted in wanted_files(manifest).items():
            for detail in file_drifts(path, wanted):
                drift("file", path, detail)
        for name, value in manifest["sysctl"].items():
            found = read_sysctl(name)
            if found != " ".join(value.split()):
                drift("sysctl", name, "is %s, not %s" % (found, value))
        for name, state in unit_states([unit["name"] for unit in manifest["units"]]).items():
            if not state["enabled"]:
                drift("unit", name, "is not enabled")
            if not state["active"]:
                drift("unit", name, "is not active")
        for name in running_conflicts(manifest):
            drift("unit", name, "must not run beside this component")
        for command in manifest["verify"]:
            status, output = run(command["argv"])
            if status != 0:
                drift("command", command["name"], cause(status, output, secret_words(manifest)))
    return dict(outcome(records, "verified"), drifts=drifts)


def status():
    components = {}
    for records in all_records():
        state = records.state
        components[records.component] = {
            "generation": state["current"],
            "number": records.number(state["current"]),
            "owner": state["owner"],
            "pending": state["pending"],
            "rolledBack": state["rolledBack"],
            "interrupted": records.journal is not None,
            "packagesInstalled": state["packages"],
            "events": state["events"],
        }
    return components


# ---------------------------------------------------------------------------------------------- entry


def save_installer(source):
    """Keeps this program on the host, for the operations that come later."""
    path = on_disk(INSTALLER)
    data = source.encode()
    found = look(INSTALLER)
    if found is None or found.get("data") != data:
        os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
        write_atomically(path, data, 0o755)


def bootstrap(request):
    """An operation that came over standard input: `apply` or `stage`, with the manifest and this very source."""
    operation = {"apply": apply, "stage": stage}.get(request.get("op"))
    if operation is None:
        raise Failure("%r is not an operation of the bootstrap" % request.get("op"))
    component = str((request.get("manifest") or {}).get("component"))
    with exclusively(LOCK_SECONDS):
        records = Records(component)
        save_installer(request["installer"])
        try:
            return operation(records, request)
        except (Failure, OSError):
            if not records.exists():
                tidy(records)
            raise


def parse(arguments):
    parser = argparse.ArgumentParser(prog="installer.py", description="Host configuration of crossborder.")
    operations = parser.add_subparsers(dest="operation", metavar="operation")
    operations.required = True
    for name in ("commit", "confirm", "settle", "ready", "rollback", "remove", "verify", "status"):
        operation = operations.add_parser(name)
        operation.add_argument("--lock-wait", type=int, default=LOCK_SECONDS, metavar="SECONDS")
        if name != "status":
            operation.add_argument("--component", required=True)
            operation.add_argument("--generation", required=name not in ("rollback", "verify"))
        if name == "commit":
            operation.add_argument("--confirm-within", type=int, metavar="SECONDS")
        if name == "ready":
            operation.add_argument("--within", type=int, default=0, metavar="SECONDS")
        if name == "remove":
            operation.add_argument("--owner", required=True)
        if name == "rollback":
            operation.add_argument("--cause", default="not confirmed in time")
    return parser.parse_args(arguments)


def later(arguments):
    """An operation on what is on the host already."""
    with exclusively(arguments.lock_wait):
        if arguments.operation == "status":
            return status()
        records = Records(arguments.component)
        generation = arguments.generation
        return {
            "commit": lambda: commit(records, generation, arguments.confirm_within),
            "confirm": lambda: confirm(records, generation),
            "settle": lambda: settle(records, generation),
            "ready": lambda: ready(records, generation, arguments.within),
            "rollback": lambda: rollback(records, generation, arguments.cause),
            "remove": lambda: remove(records, arguments.owner, generation),
            "verify": lambda: verify(records, generation),
        }[arguments.operation]()


def main(request):
    # A connection that breaks must not end a change half-way.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    os.umask(0o022)
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/local/sbin:/usr/sbin:/sbin"
    component = "crossborder"
    try:
        if not PRIVILEGED and not ROOT:
            raise Failure("the installer has to run as root")
        if request is not None:
            component = str((request.get("manifest") or {}).get("component"))
            result = bootstrap(request)
        else:
            arguments = parse(sys.argv[1:])
            component = getattr(arguments, "component", component)
            result = later(arguments)
    except (Failure, OSError) as failure:
        text = str(failure) if isinstance(failure, Failure) else "%s: %s" % (failure.filename, failure.strerror)
        sys.stderr.write("%s: %s: %s\n" % (os.uname().nodename, component, text))
        return 1
    print(json.dumps(result, sort_keys=True))
    return 0


if __name__ == "__main__":
    # The bootstrap command read the request into `d` before it ran this source.
    sys.exit(main(globals().get("d")))
