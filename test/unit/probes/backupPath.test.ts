import {
  backupReport,
  backupRows,
  type BackupStatus,
  readBackup,
  standsBy,
} from "../../../providers/probes/backupPath";
import { exitStatus, type LinkStatus, renderLinkStatus } from "../../../providers/probes/status";
import { type ExecResult, type Session, SshError } from "../../../providers/ssh/session";
import { facts } from "./fixtures";

const now = new Date("2026-03-01T12:00:00Z");

/** The life of a certificate of 90 days that began so many days ago. */
function life(daysAgo: number) {
  const from = now.getTime() - daysAgo * 86_400_000;
  const [notBefore, notAfter] = [from, from + 90 * 86_400_000].map((ms) => new Date(ms).toISOString());
  return { notBefore, notAfter };
}

const seen = {
  state: "standby",
  reason: "the link carries, the public way is healthy",
  since: 1_700_000_000,
  link: true,
  public: true,
  services: [
    { name: "postgres", link: true, connections: { link: 4, backup: 1 } },
    { name: "vault", link: true, connections: { link: 2, backup: 0 } },
  ],
  refused: [],
  cuts: 2,
  calm: true,
  holdSeconds: 0,
  drainSeconds: 17,
};

/** A session with a host whose keeper says this. */
function saying(answer: Partial<ExecResult>, commands: string[] = []): Session {
  return {
    exec: (command) => {
      commands.push(command);
      return Promise.resolve({ status: 0, stdout: "", stderr: "", ...answer });
    },
    close: () => undefined,
  };
}

function keeper(set: Record<string, unknown> = {}): Session {
  return saying({ stdout: JSON.stringify({ ...seen, ageSeconds: 1, ...set }) });
}

const read = (initiator: Session | SshError, responder: Session | SshError = keeper()) =>
  readBackup(facts, { initiator, responder }, now);

test("each site tells what its keeper saw last", async () => {
  const backup = await read(keeper({ state: "active" }));
  const silent = { certificate: null, authority: null };
  expect(backup).toEqual({ la: { ...seen, ...silent, state: "active" }, sg: { ...seen, ...silent } });
});

test.each([
  [10, "fine", "80 days left, until 2026-05-20", true],
  [75, "renew", "15 days left, until 2026-03-16: renew it with npm run pulumi -- up", true],
  [91, "expired", "expired on 2026-02-28: renew it with npm run pulumi -- up", false],
])("a certificate that is %d days old is %s", async (age, verdict, text, wellSo) => {
  const backup = await read(keeper({ certificate: life(age), authority: life(1) }));
  expect(backup["la"]!.certificate).toEqual({ ...life(age), daysLeft: 90 - age, verdict });
  expect(backupRows(backup).slice(2)).toEqual([["cert la", text]]);
  expect(standsBy(backup)).toBe(wellSo);
});

test("an authority is told of once it has to be replaced", async () => {
  const backup = await read(keeper({ certificate: life(1), authority: life(80) }));
  expect(backupRows(backup).slice(2)).toEqual([
    ["cert la", "89 days left, until 2026-05-29"],
    ["CA la", "10 days left, until 2026-03-11: renew it with npm run rotate -- certificates --authority"],
  ]);
});

test("a user who isn't root becomes root for the question", async () => {
  const commands: string[] = [];
  const connection = { ...facts.initiator.connection, user: "ubuntu" };
  await readBackup(
    { ...facts, initiator: { ...facts.initiator, connection } },
    { initiator: saying({ status: 1 }, commands), responder: keeper() },
  );
  expect(commands).toEqual([expect.stringMatching(/^sudo -n python3 .*backup_keeper\.py show /)]);
});

test.each<[string, Session | SshError, string]>([
  ["a host that can't be reached", new SshError("unreachable", "la-gw1 is off"), "la-gw1 is off"],
  ["a keeper that doesn't run", saying({ status: 1 }), "la-gw1: the keeper doesn't run"],
  ["a keeper that hangs", keeper({ ageSeconds: 31 }), "la-gw1: the keeper last looked 31 s ago"],
  ["an answer that isn't one", saying({ stdout: "{" }), "la-gw1: "],
])("%s is unknown, with the reason", async (_, session, reason) => {
  const backup = await read(session);
  expect(backup["la"]).toMatchObject({ state: "unknown", reason: expect.stringContaining(reason) });
  expect(backup["sg"]!.state).toBe("standby");
  expect(standsBy(backup)).toBe(false);
});

test.each(["standby-unhealthy", "active", "held", "down", "unknown"])(
  "%s on one site is not standing by, and is the state of the whole",
  async (state) => {
    const backup = await read(keeper({ state }));
    expect(standsBy(backup)).toBe(false);
    expect(backupReport(backup)).toEqual({ state, sites: backup });
  },
);

test("rows for people", async () => {
  const backup = await read(keeper({ state: "held", reason: "two cuts", holdSeconds: 42, drainSeconds: 0 }));
  expect(backupRows(backup)).toEqual([
    ["backup la", "held: two cuts (6 connections on the link, 1 on the backup path, held for 42 s more)"],
    [
      "backup sg",
      "standby: the link carries, the public way is healthy (6 connections on the link, 1 on the backup path, drained in 17 s)",
    ],
  ]);
});

describe("the status of a link that is up", () => {
  const withBackup = (backup: BackupStatus | null): LinkStatus =>
    ({
      link: { state: "up", diagnosis: [], history: null },
      ...{ backup, ha: null, postgres: null },
    }) as unknown as LinkStatus;

  test("is healthy without a backup path, and with one that stands by on both sites", async () => {
    expect(exitStatus(withBackup(null))).toBe(0);
    expect(exitStatus(withBackup(await read(keeper())))).toBe(0);
    expect(exitStatus(withBackup(await read(keeper({ state: "standby-unhealthy" }))))).toBe(1);
  });

  test("shows the backup path where there is one", async () => {
    const rendered = renderLinkStatus(withBackup(await read(keeper())));
    expect(rendered).toMatch(/^ {2}backup la {3}standby: /m);
    expect(renderLinkStatus(withBackup(null))).not.toContain("backup");
  });
});
