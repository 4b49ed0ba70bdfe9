import { type HaStatus, isPaired, type Pin, servingSites, shouts } from "../providers/probes/ha";

/** One gateway of the pair, for an operator. */
export interface PairGateway {
  readonly site: string;
  /** Writes down what was decided by hand. @throws Error when the gateway can't be told. */
  pin(kind: Pin["kind"], site: string): Promise<void>;
  /** Takes it back. @throws Error as well. */
  release(): Promise<void>;
}

/** The pair, for an operator. */
export interface Pair {
  readonly primary: string;
  readonly gateways: readonly PairGateway[];
  status(): Promise<HaStatus>;
  /** Monotonic, ms. */
  now(): number;
  sleep(ms: number): Promise<void>;
  say(line: string): void;
}

/** Something that an operator asked for and that wasn't done. The message says why, and what there is instead. */
export class Refused extends Error {
  override readonly name = "Refused";
}

const POLL_MS = 500;

/** Tells every gateway. @throws Refused when none could be told; says which one couldn't. */
async function tellAll(
  pair: Pair,
  gateways: readonly PairGateway[],
  tell: (gateway: PairGateway) => Promise<void>,
): Promise<void> {
  let told = 0;
  for (const gateway of gateways) {
    try {
      await tell(gateway);
      told++;
    } catch (error) {
      pair.say(`${gateway.site} could not be told: ${(error as Error).message}`);
    }
  }
  if (told === 0) throw new Refused("no gateway could be told; nothing was changed");
  if (told < gateways.length) {
    pair.say(
      "the other gateway decides by itself until it is told: run the same command again when it is back",
    );
  }
}

/** The gateways, first the one of the site that is to have the address, so that at no moment nobody wants it. */
function first(pair: Pair, site: string): PairGateway[] {
  return [...pair.gateways].sort((one, other) => Number(other.site === site) - Number(one.site === site));
}

async function eventually(
  pair: Pair,
  deadlineMs: number,
  condition: (status: HaStatus) => boolean,
): Promise<HaStatus> {
  const end = pair.now() + deadlineMs;
  for (;;) {
    const status = await pair.status();
    if (condition(status) || pair.now() > end) return status;
    await pair.sleep(POLL_MS);
  }
}

function mustBeKnown(pair: Pair, site: string): void {
  if (!pair.gateways.some((gateway) => gateway.site === site)) {
    const names = pair.gateways.map((gateway) => gateway.site).join(", ");
    throw new Refused(`${site} is no site; the sites are ${names}`);
  }
}

/** Has VRRP prefer a site. Without a preference the primary has the address. */
function prefer(pair: Pair, site: string): Promise<void> {
  return tellAll(pair, first(pair, site), (gateway) =>
    site === pair.primary ? gateway.release() : gateway.pin("prefer", site),
  );
}

/**
 * Moves the address to a site, while both are well and without a failed request: VRRP prefers the site, the one that serves
 * becomes a proxy once the other serves, and old connections end after the drain. Health keeps the last word afterwards.
 * @param to The site; the other one than now when it is left out.
 * @param deadlineMs Longest wait for the move. It is taken back when it doesn't happen.
 * @throws Refused when the pair isn't in order, or the address didn't move.
 */
export async function switchover(pair: Pair, to: string | undefined, deadlineMs: number): Promise<string> {
  if (to !== undefined) mustBeKnown(pair, to);
  const before = await pair.status();
  if (!isPaired(before)) {
    const why = [
      ...shouts(before),
      ...Object.entries(before.gateways)
        .filter(([, { vrrp }]) => vrrp !== "MASTER" && vrrp !== "BACKUP")
        .map(([site, { vrrp, reason }]) => `${site} is ${vrrp}: ${reason}`),
    ];
    throw new Refused(
      `the pair is not in order, so a switchover could fail requests: ${why.join("; ") || "a gateway is not well"}. ` +
        "`force` moves the address all the same",
    );
  }
  const from = servingSites(before)[0]!;
  const target = to ?? pair.gateways.find(({ site }) => site !== from)!.site;
  if (target === from) return `${target} has the address already`;
  await prefer(pair, target);
  const after = await eventually(
    pair,
    deadlineMs,
    (status) => isPaired(status) && servingSites(status)[0] === target,
  );
  if (isPaired(after) && servingSites(after)[0] === target) return `${target} has the address now`;
  await prefer(pair, from);
  throw new Refused(
    `the address did not move to ${target} within ${deadlineMs / 1000} s; the preference was taken back`,
  );
}

/**
 * Keeps the address where it is, whatever happens there.
 * @throws Refused when that can't be told.
 */
export async function hold(pair: Pair): Promise<string> {
  const serving = servingSites(await pair.status());
  if (serving.length !== 1) {
    const seen = serving.length === 0 ? "no site that can be asked serves" : `${serving.join(" and ")} serve`;
    throw new Refused(`${seen}, so it is not clear what to hold; \`force <site>\` says it`);
  }
  const site = serving[0]!;
  await tellAll(pair, first(pair, site), (gateway) => gateway.pin("hold", site));
  return `${site} keeps the address, whatever happens, until \`npm run ha -- release\``;
}

/** Has a site answer at the address, whatever happens. */
export async function force(pair: Pair, site: string): Promise<string> {
  mustBeKnown(pair, site);
  await tellAll(pair, first(pair, site), (gateway) => gateway.pin("force", site));
  return `${site} has the address, whatever happens, until \`npm run ha -- release\``;
}

/** Takes back whatever was decided by hand. */
export async function release(pair: Pair): Promise<string> {
  await tellAll(pair, pair.gateways, (gateway) => gateway.release());
  return `nothing is decided by hand any more: ${pair.primary} has the address while it is well`;
}
