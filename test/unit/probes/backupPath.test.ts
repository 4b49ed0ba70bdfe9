import { backupRows, type BackupStatus, readBackup, standsBy } from "../../../providers/probes/backupPath";
import { exitStatus, type LinkStatus, renderLinkStatus } from "../../../providers/probes/status";
import { type ExecResult, type Session, SshError } from "../../../providers/ssh/session";
import { facts } from "./fixtures";

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
  readBackup(facts, { initiator, responder });

test("each site tells what its keeper saw last", async () => {
  const backup = await read(keeper({ state: "active" }));
  expect(backup).toEqual({ la: { ...seen, state: "active" }, sg: seen });
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
  "%s on one site is not standing by",
  async (state) => {
    expect(standsBy(await read(keeper({ state })))).toBe(false);
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
