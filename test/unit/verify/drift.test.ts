import { generationOf } from "../../../components/host/installer";
import type { HostOutput } from "../../../outputs/contract";
import { type Session, SshError } from "../../../providers/ssh/session";
import { verifyHosts } from "../../../verify/drift";
import { exitStatus, table } from "../../../verify/report";
import { report, TemporaryHost } from "../../support/temporaryHost";
import { manifest } from "../host/manifests";

// Each step starts the installer, which takes a while on a busy machine.
jest.setTimeout(120_000);

const wanted = manifest({ files: [{ path: "/etc/a", content: "a", mode: "0644" }] });
const generation = generationOf(wanted);

let host: TemporaryHost;
beforeEach(() => (host = new TemporaryHost()));
afterEach(() => host.remove());

function output(name: string, outOfService = false): HostOutput {
  const connection = { host: name, port: 22, user: "root", privateKey: "", hostKey: "" };
  return { name, connection, machine: 1, outOfService, components: [{ component: "link", generation }] };
}

/** Only la exists. */
async function dial({ host: name }: { host: string }): Promise<Session> {
  if (name !== "la") throw new SshError("unreachable", `${name}:22 cannot be reached`);
  return { exec: (command) => host.exec(host.localise(command)), close: () => undefined };
}

describe("verifying hosts", () => {
  test("says so when all are as deployed", async () => {
    report(await host.bootstrap("apply", wanted));
    const reports = await verifyHosts([output("la")], dial);
    expect(exitStatus(reports)).toBe(0);
    expect(table(reports)).toBe("1 of 1 hosts are as deployed");
  });

  test("doesn't ask a host that is out of service, and says so", async () => {
    report(await host.bootstrap("apply", wanted));
    const reports = await verifyHosts([output("la"), output("sg", true)], dial);
    expect(exitStatus(reports)).toBe(0);
    expect(table(reports)).toMatch(/^sg +skipped +its site is out of service$/m);
    expect(table(reports)).toContain("1 of 1 hosts are as deployed");
  });

  test("tells which file of which host drifted, and which host could not be asked", async () => {
    report(await host.bootstrap("apply", wanted));
    host.write("/etc/a", "tampered");
    const reports = await verifyHosts([output("la"), output("sg")], dial);
    expect(exitStatus(reports)).toBe(1);
    expect(table(reports).split("\n")).toEqual([
      "HOST  COMPONENT  KIND     WHAT    DRIFT",
      "la    link       file     /etc/a  content differs",
      "sg               unknown          sg:22 cannot be reached",
      "",
      "0 of 2 hosts are as deployed",
    ]);
  });

  test("cannot tell when a host does not answer", async () => {
    expect(exitStatus(await verifyHosts([output("sg")], dial))).toBe(2);
  });

  test("finds a host on which nothing is installed", async () => {
    const reports = await verifyHosts([output("la")], dial);
    expect(reports[0]!.drifts).toEqual([
      { component: "link", kind: "generation", subject: "link", detail: "nothing is installed" },
    ]);
  });
});
