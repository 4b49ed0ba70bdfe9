import { isDeepStrictEqual } from "node:util";
import type { ProviderLogic } from "../dynamic";
import { replicationFactsSchema, type ReplicationFacts } from "../postgres/facts";
import { SshError } from "../ssh/session";
import { realWorld, type World } from "./measure";
import {
  closeDatabaseSessions,
  type DatabaseSessions,
  lookAtSites,
  measureReplication,
  openDatabaseSessions,
  type ReplicationMeasurement,
} from "./replicationMeasure";
import { judgeReplication, type ReplicationReport } from "./replicationVerdict";
import { siteOutOfService } from "./service";
import { explain } from "./verdict";

/** What the gate is given. Read by the provider process, so everything is plain JSON. */
export interface ReplicationGateInputs {
  /** A secret: it holds the hosts' SSH keys. */
  readonly databases: ReplicationFacts;
  /** Stands for the databases' configuration: when it changes, replication is measured again. */
  readonly fingerprint: string;
  /** `always` measures at every deployment, and shows as a change of this resource in every preview. */
  readonly measure: "onChange" | "always";
  readonly beats: number;
  readonly deadlineSeconds: number;
}

/**
 * What the gate stores. The inputs are among it, because `read` and `diff` are given nothing else. While a site is out of
 * service, the figures are those of the last measurement.
 */
export interface ReplicationGateOutputs
  extends ReplicationGateInputs, Omit<ReplicationReport, "state" | "diagnosis"> {
  readonly verdict: ReplicationReport["state"];
  /** The diagnosis in words; empty when the verdict is `up` or `outOfService`. */
  readonly diagnosis: string;
  /** When the stored figures were taken, ISO 8601; empty when they never were. */
  readonly measuredAt: string;
}

/** The figures of replication that has never been measured. */
const NEVER_MEASURED: Omit<ReplicationGateOutputs, keyof ReplicationGateInputs | "verdict" | "diagnosis"> = {
  lagMs: { primary: null, secondary: null },
  conflicts: null,
  tables: 0,
  unchecked: [],
  measuredAt: "",
};

function isAlone({ databases }: Pick<ReplicationGateInputs, "databases">): boolean {
  return siteOutOfService(databases.primary, databases.secondary) !== undefined;
}

/** Between looks at replication that is not ready yet, ms. */
const POLL_MS = 2_000;

/** Failures of a connection that no waiting mends. */
const FINAL = new Set(["host-key-mismatch", "authentication"]);

/** Measures until replication is healthy or the deadline has passed, and returns the last measurement. */
async function awaitHealthy(
  { databases: facts, beats, deadlineSeconds }: ReplicationGateInputs,
  world: World,
): Promise<ReplicationReport> {
  const deadline = world.now() + deadlineSeconds * 1000;
  let sessions = await openDatabaseSessions(facts, world);
  try {
    for (;;) {
      const measurement = await measureWhenReady(facts, sessions, beats, world);
      const report = judgeReplication(facts, measurement);
      const failures = Object.values(measurement.sites).flatMap(({ problem }) =>
        problem instanceof SshError ? [problem] : [],
      );
      const hopeless = failures.some(({ failure }) => FINAL.has(failure));
      if (report.state === "up" || hopeless || world.now() + POLL_MS > deadline) return report;
      await world.sleep(POLL_MS);
      if (failures.length > 0) {
        closeDatabaseSessions(sessions);
        sessions = await openDatabaseSessions(facts, world);
      }
    }
  } finally {
    closeDatabaseSessions(sessions);
  }
}

/** Takes beats and compares rows only where subscriptions run: before, both would only wait. */
async function measureWhenReady(
  facts: ReplicationFacts,
  sessions: DatabaseSessions,
  beats: number,
  world: World,
): Promise<ReplicationMeasurement> {
  const sites = await lookAtSites(facts, sessions);
  if (judgeReplication(facts, { sites }).state === "down") return { sites };
  return measureReplication(facts, sessions, { beats, rows: true }, world);
}

function outputs(
  inputs: ReplicationGateInputs,
  report: ReplicationReport,
  measuredAt: string,
): ReplicationGateOutputs {
  const { state, diagnosis, ...figures } = report;
  return { ...inputs, ...figures, verdict: state, diagnosis: explain(diagnosis), measuredAt };
}

/**
 * Waits for replication, measures it, and lets the deployment pass or fail. While a site is out of service it passes unmeasured.
 * @param stored What was stored before, whose figures are kept then.
 * @throws Error with the diagnosis when it is not healthy within the deadline.
 */
export async function passReplicationGate(
  inputs: ReplicationGateInputs,
  world: World = realWorld,
  stored?: ReplicationGateOutputs,
): Promise<ReplicationGateOutputs> {
  const facts = replicationFactsSchema.parse(inputs.databases);
  if (isAlone({ databases: facts })) {
    return { ...NEVER_MEASURED, ...stored, ...inputs, verdict: "outOfService", diagnosis: "" };
  }
  const report = await awaitHealthy({ ...inputs, databases: facts }, world);
  if (report.state !== "up") {
    throw new Error(`Replication ${facts.name} is ${report.state}.\n${explain(report.diagnosis)}`);
  }
  return outputs(inputs, report, new Date().toISOString());
}

/**
 * Looks at deployed databases without judging the deployment: the stored figures stay unless the verdict became another.
 * Lag and conflicts move with the load, which is no drift.
 */
export async function refreshReplicationGate(
  stored: ReplicationGateOutputs,
  world: World = realWorld,
): Promise<ReplicationGateOutputs> {
  if (isAlone(stored)) return stored;
  const sessions = await openDatabaseSessions(stored.databases, world);
  try {
    const measurement = await measureWhenReady(stored.databases, sessions, stored.beats, world);
    const report = judgeReplication(stored.databases, measurement);
    if (report.state === stored.verdict) return stored;
    return { ...stored, ...outputs(stored, report, new Date().toISOString()) };
  } finally {
    closeDatabaseSessions(sessions);
  }
}

/** Whether a deployment has to measure: new configuration or connection, on request, or because it was not healthy. */
export function mustMeasureReplication(
  stored: ReplicationGateOutputs,
  inputs: ReplicationGateInputs,
): boolean {
  const changed = (["databases", "fingerprint", "beats"] as const).some(
    (key) => !isDeepStrictEqual(stored[key], inputs[key]),
  );
  if (isAlone(inputs)) return changed || stored.verdict !== "outOfService";
  return changed || inputs.measure === "always" || stored.verdict !== "up";
}

/** What `read` found in this process, by id, until the next `diff`: the same question, asked by a refresh. */
const readings = new Map<string, "same" | "changed">();

/** The life of a ReplicationGate resource. */
export const logic: ProviderLogic<ReplicationGateInputs, ReplicationGateOutputs> = {
  diff: async (id, olds, news) => {
    const reading = readings.get(id);
    readings.delete(id);
    return { changes: reading ? reading === "changed" : mustMeasureReplication(olds, news) };
  },
  create: async (inputs) => ({ id: inputs.databases.name, outs: await passReplicationGate(inputs) }),
  update: async (_id, olds, news) => ({ outs: await passReplicationGate(news, realWorld, olds) }),
  read: async (id, stored) => {
    const props = await refreshReplicationGate(stored);
    // The engine shows it; a refresh itself would only say that the verdict changed.
    if (props.verdict === "down") {
      console.error(`Replication ${props.databases.name} is down.\n${props.diagnosis}`);
    }
    readings.set(id, props === stored ? "same" : "changed");
    return { id, props };
  },
  delete: async () => undefined,
};
