"""Carries the conflicts that pglogical writes to the server's log into the table crossborder.conflict.

    conflict_log.py run <configuration>     reads on from the stored position, again and again
    conflict_log.py once <configuration>    reads what there is, and ends

pglogical 2.4 tells of a conflict in the log only. The log is read as JSON (log_destination = jsonlog), from a position that
names the file by inode and by its first bytes: a restart, a rotation and a rename lose nothing. The position is stored
after the rows are committed, so a crash in between repeats lines; an event's key, a digest of what the log said, makes the
repetition harmless. The same digest folds the lines that an apply worker writes anew each time it retries a transaction.
"""

import hashlib
import json
import os
import re
import sys
import time

import site_report as report
from reporting import Metrics, attempt, log

# Read between two commits, bytes.
CHUNK = 4 << 20
# Conflicts of one commit.
BATCH = 200
# What the program itself replicates: a site's rows are written by that site alone, and the other may not have them yet.
OWN = "crossborder."
# What identifies a file besides its inode, bytes: inodes are used again.
HEAD = 256

FRESH = {"position": None, "counts": {}, "applyError": None, "applyErrors": 0, "gaps": 0, "expiredAt": 0}

EXISTS = re.compile(
    r"CONFLICT: remote (?P<action>INSERT|UPDATE|DELETE) on relation (?P<relation>.+) \(local index (?P<index>.+)\)\. "
    r"Resolution: (?P<resolution>\w+)\.\Z",
    re.S,
)
MISSING = re.compile(
    r"CONFLICT: remote (?P<action>UPDATE|DELETE) on relation (?P<relation>.+) replica identity index (?P<index>.+) "
    r"\(tuple not found\)\. Resolution: (?P<resolution>\w+)\.\Z",
    re.S,
)
LOCAL = re.compile(
    r"existing local tuple \{(?P<tuple>.*)\} xid=\d+,origin=(?P<origin>-?\d+),timestamp=(?P<at>[^;]*); (?=remote tuple \{)",
    re.S,
)
REMOTE = re.compile(
    r"remote tuple \{(?P<tuple>.*)\}.*? in xact origin=(?P<origin>\d+),timestamp=(?P<at>.+?),commit_lsn=(?P<lsn>[0-9A-F]+/[0-9A-F]+)\Z",
    re.S,
)
TIMESTAMP = re.compile(r"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:?\d\d){0,2})?( BC)?\Z")
KINDS = {
    ("INSERT", True): "insert_insert",
    ("UPDATE", True): "update_update",
    ("DELETE", True): "delete_update",
    ("UPDATE", False): "update_delete",
    ("DELETE", False): "delete_delete",
}


# --- understanding a line ---------------------------------------------------------------------------------------


def parse_line(line):
    """The log's record when it is one that matters here: a conflict, or an error of an apply worker."""
    if b'"CONFLICT: ' not in line and not (b'"ERROR"' in line and b'"pglogical apply' in line):
        return None
    try:
        # Long values are cut by bytes, so a line can hold half a character.
        record = json.loads(line.decode("utf-8", "replace"))
    except ValueError:
        return None
    return record if isinstance(record, dict) and isinstance(record.get("message"), str) else None


def timestamp(text):
    """The text when PostgreSQL can read it as a time; pglogical writes words where a time is unknown."""
    return text if TIMESTAMP.match(text) else None


def parse_conflict(record):
    """What the log says of a conflict, as it says it. None when it is not one, or not in words that are known."""
    message, detail = record["message"], record.get("detail") or ""
    match = EXISTS.match(message) or MISSING.match(message)
    if not match:
        return None
    # Greedy: the last place where the detail can be divided, so that a value that looks like a divider stays a value.
    local = LOCAL.match(detail)
    remote = REMOTE.match(detail, local.end() if local else 0)
    if not remote:
        return None
    return {
        "event_key": hashlib.sha256(("%s\n%s" % (message, detail)).encode("utf-8", "replace")).hexdigest(),
        "happened_at": record.get("timestamp"),
        "relation": match.group("relation"),
        "kind": KINDS[(match.group("action"), local is not None)],
        "index_name": match.group("index"),
        "resolution": match.group("resolution"),
        "local_tuple": local.group("tuple") if local else None,
        "local_origin": int(local.group("origin")) if local else None,
        "local_committed_at": timestamp(local.group("at")) if local else None,
        "remote_tuple": remote.group("tuple"),
        "remote_origin": int(remote.group("origin")),
        "remote_committed_at": timestamp(remote.group("at")),
        "remote_lsn": remote.group("lsn"),
    }


def parse_tuple(text, columns):
    """Values by column name. A tuple reads `name[type]:value name[type]:value`; only the table's columns divide it."""
    if text is None:
        return None
    parts = [re.escape(name) + r"\[[^\]]*\]:(.*?)" for name, _ in columns]
    match = re.match(" ".join(parts) + r"\Z", text, re.S)
    if not match:
        return None
    return {name: None if value == "(null)" else value for (name, _), value in zip(columns, match.groups())}


def loser(conflict):
    """The site whose write is in effect no more; None when nothing was lost: the row was to go, and was gone."""
    if conflict["resolution"] == "apply_remote":
        return conflict["local_origin"]
    return None if conflict["kind"] == "delete_delete" else conflict["remote_origin"]


def complete(conflict, site, catalog):
    """Names in place of numbers, values in place of text, by what the database knows of the table and the origins."""
    columns = catalog["columns"].get(conflict["relation"], [])
    local = parse_tuple(conflict["local_tuple"], columns)
    remote = parse_tuple(conflict["remote_tuple"], columns)
    row = dict(conflict)
    for side in ("local_origin", "remote_origin"):
        origin = conflict[side]
        row[side] = site if origin == 0 else catalog["origins"].get(str(origin))
    row["loser"] = loser(row)
    row["local_row"], row["remote_row"] = local, remote
    values = remote or local or {}
    row["key"] = {name: values[name] for name, identity in columns if identity and name in values} or None
    return row


# --- the database -----------------------------------------------------------------------------------------------


CATALOG = """
select jsonb_build_object(
  'origins', (
    select coalesce(jsonb_object_agg(o.roident, n.node_name), '{}')
    from pg_replication_origin o
    join pglogical.subscription s on s.sub_slot_name::text = o.roname
    join pglogical.node n on n.node_id = s.sub_origin
  ),
  'columns', (
    select coalesce(jsonb_object_agg(relation, columns), '{}') from (
      select wanted as relation,
        jsonb_agg(jsonb_build_array(a.attname, coalesce(a.attnum = any(i.indkey::int2[]), false)) order by a.attnum) as columns
      from jsonb_array_elements_text(%s::jsonb) wanted
      join pg_class r on r.oid = to_regclass(wanted)
      join pg_attribute a on a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped
      left join pg_index i on i.indrelid = r.oid
        and case r.relreplident when 'i' then i.indisreplident else i.indisprimary end
      group by wanted
    ) tables
  )
)
"""

INSERT = """
with event as (
  select * from jsonb_to_recordset(%s::jsonb) as e(
    event_key text, happened_at timestamptz, relation text, kind text, key jsonb, index_name text, resolution text,
    loser text, local_tuple text, local_row jsonb, local_origin text, local_committed_at timestamptz,
    remote_tuple text, remote_row jsonb, remote_origin text, remote_committed_at timestamptz, remote_lsn pg_lsn)
), added as (
  insert into crossborder.conflict (
    event_key, source, happened_at, relation, kind, key, index_name, resolution, loser, local_tuple, local_row,
    local_origin, local_committed_at, remote_tuple, remote_row, remote_origin, remote_committed_at, remote_lsn)
  select event_key, 'apply', happened_at, relation, kind, key, index_name, resolution, loser, local_tuple, local_row,
    local_origin, local_committed_at, remote_tuple, remote_row, remote_origin, remote_committed_at, remote_lsn
  from event
  on conflict (event_key) do nothing
  returning kind, resolution
)
select coalesce(jsonb_agg(jsonb_build_array(kind, resolution, n)), '[]')
from (select kind, resolution, count(*) as n from added group by kind, resolution) counted
"""


def store(config, database, conflicts, memory):
    """Commits conflicts. Those that are there already are left, and not counted again."""
    if not conflicts:
        return
    relations = json.dumps(sorted({conflict["relation"] for conflict in conflicts}))
    catalog = database.json(CATALOG % report.literal(relations))
    rows = [complete(conflict, config["site"], catalog) for conflict in conflicts]
    for kind, resolution, count in database.json(INSERT % report.literal(json.dumps(rows))):
        name = "%s %s" % (kind, resolution)
        memory["counts"][name] = memory["counts"].get(name, 0) + count


def expire(config, database, memory, now):
    """Once an hour: a table that only grows would end by filling the disk."""
    if now - memory["expiredAt"] < 3600:
        return
    database.run(
        "delete from crossborder.conflict where recorded_at < now() - interval '%d days'" % config["keepDays"]
    )
    memory["expiredAt"] = int(now)


# --- the log ----------------------------------------------------------------------------------------------------


def head_of(path, length):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read(length)).hexdigest()


def log_files(config):
    """Paths of the log's files, oldest first: the server names them by the time at which it began them."""
    names = [name for name in os.listdir(config["logDirectory"]) if name.startswith(config["logPrefix"]) and ".json" in name]
    return [os.path.join(config["logDirectory"], name) for name in sorted(names) if not name.endswith(".gz")]


def position_in(path, offset):
    """A position that finds the file again under another name."""
    length = min(HEAD, os.stat(path).st_size, offset)
    return {
        "file": os.path.basename(path),
        "inode": os.stat(path).st_ino,
        "headBytes": length,
        "head": head_of(path, length),
        "offset": offset,
    }


def find(position, paths):
    """Index of the file that a position is in, None when it is gone."""
    for index, path in enumerate(paths):
        status = os.stat(path)
        if status.st_ino != position["inode"]:
            continue
        if status.st_size >= position["headBytes"] and head_of(path, position["headBytes"]) == position["head"]:
            return index
    return None


def resume(paths, memory):
    """(index of the file, offset) to read on from."""
    position = memory["position"]
    if position is None:
        return 0, 0
    index = find(position, paths)
    if index is not None:
        size = os.stat(paths[index]).st_size
        return index, position["offset"] if size >= position["offset"] else 0
    later = [i for i, path in enumerate(paths) if os.path.basename(path) >= position["file"]]
    memory["gaps"] += 1
    log("the log %s went before all of it was read; reading on with the next file" % position["file"])
    return (later[0] if later else len(paths) - 1), 0


def whole_lines(path, offset, last):
    """(lines, new offset). Half a line at the end waits for its rest, except in a file that is written no more."""
    with open(path, "rb") as file:
        file.seek(offset)
        data = file.read(CHUNK)
        if len(data) == CHUNK:
            data += file.readline()
    end = len(data) if not last else data.rfind(b"\n") + 1
    return data[:end].splitlines(), offset + end


def note_error(record, memory):
    memory["applyErrors"] += 1
    # The message alone: the detail quotes values of the row.
    memory["applyError"] = {"at": record.get("timestamp"), "message": record["message"]}


def read_once(config, database, memory, save):
    """Reads to the end of the log. The position is saved after each commit. @raises DatabaseError"""
    paths = log_files(config)
    if not paths:
        return
    index, offset = resume(paths, memory)
    # The log is the whole server's.
    name = config["database"]["database"]
    while True:
        lines, reached = whole_lines(paths[index], offset, index == len(paths) - 1)
        records = [record for record in map(parse_line, lines) if record and record.get("dbname") == name]
        conflicts = []
        for record in records:
            conflict = parse_conflict(record)
            if conflict:
                if not conflict["relation"].startswith(OWN):
                    conflicts.append(conflict)
            elif record.get("error_severity") == "ERROR":
                note_error(record, memory)
            else:
                log("a conflict in words that are not known: %s" % record["message"])
        for start in range(0, len(conflicts), BATCH):
            store(config, database, conflicts[start : start + BATCH], memory)
        if reached != offset or memory["position"] is None:
            memory["position"] = position_in(paths[index], reached)
            save(memory)
        if reached == offset or not lines:
            if index == len(paths) - 1:
                return
            index, offset = index + 1, 0
            memory["position"] = position_in(paths[index], 0)
        else:
            offset = reached


def drop_read(config, memory, now):
    """Removes files of the log that were read to their end and are old; the server itself removes none."""
    paths = log_files(config)
    index = find(memory["position"], paths) if memory["position"] else None
    for path in paths[: index or 0]:
        if os.stat(path).st_mtime < now - config["keepLogDays"] * 86400:
            os.unlink(path)
            text = re.sub(r"\.json$", ".log", path)
            if text != path and os.path.exists(text):
                os.unlink(text)


# --- telling ----------------------------------------------------------------------------------------------------


def publish(config, memory, problem, now):
    metrics = Metrics([("site", config["site"]), ("host", config["host"])])
    samples = []
    for name, count in sorted(memory["counts"].items()):
        kind, resolution = name.split(" ")
        samples.append(([("kind", kind), ("resolution", resolution)], count))
    metrics.family("crossborder_postgres_conflicts_total", "counter", "Conflicts recorded, by kind and resolution.", samples)
    metrics.family("crossborder_postgres_apply_errors_total", "counter",
                   "Errors of pglogical's apply workers: each stops a subscription until it is retried.",
                   [([], memory["applyErrors"])])
    metrics.family("crossborder_postgres_log_gaps_total", "counter",
                   "Times that a file of the log went before it was read: conflicts in it are not recorded.",
                   [([], memory["gaps"])])
    metrics.family("crossborder_postgres_conflict_log_up", "gauge", "1 when conflicts can be recorded.", [([], int(problem is None))])
    metrics.family("crossborder_postgres_conflict_log_timestamp_seconds", "gauge",
                   "When the log was last looked at; old when nothing looks.", [([], int(now))])
    metrics.publish(config["metricsFile"])


def pass_over(config, database, memory):
    """One pass. Returns what kept it from recording, None when nothing did."""
    now = time.time()
    problem = None
    save = lambda state: attempt("remembering the position", report.save_memory, config["stateFile"], state)
    try:
        read_once(config, database, memory, save)
        expire(config, database, memory, now)
        drop_read(config, memory, now)
    except report.DatabaseError as error:
        problem = str(error)
    except OSError as error:
        problem = "the log cannot be read: %s" % error.strerror
    save(memory)
    attempt("publishing metrics", publish, config, memory, problem, now)
    return problem


def main(verb, path):
    config = report.load_config(path)
    database = report.Database(config["database"])
    memory = report.load_memory(config["stateFile"], FRESH)
    said = None
    while True:
        problem = pass_over(config, database, memory)
        if problem != said:
            log("conflicts are not recorded: %s" % problem if problem else "conflicts are recorded")
            said = problem
        if verb == "once":
            return 1 if problem else 0
        time.sleep(config["intervalSeconds"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
