import * as pulumi from "@pulumi/pulumi";
import { ReplicationGate } from "../../../providers/replication";
import { databases } from "../probes/databases";
import { plain, recordRegistrations, Secret, valueOf } from "./recorder";

const measured = {
  lagMs: { primary: 54, secondary: 60 },
  conflicts: 4,
  tables: 3,
  unchecked: [],
  verdict: "up",
  measuredAt: "2026-01-01T00:00:00.000Z",
};

test("the gate keeps the databases secret, and takes its defaults", async () => {
  const registrations = await recordRegistrations((type) =>
    type.endsWith(":ReplicationGate") ? measured : {},
  );
  const gate = new ReplicationGate("postgres-gate", {
    databases: pulumi.output(databases),
    fingerprint: "one",
    measure: "always",
  });
  await expect(valueOf(gate.lagMs)).resolves.toEqual(measured.lagMs);
  const [registered] = await registrations();
  expect(registered!.inputs["databases"]).toBeInstanceOf(Secret);
  expect(plain(registered!.inputs["databases"])).toEqual(databases);
  expect(registered!.inputs).toMatchObject({ measure: "always", beats: 5, deadlineSeconds: 300 });
  expect(registered!.additionalSecretOutputs).toContain("databases");
  expect(JSON.stringify(registered!.inputs["__provider"])).not.toContain("PRIVATE-KEY");
});
