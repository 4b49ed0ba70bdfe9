import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { missing, drillPort, readDeployment, servicePort } from "../drills/deployment";
import { ipsec } from "../drills/faults";
import { readKeeper } from "../drills/pathNotes";
import { directory, install, startEcho } from "../drills/workload/programs";
import { machineProcess, type Make, usualMake } from "../lab/machines/qemu";
import { sites, siteNames } from "../lab/network/plan";
import { labPaths } from "../lab/paths";
import { run } from "../lab/sessions";
import { bringUp } from "../lab/up";
import type { Session } from "../providers/ssh/session";
import { step } from "../toolchain/steps";
import { backAfter, type Exchange, parseExchanges, steady } from "./connections/exchanges";
import { type Bound, type Figure, figure } from "./figure";
import { type BenchLab, withBenchLab } from "./lab";
import type { LinkResult } from "./link";
import { poll } from "./polling";
import { settle, settleAfterBoot } from "./settling";

/** What is promised for so many connections, each with an exchange every so often. */
const connections = 5_000;
const intervalSeconds = 5;
/** Opening them all at once would measure the backlog of the gateway's listener. */
const openedPerSecond = 250;
const steadySeconds = 60;
const lossBound: Bound = { of: "max", below: 0.1 };
/** Connections that aren't back so long after a cut count as lost. */
const backSeconds = 60;
const absentBound: Bound = { of: "max", atMost: 0.1 };
/** Only a processor that isn't emulated says something about production's. */
const loadBound: Bound = { of: "max", below: 1.5 };

/** What emulated machines are for it: at their usual pace a gateway would need more than twice its processor. */
const emulated: Make = { slowdown: 4, gatewayMemoryMiB: 1024 };

// Deadlines are by the machines' clocks.
/** Longest time until both gateways' backup paths stand by, once the link is up. */
const standbyMs = 120_000;
/** Longest time until all connections have had an answer. */
const readyMs = 300_000;
/** Longest time for the clients to write what they saw; the command that waits for it has twice that. */
const finishMs = 60_000;
const lifetimeSeconds = 900;

/** The proxy of a gateway. */
const proxyUnit = "crossborder-proxy.service";

const results = `${directory}/connections.txt`;
const log = `${directory}/connections.log`;

/** Memory of a gateway's proxy in MiB, and its load average of the last minute. */
interface Load {
  readonly memoryMiB: number;
  readonly load: number;
}

async function loadOf(gateway: Session): Promise<Load> {
  const pid = `$(systemctl show -P MainPID ${proxyUnit})`;
  const said = await run(gateway, `grep VmRSS: /proc/${pid}/status; cat /proc/loadavg`);
  const [, kilobytes, load] = /VmRSS:\s+(\d+) kB\s+([\d.]+)/.exec(said) ?? [];
  if (load === undefined) throw new Error(`the proxy's memory can't be read: ${said}`);
  return { memoryMiB: Number(kilobytes) / 1024, load: Number(load) };
}

/** The clients on the host of Los Angeles, running. */
async function startClients({ wan }: BenchLab, port: number): Promise<number> {
  const stdin = readFileSync(join(__dirname, "connections", "clients.py"), "utf8");
  await run(wan, `cat >${directory}/connections.py`, { stdin });
  const place = `ip netns exec client-la timeout ${lifetimeSeconds}`;
  const args = [sites.la.gateway, port, connections, intervalSeconds, openedPerSecond, results].join(" ");
  const command = `setsid ${place} python3 -B ${directory}/connections.py ${args} >${log} 2>&1 </dev/null`;
  return Number(await run(wan, `rm -f ${results}; ${command} & echo $!`));
}

async function finishClients({ wan }: BenchLab, pid: number, slowdown: number): Promise<Exchange[]> {
  const isAlive = `kill -0 -${pid} 2>/dev/null`;
  const wait = `kill -TERM -${pid} 2>/dev/null; for i in $(seq ${finishMs / 500}); do ${isAlive} || break; sleep 0.5; done`;
  await run(wan, wait, { timeoutMs: 2 * finishMs * slowdown });
  return parseExchanges(await run(wan, `cat ${results}`, { timeoutMs: 300_000 * slowdown }));
}

/** When something is, in ms since 1970 by the clock of the clients. */
async function now({ wan }: BenchLab): Promise<number> {
  return Number(await run(wan, "echo $EPOCHREALTIME")) * 1000;
}

function figures(
  found: readonly Exchange[],
  times: { readonly readyAt: number; readonly steadyUntil: number; readonly cutAt: number },
  loads: readonly Load[],
  isEmulated: boolean,
): Figure[] {
  const calm = steady(found, times.readyAt, times.steadyUntil, intervalSeconds * 1000);
  const back = backAfter(found, times.cutAt, connections);
  const inTime = back.filter((one) => one !== undefined && one <= backSeconds * 1000) as number[];
  const absent = (100 * (connections - inTime.length)) / connections;
  const load = figure(
    "load average",
    "load",
    loads.map((one) => one.load),
    isEmulated ? [] : [loadBound],
  );
  return [
    figure("exchanges lost", "%", [calm.lostPercent], [lossBound]),
    figure("exchange", "ms", calm.tookMs),
    figure(
      "proxy's memory",
      "MiB",
      loads.map(({ memoryMiB }) => memoryMiB),
    ),
    load,
    figure(`not back ${backSeconds} s after a cut`, "%", [absent], [absentBound]),
    ...(inTime.length > 0 ? [figure("  back after", "ms", inTime)] : []),
  ];
}

/** How many times slower than this computer's the machines' time has to run. */
function neededSlowdown(): number {
  const isAccelerated = machineProcess(labPaths(), "la")?.argv.includes("kvm") === true;
  return isAccelerated ? usualMake.slowdown : emulated.slowdown;
}

/** Not while its keeper hasn't looked since the boot. */
async function standsBy(gateway: Session): Promise<boolean> {
  return readKeeper(gateway).then(
    ({ state }) => state === "standby",
    () => false,
  );
}

/** Boots emulated machines with time for so many connections, and waits until all that begins at a boot is there. */
async function slowDown(signal: AbortSignal): Promise<void> {
  await bringUp(labPaths(), emulated);
  await step("link and backup path of the slowed machines", {}, async () => {
    await settleAfterBoot(signal, emulated.slowdown);
    await withBenchLab(async ({ gateways }) => {
      const both = async (): Promise<true | undefined> => {
        const sites = await Promise.all(Object.values(gateways).map(standsBy));
        return sites.every(Boolean) ? true : undefined;
      };
      const deadlineMs = standbyMs * emulated.slowdown;
      await poll("the backup path stands by on both gateways", both, deadlineMs, signal, 1000);
    });
  });
}

/** @param slowdown How many times slower than this computer's the machines' time runs. */
async function measure(
  lab: BenchLab,
  port: number,
  slowdown: number,
  signal: AbortSignal,
): Promise<LinkResult> {
  const pass = (seconds: number): Promise<void> => sleep(seconds * 1000 * slowdown, undefined, { signal });
  await settle(lab, signal, slowdown);
  for (const session of [lab.wan, ...Object.values(lab.gateways)]) await install(session);
  const service = await startEcho({ session: lab.gateways.sg, prefix: "" }, "127.0.0.1", drillPort);
  const pid = await startClients(lab, port);
  let found: Exchange[] | undefined;
  try {
    await step(`${connections} connections`, {}, () => {
      const isReady = async () => (/^ready$/m.test(await run(lab.wan, `cat ${log}`)) ? true : undefined);
      const deadlineMs = readyMs * slowdown;
      return poll("every connection has had an answer", isReady, deadlineMs, signal, 1000);
    });
    const readyAt = await now(lab);
    await step(`exchanges for ${steadySeconds} s`, {}, () => pass(steadySeconds));
    const loads = await Promise.all(siteNames.map((site) => loadOf(lab.gateways[site])));
    // The last exchanges have their time before the tunnel is cut.
    const steadyUntil = (await now(lab)) - intervalSeconds * 1000;
    const cutAt = (await lab.ocean.cut(ipsec)) * 1000;
    await step(`a cut tunnel for ${backSeconds} s`, {}, () => pass(backSeconds + 1));
    await lab.ocean.heal();
    found = await finishClients(lab, pid, slowdown);
    const isEmulated = slowdown > 1;
    const emulationNotes = [
      `the processors are emulated: time in the machines ran ${slowdown} times slower, and all figures are by their own clocks`,
      "the load of an emulated processor is no promise",
    ];
    return {
      figures: figures(found, { readyAt, steadyUntil, cutAt }, loads, isEmulated),
      notes: [
        `${connections} connections, 64 bytes each way every ${intervalSeconds} s`,
        ...(isEmulated ? emulationNotes : []),
      ],
    };
  } finally {
    if (!found) await finishClients(lab, pid, slowdown).catch(() => undefined);
    await run(lab.gateways.sg, `kill -TERM -${service}`).catch(() => undefined);
  }
}

/**
 * Measures thousands of connections through the gateways' proxies: at rest, and when the tunnel is cut under them. Emulated machines
 * are left slowed, and the ocean cut when it fails: the caller puts both right.
 */
export async function benchConnections(signal: AbortSignal): Promise<LinkResult> {
  const deployed = await readDeployment("lab");
  const lacks = missing(["backup"], deployed);
  if (lacks.length > 0) throw new Error(lacks.join("\n"));
  await withBenchLab((lab) => lab.ocean.heal());
  signal.throwIfAborted();
  const slowdown = neededSlowdown();
  if (slowdown > 1) await slowDown(signal);
  return withBenchLab((lab) => measure(lab, servicePort(deployed)!, slowdown, signal));
}
