import { type SiteName, siteNames } from "../lab/network/plan";
import { run } from "../lab/sessions";
import { type Outcome, type Overrides, pulumiWith } from "../lab/settings";
import type { Session } from "../providers/ssh/session";
import { type Figure, figure } from "./figure";
import type { BenchLab } from "./lab";

/** One run of Pulumi. */
export interface Deployment {
  /** From the start of the command to its end. */
  readonly seconds: number;
  /** SSH logins on each gateway meanwhile. */
  readonly logins: Readonly<Record<SiteName, number>>;
}

async function logins(session: Session): Promise<number> {
  return Number(await run(session, "journalctl -b -q -t sshd -o cat | grep -c 'Accepted publickey' || true"));
}

function allLogins(lab: BenchLab): Promise<number[]> {
  return Promise.all(siteNames.map((site) => logins(lab.gateways[site])));
}

/** Runs Pulumi with the lab's settings, some of them changed. @throws Error with what it printed when it fails. */
export async function mustPulumi(args: readonly string[], overrides: Overrides = {}): Promise<Outcome> {
  const outcome = await pulumiWith("bench", args, overrides);
  if (outcome.status !== 0)
    throw new Error(`pulumi ${args[0]} ended with status ${outcome.status}:\n${outcome.output}`);
  return outcome;
}

export const upArguments = ["up", "--yes", "--skip-preview"] as const;

/** A deployment on which a clock runs. @throws Error when it fails. */
export async function timed(
  lab: BenchLab,
  args: readonly string[],
  overrides: Overrides,
): Promise<Deployment> {
  const before = await allLogins(lab);
  const started = performance.now();
  await mustPulumi(args, overrides);
  const seconds = (performance.now() - started) / 1000;
  const after = await allLogins(lab);
  const [la = 0, sg = 0] = after.map((count, index) => count - before[index]!);
  return { seconds, logins: { la, sg } };
}

/** Longest time for `pulumi up` on hosts that were just booted, and for one that changes nothing, in seconds. */
const firstUpSeconds = 180;
const unchangedUpSeconds = 25;
/** A deployment without changes may look at a host, once. */
const unchangedLogins = 1;

export function unchangedFigures(deployments: readonly Deployment[]): Figure[] {
  return [
    figure(
      "pulumi up without changes",
      "s",
      deployments.map(({ seconds }) => seconds),
      [{ of: "max", atMost: unchangedUpSeconds }],
    ),
    ...siteNames.map((site) =>
      figure(
        `  SSH logins on ${site}`,
        "logins",
        deployments.map((one) => one.logins[site]),
        [{ of: "max", atMost: unchangedLogins }],
      ),
    ),
  ];
}

export function firstFigures(first: Deployment): Figure[] {
  return [
    figure("first pulumi up", "s", [first.seconds], [{ of: "max", atMost: firstUpSeconds }]),
    ...siteNames.map((site) => figure(`  SSH logins on ${site}`, "logins", [first.logins[site]])),
  ];
}
