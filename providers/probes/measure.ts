import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { z } from "zod";
import { asRoot, quoted } from "../../components/host/installer";
import { connect, SshError, type Session, type SshConnection } from "../ssh/session";
import { CHILD_SA, COUNTERS, IKE_CONNECTION, NFT_TABLE, type LinkEnd, type LinkFacts } from "./facts";
import {
  burstSchema,
  hostStateSchema,
  type Burst,
  type HostState,
  type HostView,
  type Measurement,
} from "./observation";
import { notAsked, siteOutOfService } from "./service";

/** What reaches the outside world, so that tests can put something else in its place. */
export interface World {
  connect(connection: SshConnection): Promise<Session>;
  /** Monotonic, ms. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

export const realWorld: World = {
  connect: (connection) => connect(connection, { dialTimeoutMs: 15_000 }),
  now: () => performance.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
};

export interface BurstOptions {
  /** Probes over the link, and as many beside it. */
  readonly probes: number;
  /** Between probes, ms; 2 is the least that ping allows. */
  readonly intervalMs: number;
}

/** One session per gateway, or the reason why there is none. */
export type Sessions = Readonly<Record<"initiator" | "responder", Session | SshError>>;

const PROBE_SOURCE = join(__dirname, "..", "..", "components", "link", "health", "link_probe.py");

/** The arguments of `link_probe.py` that say which link to look at, from one of its ends. Nothing in it is a secret. */
export function probeArguments(
  facts: Pick<LinkFacts, "interface" | "mtu" | "credentialsMarker">,
  peer: Pick<LinkEnd, "linkAddress" | "publicAddress" | "cidr">,
): Record<string, unknown> {
  return {
    interface: facts.interface,
    mtu: facts.mtu,
    peerLinkAddress: peer.linkAddress,
    peerPublicAddress: peer.publicAddress,
    peerCidr: peer.cidr,
    ikeConnection: IKE_CONNECTION,
    childSa: CHILD_SA,
    nftTable: NFT_TABLE,
    counters: Object.values(COUNTERS),
    credentialsMarker: facts.credentialsMarker,
  };
}

/** As root: the daemons' sockets, the firewall's counters and probes bound to a device are nobody else's. */
async function probe<T>(
  session: Session,
  { host, connection }: Pick<LinkEnd, "host" | "connection">,
  verb: "state" | "burst",
  input: Record<string, unknown>,
  schema: z.ZodType<T>,
  timeoutMs: number,
): Promise<T> {
  const command = `${asRoot(connection.user)}python3 - ${verb} ${quoted(JSON.stringify(input))}`;
  const { status, stdout, stderr } = await session.exec(command, {
    stdin: readFileSync(PROBE_SOURCE, "utf8"),
    timeoutMs,
  });
  if (status !== 0) {
    const reason = stderr.trim().split("\n").at(-1) ?? "";
    throw new SshError("interrupted", `${host}: the probe ended with status ${status}: ${reason}`);
  }
  return schema.parse(JSON.parse(stdout));
}

/** Dials both gateways at once. */
export async function openSessions(facts: LinkFacts, world: World): Promise<Sessions> {
  const open = async (end: LinkEnd): Promise<Session | SshError> => {
    if (end.outOfService) return notAsked(end);
    try {
      return await world.connect(end.connection);
    } catch (error) {
      return asSshError(end.host, error);
    }
  };
  const [initiator, responder] = await Promise.all([open(facts.initiator), open(facts.responder)]);
  return { initiator, responder };
}

export function closeSessions(sessions: Sessions): void {
  for (const session of Object.values(sessions)) if (!(session instanceof Error)) session.close();
}

function asSshError(host: string, error: unknown): SshError {
  if (error instanceof SshError) return error;
  return new SshError("interrupted", `${host}: ${error instanceof Error ? error.message : String(error)}`);
}

/** What both gateways see now; a gateway that cannot be asked gives its reason. */
export type States = Readonly<Record<"initiator" | "responder", HostState | SshError>>;

export async function lookAtBoth(facts: LinkFacts, sessions: Sessions): Promise<States> {
  const look = async (
    session: Session | SshError,
    end: LinkEnd,
    peer: LinkEnd,
  ): Promise<HostState | SshError> => {
    if (session instanceof Error) return session;
    try {
      return await probe(session, end, "state", probeArguments(facts, peer), hostStateSchema, 60_000);
    } catch (error) {
      return asSshError(end.host, error);
    }
  };
  const [initiator, responder] = await Promise.all([
    look(sessions.initiator, facts.initiator, facts.responder),
    look(sessions.responder, facts.responder, facts.initiator),
  ]);
  return { initiator, responder };
}

async function sendBurst(facts: LinkFacts, session: Session, options: BurstOptions): Promise<Burst> {
  // Named one by one: a caller's object may hold more than options, and this one is seen in the host's process list.
  const { probes, intervalMs } = options;
  const input = { ...probeArguments(facts, facts.responder), probes, intervalMs };
  const timeoutMs = 60_000 + 2 * probes * intervalMs;
  return probe(session, facts.initiator, "burst", input, burstSchema, timeoutMs);
}

function view(end: LinkEnd, before: HostState | SshError, after: HostState | SshError): HostView {
  if (before instanceof Error) return { host: end.host, unreachable: before };
  if (after instanceof Error) return { host: end.host, unreachable: after };
  return { host: end.host, before, after };
}

/**
 * Measures a link: a look at both ends, round trips from the initiator, another look. The counters' movement between
 * the looks tells what the burst was on the wire.
 * @param before A look that was just taken, so that it need not be repeated.
 */
export async function measure(
  facts: LinkFacts,
  sessions: Sessions,
  options: BurstOptions,
  before?: States,
): Promise<Measurement> {
  const first = before ?? (await lookAtBoth(facts, sessions));
  let burst: Burst | undefined;
  let broken: SshError | undefined;
  const alone = siteOutOfService(facts.initiator, facts.responder) !== undefined;
  if (!alone && !(sessions.initiator instanceof Error) && !(first.initiator instanceof Error)) {
    try {
      burst = await sendBurst(facts, sessions.initiator, options);
    } catch (error) {
      broken = asSshError(facts.initiator.host, error);
    }
  }
  const second = await lookAtBoth(facts, sessions);
  return {
    initiator: view(facts.initiator, broken ?? first.initiator, second.initiator),
    responder: view(facts.responder, first.responder, second.responder),
    burst,
  };
}
