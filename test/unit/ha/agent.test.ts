import { rmSync, statSync } from "node:fs";
import { uptime } from "node:os";
import { join } from "node:path";
import { fromLa, fromSg } from "../link/fixtures";
import { Webhook } from "../link/health/gateway";
import { AgentHost, calm, type World } from "./agentHost";

jest.setTimeout(60_000);

const holding: World = { ...calm, held: true };

let host: AgentHost;
let webhook: Webhook | undefined;

async function start(...args: ConstructorParameters<typeof AgentHost>): Promise<void> {
  host = new AgentHost(...args);
  await host.listen();
}

afterEach(async () => {
  webhook?.close();
  webhook = undefined;
  await host.remove();
});

describe("the role", () => {
  test("begins as a proxy, follows the address, and is what the other site's agent is told", async () => {
    await start(fromLa);
    await host.step(0);
    expect(host.chosen()).toBe("vip-proxy-postgres");
    host.say("MASTER");
    await host.step(1, holding);
    expect(host.chosen()).toBe("vip-serve-postgres");
    expect(host.state()).toMatchObject({ vrrp: "MASTER", role: "serve", holdsAddress: true });
    expect(await host.answer()).toEqual({ site: "la", role: "serve" });
    host.say("BACKUP");
    await host.step(2);
    expect(host.chosen()).toBe("vip-proxy-postgres");
    expect(await host.answer()).toEqual({ site: "la", role: "proxy" });
  });

  test("the kernel's word counts more than a notification that is late", async () => {
    await start(fromLa);
    host.say("MASTER");
    await host.step(0);
    expect(host.state()).toMatchObject({ vrrp: "BACKUP", role: "proxy" });
    host.say("BACKUP");
    await host.step(1, holding);
    expect(host.state()).toMatchObject({ vrrp: "MASTER", role: "serve" });
  });

  test("outlives the agent, and is given to a proxy that started anew", async () => {
    await start(fromLa);
    host.say("MASTER");
    await host.step(0, holding);
    await host.stop();
    rmSync(join(host.directory, "vrrp.json"));
    rmSync(join(host.proxyDirectory, "choice-vip-postgres.json"));
    await host.step(1);
    expect(host.state()).toMatchObject({ vrrp: "unknown", role: "serve" });
    expect(host.chosen()).toBe("vip-serve-postgres");
  });

  test("a file that the proxy watches is not written again without a change", async () => {
    await start(fromLa);
    await host.step(0);
    const inode = () => statSync(join(host.proxyDirectory, "choice-vip-postgres.json")).ino;
    const adjusted = () => statSync(join(host.directory, "adjust")).ino;
    const before = [inode(), adjusted()];
    await host.step(1);
    expect([inode(), adjusted()]).toEqual(before);
  });
});

describe("the other site", () => {
  test("is asked under primary-only by the secondary that became MASTER, and by nobody else", async () => {
    await start(fromSg, { policy: "primary-only" });
    host.say("BACKUP");
    expect(await host.step(0)).toEqual({ asking: false });
    expect(host.asked).toBe(0);
    host.peer = "serve";
    expect(await host.step(1, holding)).toEqual({ asking: true });
    expect(host.state()).toMatchObject({ vrrp: "MASTER", role: "proxy" });
    host.peer = "silent";
    await host.step(2, holding);
    await host.step(3, holding);
    expect(host.state()).toMatchObject({ role: "proxy", peer: { unanswered: 2 } });
    await host.step(4, holding);
    expect(host.state()).toMatchObject({
      role: "serve",
      reason: expect.stringContaining("answers on no path"),
    });
    host.peer = "serve";
    await host.step(5, holding);
    expect(host.state()).toMatchObject({ role: "proxy" });
    await host.step(6);
    expect(host.state()).toMatchObject({ vrrp: "BACKUP", peer: null });
  });

  test("decides when keepalived has ended and stays away", async () => {
    await start(fromLa);
    host.say("MASTER");
    await host.step(0, holding);
    host.say("STOP");
    host.peer = "serve";
    expect(await host.step(1)).toEqual({ asking: false });
    expect(host.state()).toMatchObject({ vrrp: "STOP", role: "serve" });
    expect(await host.step(4)).toEqual({ asking: true });
    expect(host.state()).toMatchObject({ role: "proxy" });
  });
});

describe("heartbeats", () => {
  test("the proxy's is written while it is ready, and taken away after two looks that it is not", async () => {
    await start(fromLa);
    await host.step(5);
    expect(host.file("heartbeats/proxy")).toBe("5");
    host.proxy = false;
    await host.step(6);
    expect(host.file("heartbeats/proxy")).toBe("5");
    await host.step(7);
    expect(host.file("heartbeats/proxy")).toBeUndefined();
    host.proxy = true;
    await host.step(8);
    expect(host.file("heartbeats/proxy")).toBe("8");
  });

  test("a gateway that returns is current only once the link has been there for a while", async () => {
    await start(fromLa, { settleSeconds: 10 });
    host.say("BACKUP");
    await host.step(100, { ...calm, link: false });
    expect(host.file("heartbeats/link")).toBeUndefined();
    await host.step(101);
    await host.step(110);
    expect(host.file("heartbeats/link")).toBeUndefined();
    await host.step(111);
    expect(host.file("heartbeats/link")).toBe("111");
  });

  test("a link that comes and goes starts the wait again", async () => {
    await start(fromLa, { settleSeconds: 10 });
    host.say("BACKUP");
    await host.step(101);
    await host.step(105, { ...calm, link: false });
    await host.step(106);
    await host.step(115);
    expect(host.file("heartbeats/link")).toBeUndefined();
  });

  test("a site that serves is current without a link: the other has to catch up with it", async () => {
    await start(fromLa);
    host.say("MASTER");
    await host.step(0, { ...holding, link: false });
    expect(host.file("heartbeats/link")).toBe("0");
  });
});

describe("connections", () => {
  const drains = () => JSON.parse(host.file("drains.json") ?? "{}") as Record<string, number>;

  test("of the role before are ended after the drain, those of a service that doesn't move never", async () => {
    await start(fromLa, { drainSeconds: 30 });
    await host.step(0);
    host.say("MASTER");
    await host.step(1, holding);
    await host.step(30, holding);
    expect(drains()).toEqual({});
    await host.step(31, holding);
    expect(drains()).toEqual({ "vip-proxy-postgres": 1 });
    await host.step(90, holding);
    expect(drains()).toEqual({ "vip-proxy-postgres": 1 });
  });

  test("a drain that an agent began is ended by the next one", async () => {
    await start(fromLa, { drainSeconds: 30 });
    host.say("MASTER");
    await host.step(1, holding);
    await host.stop();
    await host.step(31, holding);
    expect(drains()).toEqual({ "vip-proxy-postgres": 1 });
  });

  test("an address that returns in time takes its connections back, and the others are ended", async () => {
    await start(fromLa, { drainSeconds: 30 });
    host.say("MASTER");
    await host.step(0, holding);
    await host.step(30, holding);
    await host.step(40);
    await host.step(50, holding);
    await host.step(79, holding);
    expect(drains()).toEqual({ "vip-proxy-postgres": 1 });
    await host.step(80, holding);
    expect(drains()).toEqual({ "vip-proxy-postgres": 2 });
  });
});

describe("by hand", () => {
  test("a pin decides at once, adjusts the priority, survives a restart, and is released", async () => {
    await start(fromSg);
    host.say("BACKUP");
    await host.step(0);
    expect(host.file("adjust")).toBe("0");
    expect(host.run("pin", "force", "sg").status).toBe(0);
    await host.step(1);
    expect(host.state()).toMatchObject({ role: "serve", pin: { kind: "force", site: "sg" } });
    expect(host.file("adjust")).toBe("80");
    expect(host.metrics()).toMatch(/^crossborder_ha_pinned\{[^}]*\} 1$/m);
    await host.stop();
    await host.step(2);
    expect(host.state()).toMatchObject({ role: "serve" });
    expect(host.run("release").status).toBe(0);
    await host.step(3);
    expect(host.state()).toMatchObject({ role: "proxy", pin: null });
    expect(host.file("adjust")).toBe("0");
  });

  test("a word that is no kind of pin is refused, and releasing nothing is not an error", async () => {
    await start(fromSg);
    host.configure({});
    const { status, stderr } = host.run("pin", "glue", "sg");
    expect([status, stderr.trim()]).toEqual([1, "glue: one of hold, force, prefer is wanted"]);
    expect(host.run("release").status).toBe(0);
  });

  test("a pin wakes the agent", async () => {
    await start(fromSg);
    await host.step(0);
    expect(host.run("pin", "hold", "la").status).toBe(0);
    expect(statSync(join(host.directory, "wake")).isFIFO()).toBe(true);
    expect(statSync(host.pinFile).mode & 0o777).toBe(0o600);
  });
});

test("keepalived notices that its device is gone, and that it is another, and is left alone otherwise", async () => {
  await start(fromLa);
  await host.step(0);
  await host.step(1);
  expect(host.systemctl()).toBe("");
  await host.step(2, { ...calm, device: null });
  await host.step(3, { ...calm, device: null });
  await host.step(4, { ...calm, device: 9 });
  await host.step(5, { ...calm, device: 9 });
  await host.step(6, { ...calm, device: 11 });
  expect(host.systemctl()).toBe(
    ["restart", "reload-or-restart", "reload-or-restart"]
      .map((verb) => `${verb} --no-block keepalived.service\n`)
      .join(""),
  );
});

test("status tells what was seen last, and that an agent that has died is stale", async () => {
  await start(fromLa);
  expect(JSON.parse(host.run("status").stdout)).toBeNull();
  expect(host.run("ready")).toMatchObject({ status: 1, stderr: "the agent does not run\n" });
  host.say("MASTER");
  // By the real uptime, which these verbs go by.
  // These verbs go by the computer's own uptime.
  const now = uptime();
  await host.step(now, holding);
  const told = JSON.parse(host.run("status").stdout) as Record<string, unknown>;
  expect(told).toMatchObject({ site: "la", vrrp: "MASTER", role: "serve", stale: false, changes: 0 });
  expect(host.run("ready").status).toBe(0);
  await host.step(now - 1000, { ...holding, link: false });
  host.proxy = false;
  await host.step(now - 100, holding);
  expect(JSON.parse(host.run("status").stdout)).toMatchObject({ stale: true });
});

test("the webhook is told of changes with their reasons, in their order, and not of the start", async () => {
  await start(fromLa);
  webhook = new Webhook(host.root);
  host.trust(webhook.certificateFile);
  host.configure({ webhook: await webhook.listen() });
  host.say("BACKUP");
  await host.step(0);
  webhook.status = 500;
  host.say("MASTER");
  await host.step(1, holding);
  expect(host.metrics()).toMatch(/^crossborder_ha_changes_total\{[^}]*\} 1$/m);
  webhook.status = 204;
  host.say("BACKUP");
  await host.step(2);
  expect(webhook.received).toEqual([
    expect.objectContaining({
      site: "la",
      host: "la-gw1",
      vip: "10.0.0.100",
      from: "BACKUP, proxy",
      to: "MASTER, serve",
      reason: "this site holds the address",
    }),
    expect.objectContaining({ from: "MASTER, serve", to: "BACKUP, proxy" }),
  ]);
  expect(host.log).not.toContain("t0ken");
});

test("a message that was not delivered outlives the agent", async () => {
  await start(fromLa);
  webhook = new Webhook(host.root);
  host.trust(webhook.certificateFile);
  host.configure({ webhook: await webhook.listen() });
  webhook.status = 500;
  await host.step(0);
  host.say("MASTER");
  await host.step(1, holding);
  await host.stop();
  webhook.status = 204;
  await host.step(2, holding);
  expect(webhook.received).toHaveLength(1);
});

test("metrics tell state, role and what is well", async () => {
  await start(fromLa);
  host.say("MASTER");
  await host.step(0, holding);
  const labels = '{site="la",host="la-gw1"';
  for (const line of [
    `crossborder_ha_vrrp_state${labels},state="MASTER"} 1`,
    `crossborder_ha_vrrp_state${labels},state="BACKUP"} 0`,
    `crossborder_ha_serves${labels}} 1`,
    `crossborder_ha_pinned${labels}} 0`,
    `crossborder_ha_well${labels},what="proxy"} 1`,
  ]) {
    expect(host.metrics().split("\n")).toContain(line);
  }
});
