import type { HostFile } from "../../host/manifest";
import type { LinkView } from "../ends";

/** charon's unit, which its package brings. */
export const IPSEC_UNIT = "strongswan.service";

const DROP_IN_FILE = `/etc/systemd/system/${IPSEC_UNIT}.d/crossborder.conf`;

/** Longest wait for charon to end, s. It takes a fifth of one, and a starved machine seconds; systemd's own 90 s would be an outage. */
const STOP_SECONDS = 20;

/**
 * How charon is ended. Now and then it hangs in its own shutdown until it is killed; why isn't known, strongSwan's issues 268 and 566 look
 * alike. It then leaves what it told the kernel: policies that would hold GRE to this peer until the next boot, and SAs that nobody renews.
 * After a crash they stay, because they carry until charon, started again, has others.
 */
export function renderDropIn({ local, peer }: LinkView): HostFile {
  const ends = [
    `src ${local.privateAddress} dst ${peer.publicAddress}`,
    `src ${peer.publicAddress} dst ${local.privateAddress}`,
  ];
  const forget = ends.flatMap((end) => [`ip xfrm policy deleteall ${end}`, `ip xfrm state deleteall ${end}`]);
  // systemd makes one `$` of two.
  const content = `[Service]
TimeoutStopSec=${STOP_SECONDS}
ExecStopPost=-/usr/bin/env sh -c 'test "$$SERVICE_RESULT" != timeout || { ${forget.join("; ")}; }'
`;
  return { path: DROP_IN_FILE, content, mode: "0644" };
}
