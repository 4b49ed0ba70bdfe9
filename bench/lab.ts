import { NoLab } from "../lab/commands/command";
import { type Machine, machines, type SiteName } from "../lab/network/plan";
import { openOcean, type Ocean } from "../lab/ocean";
import { openSession } from "../lab/sessions";
import { type Session, SshError } from "../providers/ssh/session";

/** The running lab, with a session to each machine that stays open: a bench counts others' logins, not its own. */
export interface BenchLab {
  readonly gateways: Readonly<Record<SiteName, Session>>;
  readonly wan: Session;
  readonly ocean: Ocean;
  close(): void;
}

/** @throws NoLab when a machine does not answer. */
export async function openBenchLab(): Promise<BenchLab> {
  const opened = new Map<Machine, Session>();
  const close = (): void => opened.forEach((session) => session.close());
  try {
    for (const machine of machines) opened.set(machine, await openSession(machine));
    const ocean = await openOcean();
    return {
      gateways: { la: opened.get("la")!, sg: opened.get("sg")! },
      wan: opened.get("wan")!,
      ocean,
      close: () => {
        ocean.close();
        close();
      },
    };
  } catch (error) {
    close();
    if (!(error instanceof SshError) || error.failure !== "unreachable") throw error;
    throw new NoLab(`${error.message}: run \`npm run lab -- up\``);
  }
}

/** Opens the lab for some work, and closes it after that. @throws NoLab when a machine does not answer. */
export async function withBenchLab<T>(work: (lab: BenchLab) => Promise<T>): Promise<T> {
  const lab = await openBenchLab();
  return work(lab).finally(() => lab.close());
}
