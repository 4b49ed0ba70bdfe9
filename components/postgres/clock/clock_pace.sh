#!/bin/sh
# Has chrony measure every few seconds and correct at once what is wrong, whatever sources it has and wherever they are
# configured. Arguments: shortest and longest polling (powers of 2, s); the error above which the clock is stepped, s.
set -eu
shortest=$1 longest=$2 step=$3

# A name is not a source before it is resolved.
tries=60
while ! sources=$(chronyc -n -c sources | grep '^[\^=]'); do
  tries=$((tries - 1))
  if [ "$tries" = 0 ]; then
    echo "chrony has no source of time: name one in its configuration; without it this site would take no writes" >&2
    exit 1
  fi
  sleep 1
done
chronyc makestep "$step" -1 >/dev/null
for address in $(printf '%s\n' "$sources" | cut -d, -f3); do
  chronyc minpoll "$address" "$shortest" >/dev/null
  chronyc maxpoll "$address" "$longest" >/dev/null
done
