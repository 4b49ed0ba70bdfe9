"""Who answers at the service address here: this site, or the other one through the proxy. Pure functions.

    config   {"site", "primary", "policy", "weights": {"preferred", "pinned"}}
    seen     what the agent knows: {"vrrp", "voicelessSeconds", "role", "pin", "peer"}
      vrrp              keepalived's state: MASTER, BACKUP, or anything else where it has no say (FAULT, STOP, unknown)
      voicelessSeconds  how long it has had no say
      role              what this gateway does now
      pin               {"kind": "hold" | "force" | "prefer", "site"} or None
      peer              {"role", "unanswered"}: what the other site's agent last said of its own role (None: never asked),
                        and how many questions in a row it has left unanswered since
"""

SERVE = "serve"
PROXY = "proxy"

# How long keepalived may have no say before anybody acts on it, s: at a boot, when it has not spoken yet and the link comes up
# too, and when it ends, for it starts again at once.
BOOT_GRACE = 15
RESTART_GRACE = 3
# Questions without an answer that mean that the other site is dead, or cut off on every path. One alone may be weather.
UNANSWERED_ENOUGH = 3


def is_pinned(pin):
    """`prefer` moves priorities and leaves the health of both sites the last word; the others have it themselves."""
    return pin is not None and pin["kind"] in ("hold", "force")


def adjustment(config, pin):
    """What is added to this gateway's VRRP priority."""
    if pin is None or pin["site"] != config["site"]:
        return 0
    return config["weights"]["pinned" if is_pinned(pin) else "preferred"]


def is_voiceless(seen):
    return seen["vrrp"] not in ("MASTER", "BACKUP")


def is_excused(seen):
    grace = BOOT_GRACE if seen["vrrp"] == "unknown" else RESTART_GRACE
    return seen["voicelessSeconds"] < grace


def must_ask(config, seen):
    """Whether the decision depends on what the other site's agent says, over whatever path it can be reached."""
    if is_pinned(seen["pin"]):
        return False
    if is_voiceless(seen):
        return not is_excused(seen)
    return seen["vrrp"] == "MASTER" and config["policy"] == "primary-only" and not config["primary"]


def by_answer(seen, when_given_up):
    """The role that the other site's answer leads to. @param when_given_up where it answers and doesn't serve."""
    peer = seen["peer"]
    if peer["unanswered"] >= UNANSWERED_ENOUGH:
        return SERVE, "the other site answers on no path"
    if peer["unanswered"] > 0 or peer["role"] is None:
        return seen["role"], "the other site is being asked"
    if peer["role"] == SERVE:
        return PROXY, "the other site says that it serves"
    return when_given_up, "the other site says that it does not serve"


def decide(config, seen):
    """(role, reason)."""
    pin = seen["pin"]
    if is_pinned(pin):
        return SERVE if pin["site"] == config["site"] else PROXY, "%s: pinned to %s by hand" % (pin["kind"], pin["site"])
    if is_voiceless(seen):
        if is_excused(seen):
            return seen["role"], "keepalived has no say yet"
        role, reason = by_answer(seen, SERVE if config["primary"] else PROXY)
        return role, "keepalived has no say, and %s" % reason
    if seen["vrrp"] == "BACKUP":
        return PROXY, "the other site holds the address"
    if must_ask(config, seen):
        role, reason = by_answer(seen, SERVE)
        return role, "this site holds the address, and %s" % reason
    return SERVE, "this site holds the address"
