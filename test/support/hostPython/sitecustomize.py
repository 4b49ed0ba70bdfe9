"""Has Python on a pretended host see that host's files where the product names them by their absolute paths.

Python reads this file at its start, from PYTHONPATH. The installer knows of CROSSBORDER_ROOT by itself; the programs that it brings
and the commands of manifests don't.
"""

import builtins
import grp
import os
import pwd
import subprocess

ROOT = os.environ["CROSSBORDER_ROOT"]
# What the product looks at and writes, and the kernel's view of network devices.
OWN = ("/usr/local/lib/crossborder/", "/etc/crossborder/", "/etc/swanctl/", "/var/lib/", "/sys/class/net/")
# Has CROSSBORDER_ROOT in view itself.
AWARE = "pki-leaf"
# Owners that packages bring. Nobody can give files away here: they are all the one who runs the test.
OWNERS = ("frr",)


def localised(path):
    return ROOT + path if isinstance(path, str) and path.startswith(OWN) and not path.startswith(ROOT) else path


real_open, real_stat, RealPopen = builtins.open, os.stat, subprocess.Popen
real_user, real_group = pwd.getpwnam, grp.getgrnam


class Popen(RealPopen):
    def __init__(self, argv, *arguments, **options):
        aware = AWARE in (os.path.basename(word) for word in argv[:2])
        words = [word if aware and index > 0 else localised(word) for index, word in enumerate(argv)]
        super().__init__(words, *arguments, **options)


builtins.open = lambda path, *arguments, **options: real_open(localised(path), *arguments, **options)
os.stat = lambda path, **options: real_stat(localised(path), **options)
subprocess.Popen = Popen
pwd.getpwnam = lambda name: pwd.getpwuid(os.geteuid()) if name in OWNERS else real_user(name)
grp.getgrnam = lambda name: grp.getgrgid(os.getegid()) if name in OWNERS else real_group(name)
