import { setTimeout as sleep } from "node:timers/promises";
import { run } from "../../lab/sessions";
import type { Session } from "../../providers/ssh/session";
import { runCommand } from "../command";
import type { Fault } from "../faults";
import { fillDisk, freeDisk, rightClock, skewClock } from "../hostFaults";
import type { Injector } from "../injector";
import { type Journal, networkFaults } from "../journal";
import { describe, type Drill, type Injection, type Role } from "../model";
import { endCommand, faultRules, forceCommand, isPossible } from "./rules";

/** Longest time from a reset until a gateway answers. */
const bootDeadlineMs = 600_000;

/** A gateway as the injector needs it. */
export interface FaultyGateway {
  readonly site: string;
  readonly publicAddress: string;
}

/** Why a drill can't be run where nobody has the hosts' power and the routers between them; undefined when it can. */
export function impossible({ steps }: Drill): string | undefined {
  const never = new Set<Injection["kind"]>(["water", "kill", "pause", "destroy-disk"]);
  const found = steps.find(
    ({ inject }) => never.has(inject.kind) || (inject.kind === "network" && !isPossible(inject.fault)),
  );
  return (
    found &&
    `${describe(found.inject)}: only the lab can do that, which has the hosts' power and the routers between them.`
  );
}

/** Makes faults happen on the gateways themselves, over SSH. */
export class StackInjector implements Injector {
  constructor(
    private readonly stack: string,
    private readonly gateways: readonly [FaultyGateway, FaultyGateway],
    private readonly journal: Journal,
    private readonly siteOf: (role: Role) => string,
    private readonly onGateway: <T>(site: string, work: (session: Session) => Promise<T>) => Promise<T>,
  ) {}

  async inject(what: Injection): Promise<number> {
    const at = Date.now();
    switch (what.kind) {
      case "network":
        await this.force(networkFaults(this.journal));
        return Date.now();
      case "switchover":
        await this.switchover(what.to);
        return at;
      case "reboot":
        await this.run(what.host, "systemd-run --quiet --on-active=1 systemctl reboot");
        return at;
      case "full-disk":
        await this.run(what.host, fillDisk());
        return at;
      case "clock-skew":
        await this.run(what.host, skewClock(what.seconds));
        return at;
      default:
        throw new Error(`${describe(what)}: only the lab can do that`);
    }
  }

  async heal(what: Injection): Promise<number> {
    await this.undo(what);
    return Date.now();
  }

  async undo(what: Injection): Promise<void> {
    switch (what.kind) {
      case "network":
        return this.force(networkFaults(this.journal, what));
      case "switchover":
        await this.switchover(what.to === "primary" ? "secondary" : "primary");
        await runCommand("ha", ["release", "--stack", this.stack]);
        return;
      case "reboot":
        return this.mustAnswer(what.host);
      case "full-disk":
        return this.run(what.host, freeDisk());
      case "clock-skew":
        return this.run(what.host, rightClock());
      default:
        return;
    }
  }

  private async force(faults: readonly Fault[]): Promise<void> {
    const [one, other] = this.gateways;
    await Promise.all(
      [
        { site: one.site, peer: other.publicAddress },
        { site: other.site, peer: one.publicAddress },
      ].map(({ site, peer }) =>
        this.onGateway(site, (session) =>
          faults.length > 0
            ? run(session, forceCommand(), { stdin: faultRules(faults, peer) })
            : run(session, endCommand()),
        ),
      ),
    );
  }

  private async switchover(to: Role): Promise<void> {
    await runCommand("ha", ["switchover", this.siteOf(to), "--stack", this.stack]);
  }

  private async run(host: Role, command: string): Promise<void> {
    await this.onGateway(this.siteOf(host), (session) => run(session, command));
  }

  private async mustAnswer(host: Role): Promise<void> {
    for (const end = Date.now() + bootDeadlineMs; ;) {
      try {
        return await this.run(host, "true");
      } catch (error) {
        if (Date.now() > end) throw error;
        await sleep(1_000);
      }
    }
  }
}
