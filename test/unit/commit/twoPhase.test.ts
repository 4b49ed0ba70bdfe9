import { logic, type CommitInputs } from "../../../providers/commit/provider";
import { commitOn } from "./fakeHosts";

describe("a two-phase commit", () => {
  test("commits, settles, waits, and confirms over a new connection", async () => {
    const { hosts, error } = await commitOn({ la: { readyAfter: 2 }, sg: {} });
    expect(error).toBeUndefined();
    expect(hosts["la"]!.operations).toEqual(["commit", "settle", "ready", "ready", "ready", "confirm"]);
    for (const host of Object.values(hosts)) {
      expect(host).toMatchObject({ current: "new", armed: false, connections: 2, open: 0 });
    }
  });

  test("opens the connection that confirms once all have changed, while they get ready", async () => {
    const { hosts } = await commitOn({ la: {}, sg: { settled: true } });
    expect(hosts["la"]!.events).toEqual(["dial", "commit", "dial", "settle", "ready", "confirm"]);
    expect(hosts["sg"]!.events).toEqual(["dial", "commit", "dial", "ready", "confirm"]);
  });

  test("tries once more to open it when the hosts are ready", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { refuses: [2] } });
    expect(error).toBeUndefined();
    expect(hosts["sg"]!.events.slice(-3)).toEqual(["ready", "dial", "confirm"]);
  });

  test("confirms no host before all of them are ready and reachable anew", async () => {
    const { hosts } = await commitOn({ la: {}, sg: { acceptsConnections: 1 } });
    expect(hosts["la"]!.operations).not.toContain("confirm");
  });

  test("asks once and opens one connection where there is nothing to commit", async () => {
    const { hosts, error } = await commitOn({ la: { unchanged: true }, sg: { unchanged: true } });
    expect(error).toBeUndefined();
    for (const host of Object.values(hosts))
      expect([host.operations, host.connections]).toEqual([["commit"], 1]);
  });

  test("leaves a host that had nothing to commit alone when the other fails", async () => {
    const { hosts } = await commitOn({ la: { unchanged: true }, sg: { readyAfter: Infinity } });
    expect(hosts["la"]!.operations).not.toContain("rollback");
    expect(hosts["sg"]!.current).toBe("old");
  });

  test("changes nothing when a host cannot be reached", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { acceptsConnections: 0 } });
    expect(error).toMatch(/nothing was changed: sg: sg:22 cannot be reached/);
    expect(hosts["la"]!.operations).toEqual([]);
    expect(hosts["la"]!.open).toBe(0);
  });

  test("rolls the others back at once when one fails to commit, and names it and the cause", async () => {
    const { hosts, error, elapsedMs } = await commitOn({
      la: {},
      sg: { fails: { commit: "reload of strongswan.service failed" } },
    });
    expect(error).toBe("the change was undone: sg: reload of strongswan.service failed. la was rolled back");
    expect(hosts["la"]).toMatchObject({ current: "old", armed: false });
    expect(elapsedMs).toBe(0);
  });

  test("rolls all back when one is not ready in time, and names the condition", async () => {
    const { hosts, error, elapsedMs } = await commitOn({ la: {}, sg: { readyAfter: Infinity } });
    expect(error).toContain("after 75 s sg is not ready: BFD is up (session is down)");
    expect(error).toContain("la was rolled back; sg was rolled back");
    expect(elapsedMs).toBe(75_000);
    for (const host of Object.values(hosts)) expect(host).toMatchObject({ current: "old", open: 0 });
  });

  test("names what a host that does not answer should have said", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { hangs: true } });
    expect(error).toContain(
      "after 75 s sg does not say whether it is ready (BFD is up): sg: a command did not",
    );
    for (const host of Object.values(hosts)) expect(host).toMatchObject({ current: "old", open: 0 });
  });

  test("rolls all back when one accepts no new connection, and says when the lost one undoes itself", async () => {
    const { hosts, error } = await commitOn({
      la: {},
      sg: { acceptsConnections: 1, breaksAt: ["rollback"] },
    });
    expect(error).toContain("sg: no new connection after the change: sg:22 cannot be reached");
    expect(error).toMatch(
      /sg could not be rolled back \(.*\) and undoes the change itself by 1970-01-01T00:01:30/,
    );
    expect(hosts["la"]).toMatchObject({ current: "old", armed: false });
  });

  test("counts a commit whose answer was lost as made", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { breaksAt: ["commit"] } });
    expect(error).toContain("sg: sg: the connection broke");
    for (const host of Object.values(hosts)) expect(host.current).toBe("old");
  });

  test("goes on over the new connection when the change broke the old one", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { breaksAt: ["ready"] } });
    expect(error).toBeUndefined();
    expect(hosts["sg"]).toMatchObject({ current: "new", armed: false, connections: 2, open: 0 });
  });

  test("takes back a host that was confirmed when the confirmation of another fails", async () => {
    const { hosts, error } = await commitOn({ la: {}, sg: { fails: { confirm: "was rolled back" } } });
    expect(error).toContain("sg: was rolled back");
    expect(hosts["la"]!.operations.slice(-2)).toEqual(["confirm", "rollback"]);
    expect(hosts["la"]!.current).toBe("old");
  });

  test("stops waiting for a host that went back by itself", async () => {
    const { error, elapsedMs } = await commitOn({ la: {}, sg: { fails: { ready: "was rolled back" } } });
    expect(error).toContain("sg: was rolled back");
    expect(elapsedMs).toBe(0);
  });

  test("refuses times that leave none to confirm", async () => {
    const { error } = await commitOn({ la: {} }, { confirmWithinSeconds: 30, readyWithinSeconds: 25 });
    expect(error).toContain("at least 10 s must be left");
  });
});

describe("the provider's diff", () => {
  const connection = {
    host: "h",
    port: 22,
    user: "root",
    privateKey: "KEY\nLINE\n",
    hostKey: "ssh-ed25519 A",
  };
  const inputs: CommitInputs = {
    hosts: [{ name: "la", component: "link", generation: "a", staged: "1" }],
    connections: { la: connection },
    confirmWithinSeconds: 90,
    readyWithinSeconds: 80,
  };
  const changes = async (news: unknown): Promise<boolean | undefined> =>
    (await logic.diff("commit", { ...inputs, committed: {} }, news as CommitInputs)).changes;

  test("sees a generation, a forced replacement, a connection, a time", async () => {
    expect(await changes(inputs)).toBe(false);
    expect(await changes({ ...inputs, hosts: [{ ...inputs.hosts[0], generation: "b" }] })).toBe(true);
    expect(await changes({ ...inputs, hosts: [{ ...inputs.hosts[0], staged: "2" }] })).toBe(true);
    expect(await changes({ ...inputs, connections: { la: { ...connection, port: 23 } } })).toBe(true);
    expect(await changes({ ...inputs, confirmWithinSeconds: 91 })).toBe(true);
  });

  test("does not see another shape of the same key", async () => {
    const reshaped = { ...connection, privateKey: "KEY\r\nLINE" };
    expect(await changes({ ...inputs, connections: { la: reshaped } })).toBe(false);
  });

  test("takes what a preview does not know yet for a change", async () => {
    const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
    expect(await changes({ ...inputs, connections: unknown })).toBe(true);
    expect(await changes({ ...inputs, connections: { la: unknown } })).toBe(true);
    expect(await changes({ ...inputs, hosts: [unknown] })).toBe(true);
    expect(await changes({ ...inputs, hosts: unknown })).toBe(true);
  });

  test("a connection that changed is kept without a commit", async () => {
    const elsewhere = { ...inputs, connections: { la: { ...connection, host: "unreachable.invalid" } } };
    const result = await logic.update("commit", { ...inputs, committed: {} }, elsewhere);
    expect(result.outs).toEqual({ ...elsewhere, committed: { la: "a" } });
  });
});
