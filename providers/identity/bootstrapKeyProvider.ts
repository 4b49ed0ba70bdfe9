import type { ProviderLogic } from "../dynamic";
import { createBootstrapKey, type SshKeyPair } from "./keys";

export type BootstrapKeyInputs = Readonly<Record<string, never>>;
export type BootstrapKeyOutputs = SshKeyPair;

/** The life of a BootstrapHostKey resource. Nothing of it exists outside the state and the user data that carry it. */
export const logic: ProviderLogic<BootstrapKeyInputs, BootstrapKeyOutputs> = {
  // Only a forced replacement makes another.
  diff: async () => ({ changes: false }),
  create: async () => {
    const key = createBootstrapKey();
    return { id: key.publicKey, outs: key };
  },
  update: async (_id, olds) => ({ outs: olds }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
};
