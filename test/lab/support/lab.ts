import type { ExecResult, Session } from "../../../providers/ssh/session";
import { type Client, type Machine, machines } from "../../../lab/network/plan";
import { type Ocean, openOcean, presets } from "../../../lab/ocean";
import { openSession } from "../../../lab/sessions";
import { bringUp } from "../../../lab/up";

/** Longest time for a test file that starts with the lab off: building the image, booting, calibrating. */
export const labTimeoutMs = 900_000;

/** The running lab, for a test. */
export interface Lab {
  readonly la: Session;
  readonly sg: Session;
  readonly wan: Session;
  readonly ocean: Ocean;
  /** Runs a command on a host of a site that is no gateway. */
  on(client: Client, command: string): Promise<ExecResult>;
  close(): void;
}

/** Opens sessions with every machine of a lab that runs. Sessions from before a restore are dead: open anew. */
export async function openLab(): Promise<Lab> {
  const opened = new Map<Machine, Session>();
  const close = (): void => opened.forEach((session) => session.close());
  try {
    for (const machine of machines) opened.set(machine, await openSession(machine));
    const ocean = await openOcean();
    const wan = opened.get("wan")!;
    return {
      la: opened.get("la")!,
      sg: opened.get("sg")!,
      wan,
      ocean,
      on: (client, command) => wan.exec(`ip netns exec ${client} ${command}`),
      close: () => {
        ocean.close();
        close();
      },
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** The lab, up, calm and without faults. */
export async function lab(): Promise<Lab> {
  await bringUp();
  return calmLab();
}

/** Opens sessions with a lab that is up, ends its faults, and gives it its usual ocean. */
export async function calmLab(): Promise<Lab> {
  const opened = await openLab();
  await opened.ocean.heal();
  await opened.ocean.set(presets["default"]!);
  return opened;
}

/** Polls until a condition holds. @throws Error with what was expected when it doesn't in time. */
export async function eventually(
  what: string,
  condition: () => Promise<boolean>,
  deadlineMs: number,
  everyMs = 250,
): Promise<void> {
  const end = Date.now() + deadlineMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
