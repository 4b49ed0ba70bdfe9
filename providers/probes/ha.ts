import { z } from "zod";
import { AGENT_CONFIGURATION, AGENT_PROGRAM } from "../../components/ha/plan";
import { asRoot } from "../../components/host/installer";
import type { Session, SshError } from "../ssh/session";
import type { LinkEnd, LinkFacts } from "./facts";
import type { Sessions } from "./measure";

const pin = z.object({
  /** `prefer` is a switchover's: health still decides. The others pin the address, whatever happens. */
  kind: z.enum(["hold", "force", "prefer"]),
  site: z.string(),
  /** When it was decided, ISO 8601 by the gateway's clock. */
  at: z.string(),
});
export type Pin = z.infer<typeof pin>;

/** What `ha_agent.py status` prints: the pair as one gateway's agent sees it. */
const agentState = z.object({
  /** keepalived's state. `unknown` until it has spoken. */
  vrrp: z.enum(["MASTER", "BACKUP", "FAULT", "STOP", "unknown"]),
  /** What the gateway's proxy does at the address: serve, or pass on to the other site. */
  role: z.enum(["serve", "proxy"]),
  reason: z.string(),
  /** Since when it is in this state and role, s since 1970 by the gateway's clock. */
  since: z.number(),
  /** Whether the address itself is on the gateway, and thus announced. */
  holdsAddress: z.boolean(),
  pin: pin.nullable(),
  /** What the agent looks after by itself: `proxy`, and how long the `link` has been there. */
  well: z.record(z.string(), z.boolean()),
  /** Changes of state or role since the boot. */
  changes: z.number(),
  stale: z.boolean(),
});

/** A gateway of the pair. Everything but the reason is absent where it can't be asked. */
export type SiteHa =
  Omit<z.infer<typeof agentState>, "stale"> | { readonly vrrp: "unreachable"; readonly reason: string };

/** The pair. Every site's own name is a key too, with VRRP's state: `{"la": "MASTER", "sg": "BACKUP", …}`. */
export type HaStatus = Readonly<Record<string, unknown>> & {
  readonly vip: string;
  readonly policy: string;
  readonly gateways: Readonly<Record<string, SiteHa>>;
};

/** What has to be known of a deployed pair to ask it. */
export interface HaFacts {
  readonly vip: string;
  readonly policy: string;
}

function unreachable(reason: string): SiteHa {
  return { vrrp: "unreachable", reason };
}

/** The command line of the agent's verb on a gateway. Its words hold no secret. */
export function agentCommand(end: Pick<LinkEnd, "connection">, verb: string, ...words: string[]): string {
  return [
    `${asRoot(end.connection.user)}python3 ${AGENT_PROGRAM} ${verb} ${AGENT_CONFIGURATION}`,
    ...words,
  ].join(" ");
}

/** Asks one gateway's agent. Never fails: what can't be asked is `unreachable`, with the reason. */
export async function readSite(end: LinkEnd, session: Session | SshError): Promise<SiteHa> {
  if (session instanceof Error) return unreachable(session.message);
  try {
    const { status, stdout } = await session.exec(agentCommand(end, "status"), { timeoutMs: 30_000 });
    const found = status === 0 ? agentState.nullable().parse(JSON.parse(stdout)) : null;
    const missing = `${end.host}: the pair's agent doesn't run`;
    if (!found) return unreachable(missing);
    const { stale, ...state } = found;
    return stale ? unreachable(missing) : state;
  } catch (error) {
    return unreachable(`${end.host}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** The status of a pair from what its gateways said. */
export function pairStatus({ vip, policy }: HaFacts, gateways: Readonly<Record<string, SiteHa>>): HaStatus {
  const states = Object.entries(gateways).map(([site, { vrrp }]) => [site, vrrp]);
  return { ...(Object.fromEntries(states) as Record<string, string>), vip, policy, gateways };
}

/** Asks both gateways' agents. */
export async function readHa(facts: LinkFacts, sessions: Sessions, ha: HaFacts): Promise<HaStatus> {
  const { initiator, responder } = facts;
  const [one, other] = await Promise.all([
    readSite(initiator, sessions.initiator),
    readSite(responder, sessions.responder),
  ]);
  return pairStatus(ha, { [initiator.site]: one, [responder.site]: other });
}

/** Names of the sites whose gateway serves. */
export function servingSites({ gateways }: HaStatus): string[] {
  return Object.entries(gateways)
    .filter(([, gateway]) => gateway.vrrp !== "unreachable" && gateway.role === "serve")
    .map(([site]) => site);
}

/** What an operator has to know and didn't ask for: decisions by hand that are in force, and pairs that aren't in order. */
export function shouts({ gateways, vip }: HaStatus): string[] {
  const known = Object.entries(gateways).flatMap(([site, gateway]) =>
    gateway.vrrp === "unreachable" ? [] : [[site, gateway] as const],
  );
  const pinned = known.flatMap(([site, { pin: found }]) =>
    found && found.kind !== "prefer"
      ? [
          `${found.kind.toUpperCase()}: ${site} has ${vip} pinned to ${found.site} since ${found.at}; NOTHING TAKES OVER until ` +
            "`npm run ha -- release`",
        ]
      : [],
  );
  const masters = known.filter(([, { vrrp }]) => vrrp === "MASTER");
  return [
    ...pinned,
    ...(masters.length > 1 ? [`both sites hold ${vip}: they don't hear each other`] : []),
    ...(masters.length === 0 ? [`no site that can be asked holds ${vip}`] : []),
  ];
}

/** Whether one gateway is MASTER and serves, the other is BACKUP and a proxy, both are well, and nothing is pinned. */
export function isPaired(status: HaStatus): boolean {
  const gateways = Object.values(status.gateways);
  const inOrder = gateways.every(
    (gateway) =>
      gateway.vrrp !== "unreachable" &&
      gateway.role === (gateway.vrrp === "MASTER" ? "serve" : "proxy") &&
      Object.values(gateway.well).every((well) => well),
  );
  const count = (state: string) => gateways.filter(({ vrrp }) => vrrp === state).length;
  return inOrder && count("MASTER") === 1 && count("BACKUP") === 1 && shouts(status).length === 0;
}

function row([site, gateway]: [string, SiteHa]): [string, string] {
  if (gateway.vrrp === "unreachable") return [`ha ${site}`, `unreachable: ${gateway.reason}`];
  const ill = Object.entries(gateway.well).filter(([, well]) => !well);
  const more = [
    ...(gateway.pin?.kind === "prefer"
      ? [`a switchover prefers ${gateway.pin.site} since ${gateway.pin.at}`]
      : []),
    ...ill.map(([what]) => `${what} not well`),
  ];
  const does = gateway.role === "serve" ? "serves" : "is a proxy";
  return [
    `ha ${site}`,
    `${gateway.vrrp}, ${does}: ${gateway.reason}${more.length > 0 ? ` (${more.join(", ")})` : ""}`,
  ];
}

/** The address with its policy, one row for each site, and what has to be said aloud. */
export function haRows(status: HaStatus): [string, string][] {
  const serving = servingSites(status);
  const by =
    serving.length > 0 ? `served by ${serving.join(" and ")}` : "served by no site that can be asked";
  return [
    ["ha", `${status.vip} is ${by} (${status.policy})`],
    ...Object.entries(status.gateways).map(row),
    ...shouts(status).map((shout): [string, string] => ["!!", shout]),
  ];
}
