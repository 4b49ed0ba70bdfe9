import {
  postgresManifest,
  type PostgresInputs,
  replicationManifest,
} from "../../../components/postgres/manifest";
import type { PostgresNode, PostgresView } from "../../../components/postgres/plan";
import type { Manifest } from "../../../components/host/manifest";
import { certificatePaths } from "../../../components/pki/paths";
import { postgres } from "../../../settings/postgres";
import type { PostgresSettings } from "../../../settings/schema";

/** What PostgreSQL 15 itself made of the password `pencil`. */
export const pencil = {
  salt: "oU56U5vctfBUQ15oj+6y+w==",
  verifier:
    "SCRAM-SHA-256$4096:oU56U5vctfBUQ15oj+6y+w==$dmI5jqa6EQEU8mGrn7RaXEZOAqytM5ce4ue4s1b0KbA=:xrO5PgRF6yEU8S5Jx37ShdC5u6faNsf6vh5MmZrQTpw=",
};

function node(site: string, number: 1 | 2, primary: boolean): PostgresNode {
  return {
    site,
    number,
    primary,
    copies: !primary,
    dnsName: `${site}-gw1.crossborder.internal`,
    peerEndpoint: { host: "127.0.0.1", port: 15432 },
  };
}

export function viewOf(site: "la" | "sg"): PostgresView {
  const la = node("la", 1, true);
  const sg = node("sg", 2, false);
  return site === "la" ? { local: la, peer: sg } : { local: sg, peer: la };
}

export function settingsOf(set: Record<string, unknown> = {}): PostgresSettings {
  return postgres.parse(set);
}

export function inputsOf(site: "la" | "sg", set: Record<string, unknown> = {}): PostgresInputs {
  return {
    view: viewOf(site),
    host: `${site}-gw1`,
    family: "debian",
    settings: settingsOf(set),
    certificate: { paths: certificatePaths(`${site}-gw1`), serial: "0a1b2c" },
    verifiers: { app_a: pencil.verifier },
    health: { textfileDirectory: "/var/lib/prometheus/node-exporter" },
    paired: false,
  };
}

export function serverOf(site: "la" | "sg", set: Record<string, unknown> = {}): Manifest {
  return postgresManifest(inputsOf(site, set));
}

export function subscriptionOf(site: "la" | "sg", set: Record<string, unknown> = {}): Manifest {
  return replicationManifest(inputsOf(site, set));
}
