import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { missing, drillPort, readDeployment, servicePort } from "../drills/deployment";
import { ipsec } from "../drills/faults";
import { directory, install, startEcho } from "../drills/workload/programs";
import { machineProcess } from "../lab/machines/qemu";
import { sites, siteNames } from "../lab/network/plan";
import { labPaths } from "../lab/paths";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";
import { step } from "../toolchain/steps";
import { backAfter, type Exchange, parseExchanges, steady } from "./connections/exchanges";
import { type Bound, type Figure, figure } from "./figure";
import type { BenchLab } from "./lab";
import type { LinkResult } from "./link";
import { poll } from "./polling";
import { settle } from "./settling";

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

/** Longest time until all connections have had an answer; an emulated gateway opens a few tens a second. */
const readyMs = 300_000;
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

async function finishClients({ wan }: BenchLab, pid: number): Promise<Exchange[]> {
  const isAlive = `kill -0 -${pid} 2>/dev/null`;
  const wait = `kill -TERM -${pid} 2>/dev/null; for i in $(seq 120); do ${isAlive} || break; sleep 0.5; done`;
  await run(wan, wait, { timeoutMs: 120_000 });
  return parseExchanges(await run(wan, `cat ${results}`, { timeoutMs: 300_000 }));
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

/**
 * Measures thousands of connections through the gateways' proxies: at rest, and when the tunnel is cut under them. The ocean is left
 * cut when it fails: the caller heals it.
 */
export async function benchConnections(lab: BenchLab, signal: AbortSignal): Promise<LinkResult> {
  const deployed = await readDeployment("lab");
  const lacks = missing(["backup"], deployed);
  if (lacks.length > 0) throw new Error(lacks.join("\n"));
  await lab.ocean.heal();
  await settle(lab, signal);
  for (const session of [lab.wan, ...Object.values(lab.gateways)]) await install(session);
  const service = await startEcho({ session: lab.gateways.sg, prefix: "" }, "127.0.0.1", drillPort);
  const pid = await startClients(lab, servicePort(deployed)!);
  let found: Exchange[] | undefined;
  try {
    await step(`${connections} connections`, {}, () => {
      const isReady = async () => (/^ready$/m.test(await run(lab.wan, `cat ${log}`)) ? true : undefined);
      return poll("every connection has had an answer", isReady, readyMs, signal);
    });
    const readyAt = await now(lab);
    await step(`exchanges for ${steadySeconds} s`, {}, () =>
      sleep(steadySeconds * 1000, undefined, { signal }),
    );
    const loads = await Promise.all(siteNames.map((site) => loadOf(lab.gateways[site])));
    // The last exchanges have their time before the tunnel is cut.
    const steadyUntil = (await now(lab)) - intervalSeconds * 1000;
    const cutAt = (await lab.ocean.cut(ipsec)) * 1000;
    await step(`a cut tunnel for ${backSeconds} s`, {}, () =>
      sleep((backSeconds + 1) * 1000, undefined, { signal }),
    );
    await lab.ocean.heal();
    found = await finishClients(lab, pid);
    const isEmulated = machineProcess(labPaths(), "la")?.argv.includes("kvm") !== true;
    return {
      figures: figures(found, { readyAt, steadyUntil, cutAt }, loads, isEmulated),
      notes: [
        `${connections} connections, 64 bytes each way every ${intervalSeconds} s`,
        ...(isEmulated ? ["the processors are emulated: their load is no promise"] : []),
      ],
    };
  } finally {
    if (!found) await finishClients(lab, pid).catch(() => undefined);
    await run(lab.gateways.sg, `kill -TERM -${service}`).catch(() => undefined);
  }
}
