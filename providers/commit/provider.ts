import { isDeepStrictEqual } from "node:util";
import type { ProviderLogic } from "../dynamic";
import { connect, type SshConnection } from "../ssh/session";
import { type CommitHost, commitTogether } from "./twoPhase";

/** A host's part of the commit, without what is secret. */
export interface StagedHost extends Omit<CommitHost, "connection"> {
  /** Changes when the same generation had to be staged anew. */
  readonly staged: string;
}

export interface CommitInputs {
  readonly hosts: readonly StagedHost[];
  /** By the host's name. Secret. */
  readonly connections: Readonly<Record<string, SshConnection>>;
  readonly confirmWithinSeconds: number;
  readonly readyWithinSeconds: number;
}

export interface CommitOutputs extends CommitInputs {
  /** The generation that was confirmed on each host. */
  readonly committed: Readonly<Record<string, string>>;
}

/** In a preview, a string stands in the place of what is not known yet. */
function isKnown(value: object | string): boolean {
  return typeof value !== "string";
}

/** A key that only got other line ends, or lost its last one, is the same key. */
function comparable({ hosts, connections, confirmWithinSeconds, readyWithinSeconds }: CommitInputs): unknown {
  const keyed = Object.entries(connections).map(([name, connection]) => [
    name,
    isKnown(connection)
      ? { ...connection, privateKey: connection.privateKey.replaceAll("\r\n", "\n").trim() }
      : connection,
  ]);
  return {
    hosts: hosts.map(({ name, component, generation, staged }) => ({ name, component, generation, staged })),
    connections: Object.fromEntries(keyed) as unknown,
    confirmWithinSeconds,
    readyWithinSeconds,
  };
}

async function commitAll(inputs: CommitInputs): Promise<CommitOutputs> {
  await commitTogether(
    {
      hosts: inputs.hosts.map(({ staged: _staged, ...host }) => ({
        ...host,
        connection: inputs.connections[host.name]!,
      })),
      confirmWithinSeconds: inputs.confirmWithinSeconds,
      readyWithinSeconds: inputs.readyWithinSeconds,
    },
    {
      dial: (connection) => connect(connection),
      now: () => Date.now(),
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    },
  );
  return outputsOf(inputs);
}

function outputsOf(inputs: CommitInputs): CommitOutputs {
  const committed = inputs.hosts.map(({ name, generation }) => [name, generation]);
  return { ...inputs, committed: Object.fromEntries(committed) as Record<string, string> };
}

export const logic: ProviderLogic<CommitInputs, CommitOutputs> = {
  diff: async (_id, olds, news) => ({
    changes:
      !isKnown(news.hosts) ||
      !isKnown(news.connections) ||
      !isDeepStrictEqual(comparable(olds), comparable(news)),
  }),
  create: async (inputs) => ({ id: "commit", outs: await commitAll(inputs) }),
  update: async (_id, olds, news) => {
    const hostsOf = (inputs: CommitInputs): unknown => (comparable(inputs) as CommitInputs).hosts;
    // Another way to reach the hosts, or other times, are kept for the next commit; there is nothing to commit now.
    const same = isDeepStrictEqual(hostsOf(olds), hostsOf(news));
    return { outs: same ? outputsOf(news) : await commitAll(news) };
  },
  read: async (id, props) => ({ id, props }),
  // What is on the hosts goes with the resources that staged it.
  delete: async () => undefined,
};
