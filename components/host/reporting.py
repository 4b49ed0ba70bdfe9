"""How the product's programs on a host tell what they see: files, metrics, the operator's webhook.

What fails on the way out (a full disk, a webhook that does not answer) is logged and does not keep the rest from
happening; a message that could not be delivered stays pending.
"""

import contextlib
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

WEBHOOK_TIMEOUT = 5
# Changes of state that wait for a webhook that does not answer. Older ones are dropped.
PENDING_MAX = 20


def log(text):
    print(text, file=sys.stderr, flush=True)


def write_atomically(path, text, mode):
    temporary = "%s.%d.tmp" % (path, os.getpid())
    try:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        # The directory may be another user's, who could have put a link there.
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def attempt(what, action, *arguments):
    """Does what may fail, on a full disk for one, and says so. True when it did not."""
    try:
        action(*arguments)
        return True
    except OSError as error:
        log("%s failed: %s" % (what, error.strerror))
        return False


# --- metrics ----------------------------------------------------------------------------------------------------


def escape(value):
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class Metrics:
    """Samples in the text format that node-exporter's textfile collector reads. Each carries the identity's labels."""

    def __init__(self, identity):
        self.identity = identity
        self.lines = []

    def family(self, name, kind, text, samples):
        """Adds a family of samples, each (labels, value). One whose value is None is left out, and an empty family too."""
        samples = [(labels, value) for labels, value in samples if value is not None]
        if not samples:
            return
        self.lines.append("# HELP %s %s" % (name, text))
        self.lines.append("# TYPE %s %s" % (name, kind))
        for labels, value in samples:
            pairs = ",".join('%s="%s"' % (key, escape(text)) for key, text in self.identity + labels)
            self.lines.append("%s{%s} %r" % (name, pairs, value))

    def publish(self, path):
        os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
        write_atomically(path, "\n".join(self.lines) + "\n", 0o644)


# --- the webhook ------------------------------------------------------------------------------------------------


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the message to a place that nobody configured."""

    def redirect_request(self, *args, **kwargs):
        return None


def post(url, body):
    """None when the message was taken, else why not. The URL is a secret and part of no message."""
    if urllib.parse.urlsplit(url).scheme != "https":
        return "its URL is not https"
    request = urllib.request.Request(
        url, data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}, method="POST"
    )
    try:
        opener = urllib.request.build_opener(NoRedirect(), urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=WEBHOOK_TIMEOUT):
            return None
    except urllib.error.HTTPError as error:
        return "it answered %d" % error.code
    except Exception as error:  # whatever a foreign server provokes must not end the run
        return type(getattr(error, "reason", error)).__name__


def event(config, now, subject, before, after, reason, figures):
    """A change of state as the webhook is told of it. The subject is what changed, by its kind: `{"link": "la-sg"}`."""
    return dict(subject, **{
        "from": before,
        "to": after,
        "reason": reason,
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
        "site": config["site"],
        "host": config["host"],
        "figures": figures,
    })


def remember(pending, message):
    """What is pending, and the message; without the oldest where there are too many."""
    return (pending + [message])[-PENDING_MAX:]


def tell(url, pending):
    """Delivers what is pending, oldest first, until one fails. Without a webhook nothing stays pending."""
    if not url:
        del pending[:]
        return
    while pending:
        failure = post(url, pending[0])
        if failure:
            log("the webhook was not reached (%s); %d pending" % (failure, len(pending)))
            return
        pending.pop(0)
