"""Watches what PostgreSQL keeps for a peer that is away, and beats, so that each site knows how much it has seen of the other.

    wal_bound.py run <configuration>     watches for good; started by a unit
    wal_bound.py once <configuration>    one look

A slot keeps WAL until its subscriber took it, up to max_slot_wal_keep_size; beyond it the slot is lost and the peer has to be
rebuilt (`npm run resync`). That is told long before: at half of the bound. The beat is one row for each site in the
replicated table crossborder.heartbeat: the peer's copy of it says up to which time it has seen everything of this site.
What needs a person (crossborder.problems) is counted on the way, for the metrics.
"""

import sys
import time

import site_report as report
from reporting import Metrics, attempt, event, log, remember, tell

# A warning ends this far below the mark that began it, percent of the bound: at the mark itself it would flap.
CLEAR_BELOW = 5

FRESH = {"state": "unknown", "reason": "", "since": 0, "pending": [], "seen": None, "met": False}

LOOK = """
select jsonb_build_object(
  'limitBytes', (
    select case when setting::bigint < 0 then null else setting::bigint * 1048576 end
    from pg_settings where name = 'max_slot_wal_keep_size'
  ),
  'slots', (
    select coalesce(jsonb_agg(jsonb_build_object(
      'name', slot_name,
      'active', active,
      'walStatus', wal_status,
      'retainedBytes', pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)
    ) order by slot_name), '[]')
    from pg_replication_slots where slot_type = 'logical' and database = current_database()
  ),
  'subscriptions', (
    select coalesce(jsonb_agg(jsonb_build_object('name', subscription_name, 'status', status)), '[]')
    from pglogical.show_subscription_status()
  ),
  'problems', (
    select coalesce(jsonb_object_agg(kind, count), '{}')
    from (select kind, count(*) from crossborder.problems where kind <> 'subscription' group by kind) as of_kind
  ),
  'heartbeats', (
    select coalesce(jsonb_object_agg(site, round(extract(epoch from clock_timestamp() - beat_at)::numeric, 3)), '{}')
    from crossborder.heartbeat
  )
)
"""

# Its own answer would stand before the one that is read.
BEAT = "do $$ begin perform crossborder.beat(); end $$;"


def megabytes(count):
    return "%.0f MB" % (count / 1048576.0)


def judge(config, seen, state, met):
    """
    ("ok" | "warning" | "lost" | "waiting", reason). `met` tells whether the slots were ever all there. Lost is what has to be rebuilt; a warning still mends itself when the peer returns.
    `config` gives slots (how the names of those that must be there end) and warnPercent.
    """
    for suffix in config["slots"]:
        if not any(slot["name"].endswith(suffix) for slot in seen["slots"]):
            name = "pgl_%s%s" % (config["database"]["database"], suffix)
            return ("lost", "the slot %s is gone" % name) if met else ("waiting", "no subscriber has made the slot %s yet" % name)
    for slot in seen["slots"]:
        # A slot that was invalidated has no place in the WAL any more.
        if slot["walStatus"] in ("lost", None) or slot["retainedBytes"] is None:
            return "lost", "the slot %s was passed by the bound of the WAL" % slot["name"]
    limit = seen["limitBytes"]
    if limit is None:
        return "warning", "max_slot_wal_keep_size is not set: a peer that is away fills the disk"
    mark = config["warnPercent"] - (CLEAR_BELOW if state == "warning" else 0)
    for slot in seen["slots"]:
        percent = 100.0 * slot["retainedBytes"] / limit if limit else 100.0
        if percent >= mark:
            return "warning", "the slot %s keeps %s of WAL, %.0f %% of the %s that are kept for it" % (
                slot["name"],
                megabytes(slot["retainedBytes"]),
                percent,
                megabytes(limit),
            )
    return "ok", "the WAL that is kept is inside its bound"


def publish(config, memory, now):
    metrics = Metrics([("site", config["site"]), ("host", config["host"])])
    metrics.family("crossborder_postgres_wal_state", "gauge", "1 for the state of what is kept for the peer.",
                   [([("state", state)], int(memory["state"] == state)) for state in ("ok", "warning", "lost", "waiting", "unknown")])
    seen = memory["seen"]
    if seen:
        slots = seen["slots"]
        metrics.family("crossborder_postgres_slot_retained_bytes", "gauge", "WAL that a slot keeps.",
                       [([("slot", slot["name"])], slot["retainedBytes"]) for slot in slots])
        metrics.family("crossborder_postgres_slot_active", "gauge", "1 while the slot's subscriber is connected.",
                       [([("slot", slot["name"])], int(slot["active"])) for slot in slots])
        metrics.family("crossborder_postgres_slot_limit_bytes", "gauge", "WAL that may be kept for a slot; absent without a bound.",
                       [([], seen["limitBytes"])])
        metrics.family("crossborder_postgres_subscription_replicating", "gauge", "1 while a subscription is replicating.",
                       [([("subscription", sub["name"])], int(sub["status"] == "replicating")) for sub in seen["subscriptions"]])
        metrics.family("crossborder_postgres_problems", "gauge", "What needs a person, by kind: rows of crossborder.problems; absent without any.",
                       sorted(([("kind", kind)], count) for kind, count in seen["problems"].items()))
        metrics.family("crossborder_postgres_heartbeat_age_seconds", "gauge", "Age of the newest beat that was seen of a site.",
                       [([("from", site)], age) for site, age in sorted(seen["heartbeats"].items())])
    metrics.family("crossborder_postgres_wal_timestamp_seconds", "gauge", "When this was last looked at; old when nothing looks.",
                   [([], int(now))])
    metrics.publish(config["metricsFile"])


def pass_over(config, database, memory):
    now = time.time()
    before = memory["state"]
    try:
        memory["seen"] = database.json(BEAT + LOOK)
        memory["state"], memory["reason"] = judge(config, memory["seen"], before, memory["met"])
        memory["met"] = memory["met"] or memory["state"] in ("ok", "warning")
    except report.DatabaseError as error:
        memory["seen"] = None
        memory["state"], memory["reason"] = "unknown", str(error)
    if memory["state"] != before:
        memory["since"] = int(now)
        log("WAL for the peer: %s: %s" % (memory["state"], memory["reason"]))
        if (before, memory["state"]) not in (("unknown", "ok"), ("unknown", "waiting"), ("waiting", "ok")):
            figures = {"slots": memory["seen"]["slots"], "limitBytes": memory["seen"]["limitBytes"]} if memory["seen"] else None
            subject = {"subject": "postgres wal"}
            message = event(config, now, subject, before, memory["state"], memory["reason"], figures)
            memory["pending"] = remember(memory["pending"], message)
    save = lambda: attempt("remembering the state", report.save_memory, config["stateFile"], memory)
    save()
    waiting = len(memory["pending"])
    tell(config["webhook"], memory["pending"])
    if len(memory["pending"]) != waiting:
        save()
    attempt("publishing metrics", publish, config, memory, now)


def main(verb, path):
    config = report.load_config(path)
    database = report.Database(config["database"])
    memory = report.load_memory(config["stateFile"], FRESH)
    while True:
        pass_over(config, database, memory)
        if verb == "once":
            return 0 if memory["state"] == "ok" else 1
        time.sleep(config["intervalSeconds"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
