import type { ProviderLogic } from "../dynamic";
import { issueLeaf, type Leaf, publicKeyOf } from "./leaf";
import { renewalIsDue } from "./life";

export interface LeafInputs {
  readonly authorityCertificate: string;
  /** A secret. */
  readonly authorityKey: string;
  readonly request: string;
  readonly dnsName: string;
  readonly lifeDays: number;
  /** Nothing is issued: the host is out of service. Its request may be missing. @default false */
  readonly hold?: boolean;
}

/** What a host has that has never been in service. Its first deployment issues. */
const NOTHING_ISSUED: Leaf = { certificate: "", serial: "", notBefore: "", notAfter: "" };

/** What is stored. The authority's key isn't among it: its certificate tells whether it changed. */
export interface LeafOutputs extends Omit<LeafInputs, "authorityKey">, Leaf {}

async function issue({ authorityKey, ...inputs }: LeafInputs, now: Date): Promise<LeafOutputs> {
  if (inputs.hold) return { ...inputs, ...NOTHING_ISSUED };
  const authority = { certificate: inputs.authorityCertificate, privateKey: authorityKey };
  return { ...inputs, ...(await issueLeaf({ ...inputs, authority }, now)) };
}

/** Whether a deployment has to issue anew: for another authority, key, name or life, or because little is left of it. */
export function mustIssue(stored: LeafOutputs, inputs: LeafInputs, now: Date): boolean {
  if (inputs.hold) return false;
  const key = publicKeyOf(inputs.request);
  return (
    stored.serial === NOTHING_ISSUED.serial ||
    (["authorityCertificate", "dnsName", "lifeDays"] as const).some(
      (name) => stored[name] !== inputs[name],
    ) ||
    key === undefined ||
    key !== publicKeyOf(stored.request) ||
    renewalIsDue(stored, now)
  );
}

/** @param clock Tells the time. */
export function leafLogic(clock: () => Date): ProviderLogic<LeafInputs, LeafOutputs> {
  // A refresh reads and then asks `diff` whether what was read is another. A certificate whose renewal is due is what it
  // was: it is the next deployment that renews it.
  const justRead = new Set<string>();
  return {
    diff: async (id, olds, news) => ({ changes: !justRead.delete(id) && mustIssue(olds, news, clock()) }),
    create: async (inputs) => {
      const outs = await issue(inputs, clock());
      // Stays when the certificate is renewed; two certificates of one name are two resources.
      return { id: outs.serial || "held", outs };
    },
    update: async (_id, _olds, news) => ({ outs: await issue(news, clock()) }),
    read: async (id, props) => {
      justRead.add(id);
      return { id, props };
    },
    delete: async () => undefined,
  };
}

/** The life of a LeafCertificate resource. */
export const logic = leafLogic(() => new Date());
