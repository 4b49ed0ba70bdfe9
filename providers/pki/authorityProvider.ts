import type { ProviderLogic } from "../dynamic";
import { type Authority, createAuthority } from "./authority";

export interface AuthorityInputs {
  readonly commonName: string;
}

export interface AuthorityOutputs extends AuthorityInputs, Authority {}

async function make({ commonName }: AuthorityInputs): Promise<AuthorityOutputs> {
  return { commonName, ...(await createAuthority(commonName)) };
}

/** The life of a CertificateAuthority resource. Nothing of it exists outside the state. */
export const logic: ProviderLogic<AuthorityInputs, AuthorityOutputs> = {
  diff: async (_id, olds, news) => ({ changes: olds.commonName !== news.commonName }),
  create: async (inputs) => ({ id: inputs.commonName, outs: await make(inputs) }),
  update: async (_id, _olds, news) => ({ outs: await make(news) }),
  read: async (id, props) => ({ id, props }),
  delete: async () => undefined,
};
