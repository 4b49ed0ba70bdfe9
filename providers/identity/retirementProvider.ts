import type { ProviderLogic } from "../dynamic";
import { type FirstConnectionInputs, machineOf, withoutSecrets } from "./hostIdentityProvider";
import { retireBootstrapKey } from "./ownKey";

export interface RetirementInputs extends FirstConnectionInputs {
  readonly bootstrapKey: string;
  /** The machine's own key, which is stored by now. */
  readonly hostKey: string;
}

export type RetirementOutputs = Omit<RetirementInputs, "privateKey">;

async function retire(inputs: RetirementInputs): Promise<RetirementOutputs> {
  await retireBootstrapKey(machineOf(inputs), inputs, inputs.deadlineSeconds);
  return withoutSecrets(inputs);
}

/** What is stored of a machine that is out of service: no own key is the only one there. */
function unasked(inputs: RetirementInputs): RetirementOutputs {
  return { ...withoutSecrets(inputs), hostKey: "" };
}

/** The life of a BootstrapKeyRetirement resource. */
export const logic: ProviderLogic<RetirementInputs, RetirementOutputs> = {
  diff: async (_id, olds, news) => ({
    changes: !news.hold && (olds.machine !== news.machine || olds.hostKey !== news.hostKey),
  }),
  create: async (inputs) => ({
    id: "retirement",
    outs: inputs.hold ? unasked(inputs) : await retire(inputs),
  }),
  update: async (_id, _olds, news) => ({ outs: await retire(news) }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
};
