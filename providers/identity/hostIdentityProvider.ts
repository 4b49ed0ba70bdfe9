import type { ProviderLogic } from "../dynamic";
import { adoptOwnKey } from "./ownKey";

/** How a machine is reached for the first time. */
export interface FirstConnectionInputs {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** A secret. */
  readonly privateKey: string;
  /** The cloud's identifier of the machine: another one is another machine. */
  readonly machine: string;
  readonly sshUnit: string;
  readonly deadlineSeconds: number;
  /** Nobody is connected to: the machine is out of service. @default false */
  readonly hold?: boolean;
}

export interface IdentityInputs extends FirstConnectionInputs {
  readonly bootstrapKey: string;
}

/** What is stored: no key that lets anybody in. */
export interface IdentityOutputs extends Omit<IdentityInputs, "privateKey"> {
  readonly hostKey: string;
}

/** A machine as `ownKey` wants it. */
export function machineOf({ address, port, user, privateKey, sshUnit }: FirstConnectionInputs): {
  connection: { host: string; port: number; user: string; privateKey: string };
  sshUnit: string;
} {
  return { connection: { host: address, port, user, privateKey }, sshUnit };
}

/** What may be stored of the inputs. */
export function withoutSecrets<Inputs extends FirstConnectionInputs>({
  privateKey: _,
  ...others
}: Inputs): Omit<Inputs, "privateKey"> {
  return others;
}

async function adopt(inputs: IdentityInputs, former: readonly string[]): Promise<IdentityOutputs> {
  const known = [inputs.bootstrapKey, ...former];
  const hostKey = await adoptOwnKey(machineOf(inputs), known, inputs.deadlineSeconds);
  return { ...withoutSecrets(inputs), hostKey };
}

/** What is known of a machine that was out of service since it was made: the key that its user data gave it. */
function unasked(inputs: IdentityInputs): IdentityOutputs {
  return { ...withoutSecrets(inputs), hostKey: inputs.bootstrapKey };
}

/** The life of a HostIdentity resource. */
export const logic: ProviderLogic<IdentityInputs, IdentityOutputs> = {
  diff: async (_id, olds, news) => ({
    changes: !news.hold && (olds.machine !== news.machine || olds.hostKey === olds.bootstrapKey),
  }),
  create: async (inputs) => ({
    id: "identity",
    outs: inputs.hold ? unasked(inputs) : await adopt(inputs, []),
  }),
  // Another machine has the bootstrap key, or it has the former one's disk and thus its key. One that was given a bootstrap key of
  // its own is known by that alone: whoever has the lost disk has the former key.
  update: async (_id, olds, news) => ({
    outs: await adopt(news, news.bootstrapKey === olds.bootstrapKey ? [olds.hostKey] : []),
  }),
  read: async (id, props) => ({ id, props }),
  // The machine keeps its key for as long as it lives.
  delete: async () => undefined,
};
