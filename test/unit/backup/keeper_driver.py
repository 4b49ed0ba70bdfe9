"""Runs the keeper by a clock that a test tells: a line in is a time, a line out says that its look is over."""

import json
import sys

import backup_keeper

with open(sys.argv[1]) as file:
    keeper = backup_keeper.Keeper(json.load(file))
for line in sys.stdin:
    keeper.step(float(line))
    if keeper.messenger.thread:
        keeper.messenger.thread.join()
    print("done", flush=True)
