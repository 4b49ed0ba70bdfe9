import { slotSuffix } from "../../components/postgres/monitor/unit";
import { subscriptionFrom, type ReplicationFacts } from "../postgres/facts";
import { SshError } from "../ssh/session";
import { HOST_ADVICE, type Failure } from "./layers";
import { type ReplicationMeasurement, type Side, SIDES } from "./replicationMeasure";
import type { SiteView } from "./replicationState";
import { siteOutOfService } from "./service";
import { percentile } from "./statistics";

/** The layers of replication, lowest first: a fault in one breaks those after it, so the first failure is the cause. */
export const REPLICATION_LAYERS = ["host", "server", "role", "slot", "subscription", "rows", "lag"] as const;
export type ReplicationLayer = (typeof REPLICATION_LAYERS)[number];
type ReplicationFailure = Failure<ReplicationLayer>;

/** What one measurement says about replication. */
export interface ReplicationReport {
  /**
   * `degraded` replicates, slower than it should; `down` does not, or not everything; `outOfService` has a site that is out
   * of service, and isn't judged.
   */
  readonly state: "up" | "degraded" | "down" | "outOfService";
  /** Median time from a commit on this side to its being seen on the other, ms; null when no beat arrived. */
  readonly lagMs: Readonly<Record<Side, number | null>>;
  /** Writes that lost against another, as recorded on both sides; null when a side could not be asked. */
  readonly conflicts: number | null;
  /** Tables that were compared and are the same. */
  readonly tables: number;
  /** Tables that were not compared, because they are larger than the limit. */
  readonly unchecked: readonly string[];
  /**
   * What is wrong, lowest layer first: the first is the cause. Empty when the state is `up`. While a site is out of service,
   * what is wrong with the other's server.
   */
  readonly diagnosis: readonly ReplicationFailure[];
}

const other: Readonly<Record<Side, Side>> = { primary: "secondary", secondary: "primary" };

/** Words of an apply worker that was not let in, as PostgreSQL and libpq put them. */
const NOT_LET_IN =
  /authentication failed|no pg_hba\.conf entry|role .* does not exist|permission denied|must be superuser|certificate|SSL/i;

function seen(view: SiteView): Extract<SiteView, { problem?: undefined }> | undefined {
  return view.problem ? undefined : view;
}

function reach({ sites }: ReplicationMeasurement): ReplicationFailure[] {
  return SIDES.flatMap((side): ReplicationFailure[] => {
    const { end, problem } = sites[side];
    if (!problem) return [];
    if (problem instanceof SshError) {
      if (problem.failure === "out-of-service") return [];
      return [{ layer: "host", seen: `${end.host}: ${problem.message}`, try: HOST_ADVICE[problem.failure] }];
    }
    if (problem.failure === "server") {
      return [
        {
          layer: "server",
          seen: `${end.host}: PostgreSQL does not answer (${problem.message})`,
          try: `On ${end.host}: systemctl status 'postgresql@*'; its log is in /var/log/postgresql`,
        },
      ];
    }
    return [
      {
        layer: "role",
        seen: `${end.host}: the role that looks at the database is refused (${problem.message})`,
        try: "`npm run verify` tells whether pg_hba.conf and pg_ident.conf are as deployed; then `pulumi up`",
      },
    ];
  });
}

/** The subscription on a side that brings the other side's rows. */
function subscription(
  facts: ReplicationFacts,
  measurement: ReplicationMeasurement,
  side: Side,
): ReplicationFailure[] {
  const view = seen(measurement.sites[side]);
  if (!view) return [];
  const provider = facts[other[side]];
  const name = subscriptionFrom(provider.site);
  const status = view.state.subscriptions.find((one) => one.name === name)?.status;
  if (status === "replicating") return [];
  const { host, site } = facts[side];
  const error = view.applyError;
  if (error && NOT_LET_IN.test(error.message)) {
    return [
      {
        layer: "role",
        seen: `${host}: the replication role is refused by ${provider.host}: ${error.message} (${error.at})`,
        try: `The certificate of ${site}, or pg_hba.conf on ${provider.host}, is not the deployed one: \`npm run verify\`, then \`pulumi up\``,
      },
    ];
  }
  const words = error ? `; its worker's last error: ${error.message} (${error.at})` : "";
  if (status === undefined) {
    return [
      {
        layer: "subscription",
        seen: `${host}: there is no subscription ${name}`,
        try: `It was dropped. Bring ${site} back with \`npm run resync -- --from ${provider.site} --to ${site}\``,
      },
    ];
  }
  const advice: Readonly<Record<string, string>> = {
    disabled: `After a restoration: \`npm run resync -- --from ${provider.site} --to ${site}\`. Else somebody disabled it; on ${host}, in the database: select pglogical.alter_subscription_enable('${name}')`,
    initializing: "Its first copy is not done: wait, and look again",
  };
  return [
    {
      layer: "subscription",
      seen: `${host}: the subscription ${name} is ${status}${words}`,
      try:
        advice[status] ??
        `The worker stops at something. Its log is in /var/log/postgresql on ${host}; when the path is cut it goes on by itself`,
    },
  ];
}

/** The slot on a side that the other side's subscription reads. */
function slot(
  facts: ReplicationFacts,
  measurement: ReplicationMeasurement,
  side: Side,
): ReplicationFailure[] {
  const view = seen(measurement.sites[side]);
  if (!view) return [];
  const { host, site } = facts[side];
  const subscriber = facts[other[side]].site;
  const found = view.state.slots.find(({ name }) => name.endsWith(slotSuffix(site)));
  const name = found?.name ?? `pgl_${facts.database}${slotSuffix(site)}`;
  const rebuild = (from: string, to: string): string =>
    `What ${site} wrote meanwhile can't be sent any more. Compare and rebuild: \`npm run resync -- --from ${from} --to ${to}\``;
  // A server that was restored or made anew has no slots; its rows are those that are not to be relied on.
  if (!found) {
    return [{ layer: "slot", seen: `${host}: the slot ${name} is gone`, try: rebuild(subscriber, site) }];
  }
  if (found.walStatus === "lost" || found.retainedBytes === null) {
    return [
      {
        layer: "slot",
        seen: `${host}: the slot ${name} was passed by the bound of the WAL`,
        try: rebuild(site, subscriber),
      },
    ];
  }
  const reader = seen(measurement.sites[other[side]])?.state.subscriptions.find(
    (one) => one.name === subscriptionFrom(site),
  );
  if (!found.active && reader?.status === "replicating") {
    return [
      {
        layer: "slot",
        seen: `${host}: nobody reads the slot ${name}, though ${subscriber} says that it replicates`,
        try: `The worker on ${facts[other[side]].host} hangs, or reads from another server: look at its log`,
      },
    ];
  }
  return [];
}

/** Names that a sentence carries before it says how many more. */
const NAMED = 3;

function named(names: readonly string[]): string {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return names.slice(0, NAMED).join(", ") + more;
}

function rows(facts: ReplicationFacts, { rows: found }: ReplicationMeasurement): ReplicationFailure[] {
  if (!found) return [];
  const [a, b] = [facts.primary.site, facts.secondary.site];
  const failures = found.mismatches.map(({ table, why }): ReplicationFailure => ({
    layer: "rows",
    seen: `${table} is not the same on both sides: ${why}`,
    try: "The structure was changed on one side only. Run the same change through crossborder.ddl",
  }));
  for (const table of new Set(found.differences.map((difference) => difference.table.name))) {
    const differences = found.differences.filter((difference) => difference.table.name === table);
    const onlyA = differences.filter((difference) => !difference.b).length;
    const onlyB = differences.filter((difference) => !difference.a).length;
    const keys = named(differences.map(({ key }) => key));
    failures.push({
      layer: "rows",
      seen: `${table}: ${differences.length} ${differences.length === 1 ? "row differs" : "rows differ"}, ${onlyA} of them on ${a} only and ${onlyB} on ${b} only (key ${keys})`,
      try: `After a first copy: it failed, or is not complete. Later: rows that were deleted and made anew on both sides at once. \`npm run resync -- repair --dry-run\` shows each, without --dry-run it makes them equal`,
    });
  }
  return failures;
}

function median(values: readonly number[]): number | null {
  return values.length === 0
    ? null
    : percentile(
        [...values].sort((x, y) => x - y),
        50,
      );
}

/**
 * Lag by the clocks of both sides. When one way takes less than no time the clocks differ by more than the lag; both ways
 * then get their mean, out of which the difference falls.
 */
function lags({ beats }: ReplicationMeasurement): Record<Side, number | null> {
  const primary = median(beats?.primary ?? []);
  const secondary = median(beats?.secondary ?? []);
  if (primary === null || secondary === null || (primary >= 0 && secondary >= 0)) {
    return { primary, secondary };
  }
  const mean = Math.round(Math.max(0, (primary + secondary) / 2) * 10) / 10;
  return { primary: mean, secondary: mean };
}

function lag(facts: ReplicationFacts, measurement: ReplicationMeasurement): ReplicationFailure[] {
  if (!measurement.beats) return [];
  const found = lags(measurement);
  return SIDES.flatMap((side): ReplicationFailure[] => {
    const way = `${facts[side].site} to ${facts[other[side]].site}`;
    const value = found[side];
    if (value === null) {
      return [
        {
          layer: "lag",
          seen: `${way}: no row that was written during the measurement arrived`,
          try: `The worker on ${facts[other[side]].host} is behind, or waits for a lock: in its database, select * from pg_stat_activity where backend_type like 'pglogical%'`,
        },
      ];
    }
    if (value <= facts.lagBudgetMs) return [];
    return [
      {
        layer: "lag",
        seen: `${way}: a row takes ${value} ms (median), the budget is ${facts.lagBudgetMs} ms`,
        try: "Look at the link's round trip first (`npm run lab -- status`), then at the load of both hosts",
      },
    ];
  });
}

/** Judges a measurement by the budget. */
export function judgeReplication(
  facts: ReplicationFacts,
  measurement: ReplicationMeasurement,
): ReplicationReport {
  const alone = siteOutOfService(facts.primary, facts.secondary) !== undefined;
  const between = (): ReplicationFailure[] => [
    ...SIDES.flatMap((side) => slot(facts, measurement, side)),
    ...SIDES.flatMap((side) => subscription(facts, measurement, side)),
    ...rows(facts, measurement),
    ...lag(facts, measurement),
  ];
  const found = [...reach(measurement), ...(alone ? [] : between())];
  const diagnosis = REPLICATION_LAYERS.flatMap((layer) => found.filter((failure) => failure.layer === layer));
  const late = diagnosis.filter(({ layer }) => layer === "lag");
  const lagMs = lags(measurement);
  const down =
    diagnosis.length > late.length || (late.length > 0 && SIDES.some((side) => lagMs[side] === null));
  const views = SIDES.map((side) => seen(measurement.sites[side]));
  const differing = new Set(measurement.rows?.differences.map(({ table }) => table.name));
  return {
    state: alone ? "outOfService" : down ? "down" : late.length > 0 ? "degraded" : "up",
    lagMs,
    conflicts: views.reduce<number | null>(
      (sum, view) => (sum === null || !view ? null : sum + view.state.conflicts),
      0,
    ),
    tables: (measurement.rows?.compared ?? 0) - differing.size,
    unchecked: measurement.rows?.unchecked ?? [],
    diagnosis,
  };
}
