"""Gives a host's sshd a key of its own, step by step, so that it is never served without a key that the deployment knows.

Runs from standard input (`python3 - STEP UNIT …`), as root. Prints one JSON value on standard output; on failure one sentence on
standard error and exit status 1. Needs Python 3.6 and OpenSSH's own programs. CROSSBORDER_ROOT puts another directory in the
place of /, for tests.

adopt UNIT          makes the own key where there is none, and serves it beside those that are served
retire UNIT         serves the own key alone
restore UNIT        undoes the last change of what is served
forget UNIT KEY...  deletes the files of a host key that is not served any more, known by its public half
"""

import contextlib
import glob
import json
import os
import re
import shutil
import subprocess
import sys

ROOT = os.environ.get("CROSSBORDER_ROOT", "")
# Not named as the distribution's keys are: cloud-init deletes ssh_host_* and agents of clouds write them anew.
OWN_KEY = "/etc/ssh/crossborder_ed25519_key"
CONFIGURATION = "/etc/ssh/sshd_config"
DROP_INS = "/etc/ssh/sshd_config.d"
# The first one that is read. Only sshd's of 8.2 or newer read any, and only where the distribution includes them.
DROP_IN = DROP_INS + "/00-crossborder-host-key.conf"
# What was there before the last change: a configuration without a copy was not there.
BACKUP = ".before-crossborder"
HOST_KEY_LINE = re.compile(r"^\s*HostKey[\s=]", re.IGNORECASE)
INCLUDE_LINE = re.compile(r"^\s*Include[\s=].*sshd_config\.d/", re.IGNORECASE | re.MULTILINE)
SECONDS = 60
BOOT_SECONDS = 900


class Failure(Exception):
    pass


def run(argv, seconds=SECONDS):
    environment = dict(os.environ, LC_ALL="C", PATH=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    program = shutil.which(argv[0], path=environment["PATH"])
    if program is None:
        raise Failure("this host has no %s" % argv[0])
    done = subprocess.run(
        [program] + argv[1:],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=seconds,
        env=environment,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failure("%s failed: %s" % (" ".join(argv), said[-1] if said else "status %d" % done.returncode))
    return done.stdout


def await_first_boot():
    """Whatever cloud-init still installs or restarts is not disturbed, and disturbs nothing."""
    if shutil.which("cloud-init") is None:
        return
    # An error in it has a cause that is none of ours, or one that shows in what follows.
    with contextlib.suppress(Failure):
        run(["cloud-init", "status", "--wait"], BOOT_SECONDS)


def read(path):
    try:
        with open(ROOT + path) as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path, text, mode):
    """Replaces a file as a whole; None removes it."""
    if text is None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(ROOT + path)
        return
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(ROOT + path).st_mode & 0o7777
    fresh = ROOT + path + ".crossborder-new"
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(fresh, mode)
    os.rename(fresh, ROOT + path)
    label(path)


def label(path):
    """SELinux: a file made by another program's name has that program's label."""
    if not ROOT and shutil.which("restorecon"):
        run(["restorecon", path])


def served_keys():
    """Files of the keys that sshd serves by its configuration, those that exist; the first of each type counts."""
    # Without a client to think of, old versions refuse a configuration with Match blocks.
    client = "user=root,host=localhost,addr=127.0.0.1,laddr=127.0.0.1,lport=22"
    lines = run(["sshd", "-T", "-C", client, "-f", ROOT + CONFIGURATION]).splitlines()
    named = [line.split(None, 1)[1].strip() for line in lines if line.lower().startswith("hostkey ")]
    return [path for path in named if os.path.exists(ROOT + path)]


def public_key():
    return " ".join(run(["ssh-keygen", "-y", "-f", ROOT + OWN_KEY]).split()[:2])


def make_own_key():
    if read(OWN_KEY) is not None:
        return
    fresh = ROOT + OWN_KEY + ".new"
    for path in (fresh, fresh + ".pub"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", fresh])
    os.unlink(fresh + ".pub")
    with open(fresh) as file:
        os.fsync(file.fileno())
    os.rename(fresh, ROOT + OWN_KEY)
    label(OWN_KEY)


def without_host_keys(text):
    return "".join(line for line in text.splitlines(True) if not HOST_KEY_LINE.match(line))


def wanted_files(keys):
    """Files of sshd's configuration with which it serves exactly these keys, in this order."""
    main = read(CONFIGURATION)
    if main is None:
        raise Failure("this host has no %s" % CONFIGURATION)
    lines = "".join("HostKey %s\n" % key for key in keys)
    if INCLUDE_LINE.search(main):
        others = {
            path[len(ROOT):]: without_host_keys(read(path[len(ROOT):]))
            for path in glob.glob(ROOT + DROP_INS + "/*.conf")
        }
        return dict(others, **{CONFIGURATION: without_host_keys(main), DROP_IN: lines})
    return {CONFIGURATION: lines + without_host_keys(main)}


def backups():
    found = glob.glob(ROOT + "/etc/ssh/*" + BACKUP) + glob.glob(ROOT + DROP_INS + "/*" + BACKUP)
    return [path[len(ROOT):] for path in found]


def forget_backups():
    for path in backups():
        write(path, None, 0)


def put_back():
    for path in backups():
        # A file that was not there before has an empty copy.
        write(path[:-len(BACKUP)], read(path) or None, 0o600)
        write(path, None, 0)


def serve(unit, keys):
    """Has sshd serve exactly these keys. What its own parser refuses, or what can't be loaded, is put back."""
    if served_keys() != keys:
        forget_backups()
        for path, text in wanted_files(keys).items():
            before = read(path)
            if before != text:
                write(path + BACKUP, before or "", 0o600)
                write(path, text, 0o644)
    try:
        run(["sshd", "-t", "-f", ROOT + CONFIGURATION])
        now = served_keys()
        if now != keys:
            raise Failure("sshd would serve %s instead of %s" % (" ".join(now) or "no key", " ".join(keys)))
        # Also when nothing changed: an earlier try may have ended right before this.
        run(["systemctl", "reload", unit])
    except Failure as failure:
        put_back()
        with contextlib.suppress(Failure):
            run(["systemctl", "reload", unit])
        raise Failure("%s; sshd's configuration was put back" % failure)
    return {"hostKey": public_key(), "served": keys}


def adopt(unit):
    await_first_boot()
    make_own_key()
    return serve(unit, [OWN_KEY] + [key for key in served_keys() if key != OWN_KEY])


def retire(unit):
    return serve(unit, [OWN_KEY])


def restore(unit):
    put_back()
    run(["systemctl", "reload", unit])
    return {"served": served_keys()}


def forget(_unit, *known):
    served = served_keys()
    gone = []
    for public in sorted(glob.glob(ROOT + "/etc/ssh/*.pub")):
        private = public[len(ROOT):-len(".pub")]
        if private not in served and tuple((read(private + ".pub") or "").split()[:2]) == known:
            write(private, None, 0)
            write(private + ".pub", None, 0)
            gone.append(private)
    forget_backups()
    return {"gone": gone}


def main(step, *arguments):
    steps = {"adopt": adopt, "retire": retire, "restore": restore, "forget": forget}
    try:
        print(json.dumps(steps[step](*arguments)))
    except (Failure, OSError, subprocess.TimeoutExpired) as failure:
        sys.exit(str(failure))


main(*sys.argv[1:])
