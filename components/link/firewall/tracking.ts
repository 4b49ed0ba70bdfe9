import type { HostFile } from "../../host/manifest";

export const TRACKING_SCRIPT = "/usr/local/lib/crossborder/tracking";

/**
 * Connections that a gateway can at least track, 320 bytes each. A user's takes two in each gateway: with the proxy, and from the
 * proxy on. By itself a kernel gives that many to a machine of more than 1 GiB (nf_conntrack_max in the kernel's
 * nf_conntrack-sysctl), and 4,096 to one of 512 MiB, beyond which the firewall would drop new ones without a word.
 */
export const TRACKED_CONNECTIONS = 65_536;

const MAX = "/proc/sys/net/netfilter/nf_conntrack_max";
/** What it was before. Memory: a boot begins anew, for both. */
const BEFORE = "/run/crossborder-conntrack-max";

/** Raises the bound where it is lower, and puts it back. By the firewall's unit: the kernel has no such setting before rules need it. */
export function renderTracking(): HostFile {
  const content = `#!/bin/sh
# Has the kernel track ${TRACKED_CONNECTIONS} connections at least: tracking up|down.
set -eu
case "\${1:-}" in
up)
  now=$(cat ${MAX})
  if [ "$now" -lt ${TRACKED_CONNECTIONS} ]; then
    [ -e ${BEFORE} ] || echo "$now" >${BEFORE}
    echo ${TRACKED_CONNECTIONS} >${MAX}
  fi
  ;;
down)
  [ -e ${BEFORE} ] || exit 0
  # What somebody else has set since is theirs.
  if [ "$(cat ${MAX})" = ${TRACKED_CONNECTIONS} ]; then
    cat ${BEFORE} >${MAX}
  fi
  rm ${BEFORE}
  ;;
*)
  echo "usage: tracking up|down" >&2
  exit 2
  ;;
esac
`;
  return { path: TRACKING_SCRIPT, content, mode: "0755" };
}
