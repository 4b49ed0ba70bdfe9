import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client, SiteName } from "../../../lab/network/plan";
import { run } from "../../../lab/sessions";
import type { Session } from "../../../providers/ssh/session";

/** One request of a client, tried twice before it counts as failed. */
export interface VipRequest {
  /** When it began, s since 1970 by the clock of `wan`. */
  readonly at: number;
  readonly ms: number;
  /** Who answered; null when nobody did, twice. */
  readonly answer: string | null;
}

const program = readFileSync(join(__dirname, "vipClient.py"), "utf8");

/** Time between a client's requests, s. */
const intervalSeconds = 0.1;

/**
 * Starts a service on a gateway that says in which site it stands, then repeats what it is sent.
 * @param port Of the gateway's loopback address.
 */
export async function answerWithSite(gateway: Session, site: SiteName, port: number): Promise<void> {
  const listen = `TCP-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
  // As a unit of its own, so that it is there again after a boot.
  const unit = `[Service]\nExecStart=/usr/bin/socat ${listen} "SYSTEM:echo from-${site}; cat"\n[Install]\nWantedBy=multi-user.target\n`;
  await run(gateway, "cat >/etc/systemd/system/test-vip-echo.service", { stdin: unit });
  await run(gateway, "systemctl enable --now test-vip-echo.service");
}

/**
 * Has a host of a site ask at an address for some time.
 * @param wan The session with the machine in which the clients live.
 * @returns its requests, once the time is over.
 */
export async function askFor(
  seconds: number,
  wan: Session,
  client: Client,
  address: string,
  port: number,
): Promise<VipRequest[]> {
  const command = `ip netns exec ${client} python3 - ${address} ${port} ${seconds} ${intervalSeconds}`;
  const { stdout } = await wan.exec(command, { stdin: program, timeoutMs: (seconds + 120) * 1000 });
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as VipRequest);
}

/** Requests that failed twice. */
export function failed(requests: readonly VipRequest[]): VipRequest[] {
  return requests.filter(({ answer }) => answer === null);
}

/** Those who answered, in their order, each change once. */
export function answerers(requests: readonly VipRequest[]): string[] {
  const answers = requests.flatMap(({ answer }) => answer ?? []);
  return answers.filter((answer, index) => answer !== answers[index - 1]);
}

/** Longest time from the beginning of a request to the first answer from then on, s. */
export function outageSeconds(requests: readonly VipRequest[]): number {
  let longest = 0;
  let since: number | undefined;
  for (const { at, ms, answer } of requests) {
    since ??= at;
    if (answer === null) continue;
    longest = Math.max(longest, at + ms / 1000 - since);
    since = undefined;
  }
  return longest;
}
