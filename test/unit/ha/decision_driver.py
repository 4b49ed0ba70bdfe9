"""Answers each line of JSON {"config", "seen"} with what the decision's functions say of it."""

import json
import sys

from ha_decision import adjustment, decide, must_ask

for line in sys.stdin:
    case = json.loads(line)
    config, seen = case["config"], case["seen"]
    role, reason = decide(config, seen)
    print(json.dumps({
        "role": role,
        "reason": reason,
        "asks": must_ask(config, seen),
        "adjustment": adjustment(config, seen["pin"]),
    }))
