import { type Authority, createAuthority } from "../../../providers/pki/authority";
import { logic as authorityLogic } from "../../../providers/pki/authorityProvider";
import { type LeafInputs, leafLogic, type LeafOutputs } from "../../../providers/pki/leafProvider";
import { daysLater, NOW, Workshop } from "./fixtures";

const workshop = new Workshop();
let authority: Authority;
let inputs: LeafInputs;

beforeAll(async () => {
  authority = await createAuthority("crossborder authority 1", NOW);
  inputs = {
    authorityCertificate: authority.certificate,
    authorityKey: authority.privateKey,
    request: workshop.request(),
    dnsName: "la-gw1.crossborder.internal",
    lifeDays: 90,
  };
});
afterAll(() => workshop.remove());

/** A provider whose clock the test turns. */
function provider() {
  const clock = { days: 0 };
  return { clock, logic: leafLogic(() => daysLater(clock.days)) };
}

async function issued(): Promise<ReturnType<typeof provider> & { id: string; stored: LeafOutputs }> {
  const { clock, logic } = provider();
  const { id, outs } = await logic.create(inputs);
  return { clock, logic, id, stored: outs! };
}

describe("a leaf", () => {
  test("stores what it was made from, except the authority's key", async () => {
    const { stored, id } = await issued();
    expect(Object.keys(stored).sort()).toEqual(
      ["authorityCertificate", "certificate", "dnsName", "lifeDays"].concat([
        "notAfter",
        "notBefore",
        "request",
        "serial",
      ]),
    );
    expect(JSON.stringify(stored)).not.toContain("PRIVATE");
    expect(id).toBe(stored.serial);
  });

  test("is left alone for two thirds of its life, and then renewed in place", async () => {
    const { clock, logic, id, stored } = await issued();
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: false });
    clock.days = 59.9;
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: false });
    clock.days = 60.1;
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: true });
    const { outs } = await logic.update(id, stored, inputs);
    expect(outs).toMatchObject({ notAfter: "2026-06-14T14:24:00.000Z", dnsName: stored.dnsName });
    expect(outs!.serial).not.toBe(stored.serial);
    expect(await logic.diff(id, outs!, inputs)).toEqual({ changes: false });
  });

  test.each<[string, () => Partial<LeafInputs>]>([
    ["name", () => ({ dnsName: "sg-gw1.crossborder.internal" })],
    ["life", () => ({ lifeDays: 30 })],
    ["key", () => ({ request: workshop.request() })],
    ["authority, as yet unknown", () => ({ authorityCertificate: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" })],
    ["key, as yet unknown", () => ({ request: "04da6b54-80e4-46f7-96ec-b56ff0331ba9" })],
  ])("is issued anew, never replaced, for another %s", async (_, set) => {
    const { logic, id, stored } = await issued();
    expect(await logic.diff(id, stored, { ...inputs, ...set() })).toEqual({ changes: true });
  });

  test("of a host that is out of service is kept until it is in service again, whatever its age, key or name", async () => {
    const { clock, logic, id, stored } = await issued();
    clock.days = 200;
    const held = { ...inputs, hold: true, request: "", dnsName: "2.la-gw1.crossborder.internal" };
    expect(await logic.diff(id, stored, held)).toEqual({ changes: false });
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: true });
  });

  test("of a host that was never in service is issued when it is", async () => {
    const { logic } = provider();
    const { id, outs } = await logic.create({ ...inputs, hold: true, request: "" });
    expect(outs).toMatchObject({ certificate: "", serial: "" });
    expect(await logic.diff(id, outs!, { ...inputs, hold: true, request: "" })).toEqual({ changes: false });
    expect(await logic.diff(id, outs!, inputs)).toEqual({ changes: true });
    expect((await logic.update(id, outs!, inputs)).outs!.certificate).toContain("BEGIN CERTIFICATE");
  });

  test("is left alone when the same key was only asked for again", async () => {
    const { logic, id } = await issued();
    const again = { ...inputs, request: workshop.request() };
    const { outs } = await logic.update(id, {} as LeafOutputs, again);
    expect(await logic.diff(id, outs!, { ...again, request: workshop.requestAgain() })).toEqual({
      changes: false,
    });
  });

  test("is clean in a refresh, even when its renewal is due; the deployment after it renews", async () => {
    const { clock, logic, id, stored } = await issued();
    clock.days = 80;
    expect((await logic.read(id, stored)).props).toBe(stored);
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: false });
    expect(await logic.diff(id, stored, inputs)).toEqual({ changes: true });
  });
});

describe("an authority", () => {
  test("is left alone as long as it keeps its name; another name is another key", async () => {
    const { id, outs } = await authorityLogic.create({ commonName: "one" });
    expect(await authorityLogic.diff(id, outs!, { commonName: "one" })).toEqual({ changes: false });
    expect(await authorityLogic.diff(id, outs!, { commonName: "two" })).toEqual({ changes: true });
    const updated = await authorityLogic.update(id, outs!, { commonName: "two" });
    expect(updated.outs!.privateKey).not.toBe(outs!.privateKey);
    expect(await authorityLogic.read(id, outs!)).toEqual({ id, props: outs });
  });
});
