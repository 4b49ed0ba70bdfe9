import { randomBytes } from "node:crypto";
import { hash } from "bcryptjs";
import type { CheckFailure, CheckResult, CreateResult, DiffResult, Provider } from "@pulumi/pulumi/provider";
import { checkProperties, type Rules } from "../support/check";
import { ResourceFailure, typeOf } from "../support/failure";
import { differs, isUnknown, reveal, secret, type Properties } from "../support/values";
import { makePassword, passwordComplaint, passwordDefaults, type PasswordInputs } from "./password";

/** Cost of the bcrypt hash of a password, as in the official provider. */
const bcryptCost = 10;

/** One type of resource: what it takes and what it makes of it. */
interface RandomResource {
  readonly rules: Rules;
  readonly complaint?: (inputs: Properties) => string | undefined;
  readonly create: (inputs: Properties) => Promise<CreateResult>;
}

const count = { type: "number", atLeast: 0 } as const;
const flag = { type: "boolean" } as const;
const keepers = { type: "map" } as const;
const size = { type: "number", required: true, atLeast: 1 } as const;

/** The id of resources that have none of their own, as in the official provider. */
const noId = "none";

const resources: Readonly<Record<string, RandomResource>> = {
  "random:index/randomPassword:RandomPassword": {
    rules: {
      length: size,
      lower: flag,
      upper: flag,
      numeric: flag,
      number: flag,
      special: flag,
      minLower: count,
      minUpper: count,
      minNumeric: count,
      minSpecial: count,
      overrideSpecial: { type: "string" },
      keepers,
    },
    complaint: (inputs) => passwordComplaint(inputs as unknown as PasswordInputs),
    create: async (inputs) => {
      const password = passwordDefaults(inputs as unknown as PasswordInputs);
      const result = makePassword(password);
      // bcrypt reads no more than 72 bytes; the official provider cuts there too.
      const bcryptHash = await hash(Buffer.from(result).subarray(0, 72).toString(), bcryptCost);
      return { id: noId, outs: { ...password, result: secret(result), bcryptHash: secret(bcryptHash) } };
    },
  },
  "random:index/randomId:RandomId": {
    rules: { byteLength: size, prefix: { type: "string" }, keepers },
    create: async (inputs) => {
      const bytes = randomBytes(inputs["byteLength"] as number);
      const prefix = (inputs["prefix"] ?? "") as string;
      return {
        id: bytes.toString("base64url"),
        outs: {
          ...inputs,
          b64Std: prefix + bytes.toString("base64"),
          b64Url: prefix + bytes.toString("base64url"),
          hex: prefix + bytes.toString("hex"),
          dec: prefix + BigInt(`0x${bytes.toString("hex")}`).toString(),
        },
      };
    },
  },
  "random:index/randomBytes:RandomBytes": {
    rules: { length: size, keepers },
    create: async (inputs) => {
      const bytes = randomBytes(inputs["length"] as number);
      return {
        id: noId,
        outs: { ...inputs, base64: secret(bytes.toString("base64")), hex: secret(bytes.toString("hex")) },
      };
    },
  },
};

/** The pulumi `random` package's RandomPassword, RandomId and RandomBytes, for machines without its own plugin. */
export class RandomProvider implements Provider {
  constructor(readonly version: string) {}

  async check(urn: string, _olds: Properties, news: Properties): Promise<CheckResult> {
    const resource = resources[typeOf(urn)];
    if (!resource) {
      const reason =
        `this project's own random provider has no ${typeOf(urn)}; ` +
        `use the official plugin (CROSSBORDER_PLUGINS=official)`;
      return { inputs: news, failures: [{ property: "", reason }] };
    }
    const failures: CheckFailure[] = checkProperties(news, resource.rules);
    const inputs = reveal(news) as Properties;
    if (failures.length === 0 && !Object.values(inputs).some(isUnknown)) {
      const reason = resource.complaint?.(inputs);
      if (reason !== undefined) failures.push({ property: "", reason });
    }
    return { inputs: news, failures };
  }

  /** A random value never changes; with other inputs it is another one. */
  async diff(_id: string, urn: string, olds: Properties, news: Properties): Promise<DiffResult> {
    const names = Object.keys(resources[typeOf(urn)]?.rules ?? {});
    const old = withDefaults(urn, olds);
    const next = withDefaults(urn, news);
    const changed = names.filter((name) => differs(old[name], next[name]));
    return { changes: changed.length > 0, replaces: changed };
  }

  async create(urn: string, inputs: Properties): Promise<CreateResult> {
    const { id, outs } = await resources[typeOf(urn)]!.create(reveal(inputs) as Properties);
    // Inputs go back as they came, their marks of secrecy with them.
    return { id, outs: { ...outs, ...inputs } };
  }

  async update(): Promise<never> {
    throw new ResourceFailure("a random value cannot be updated, only replaced");
  }
}

function withDefaults(urn: string, properties: Properties): Properties {
  if (typeOf(urn) !== "random:index/randomPassword:RandomPassword") return properties;
  return passwordDefaults(properties as unknown as PasswordInputs) as unknown as Properties;
}
