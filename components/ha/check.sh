#!/bin/sh
# Succeeds while all heartbeats are fresh: check.sh <oldest, s> <file>...
# No process is started and no clock is read that can be set: keepalived runs this every second.
set -u
oldest=$1
shift
read -r up _ </proc/uptime
for heartbeat; do
  read -r at 2>/dev/null <"$heartbeat" || exit 1
  [ $((${up%.*} - at)) -le "$oldest" ] || exit 1
done
