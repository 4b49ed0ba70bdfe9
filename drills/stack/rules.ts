import type { Fault } from "../faults";

/** The drills' own table in a gateway's packet filter. */
const table = "crossborder_drill";
/** Unit that ends all faults of a gateway's packet filter, should nobody else do it. */
const deadMan = "crossborder-drill-undo";
/** When it does, in seconds after the last change. The longest drill's faults are shorter. */
const deadManSeconds = 600;

/** Whether a gateway can make a fault: one that names the lab's own devices it can't. */
export function isPossible({ matches }: Fault): boolean {
  return matches.every((match) => !match.includes("iifname"));
}

/**
 * nftables rules that drop, on a gateway, what comes from the other site's public address and a fault matches. Both gateways
 * together cut both directions. Nothing else is touched, such as SSH from where the drill is run.
 */
export function faultRules(faults: readonly Fault[], peerAddress: string): string {
  const drops = faults.flatMap(({ name, matches }) =>
    matches.map((match) => `    ip saddr ${peerAddress} ${match} counter drop comment "${name}"`),
  );
  return `table ip ${table} {
}
delete table ip ${table}
table ip ${table} {
  chain arriving {
    type filter hook prerouting priority raw; policy accept;
${drops.join("\n")}
  }
}
`;
}

/** Shell that takes the rules on standard input, and has the host end them by itself. */
export function forceCommand(): string {
  const disarm = `systemctl stop ${deadMan}.timer 2>/dev/null`;
  const arm = `systemd-run --quiet --collect --unit=${deadMan} --on-active=${deadManSeconds} nft delete table ip ${table}`;
  return `${disarm}; ${arm} && nft -f -`;
}

/** Shell that ends all faults of the packet filter. */
export function endCommand(): string {
  return `systemctl stop ${deadMan}.timer 2>/dev/null; nft delete table ip ${table} 2>/dev/null || true`;
}
