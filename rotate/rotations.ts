import { isDeepStrictEqual } from "node:util";
import { z } from "zod";
import type { PostgresOutput } from "../outputs/contract";
import type { SettingChange, WrittenSettings } from "../settings/stack";
import { type Numbers, rotationSteps } from "./numbers";

/** One deployment of a rotation. */
export interface RotationStep {
  /** What is so once it is deployed. */
  readonly meaning: string;
  /** To be made before it. */
  readonly changes: readonly SettingChange[];
}

/** What a rotation does. */
export interface Rotation {
  readonly steps: readonly RotationStep[];
  /** What is so at its end. */
  readonly outcome: string;
}

const number = z.number().default(1);
const numbers = z.array(z.number()).default([]);
const written = z.object({
  sites: z.record(z.string(), z.object({ outOfService: z.boolean().default(false) })).default({}),
  link: z
    .object({
      ipsec: z.object({ psk: z.object({ send: number, accept: numbers }).prefault({}) }).prefault({}),
    })
    .prefault({}),
  certificates: z
    .object({
      generation: number,
      authority: z.object({ issue: number, trust: numbers }).prefault({}),
    })
    .prefault({}),
  postgres: z
    .union([
      z.literal("off"),
      z.object({ passwords: z.object({ use: number, accept: numbers }).prefault({}) }),
    ])
    .default("off"),
});

function changes(use: string, accept: string, step: Numbers): SettingChange[] {
  const [accepted] = step.accept;
  const list = accepted === undefined ? { path: accept } : { path: `${accept}[0]`, value: accepted };
  return [{ path: use, value: step.use }, list];
}

/** The link's pre-shared key: accept old and new, send the new, drop the old. */
export function pskRotation(settings: WrittenSettings): Rotation {
  const { send, accept } = written.parse(settings).link.ipsec.psk;
  const steps = rotationSteps({ use: send, accept });
  return {
    steps: steps.map((step) => ({
      meaning:
        step.accept.length > 0
          ? `the link sends ${step.use}, accepts ${step.accept.join(", ")} too`
          : `the link knows ${step.use} only`,
      changes: changes("crossborder:link.ipsec.psk.send", "crossborder:link.ipsec.psk.accept", step),
    })),
    outcome: `the pre-shared key in use is number ${steps.at(-1)!.use}; the one before is gone`,
  };
}

/**
 * The hosts' keys and certificates. One deployment: peers trust the authority, whichever key it certified.
 * @throws Error while a site is out of service: nobody could remove the old key from its host.
 */
export function certificateRotation(settings: WrittenSettings): Rotation {
  const { sites, certificates } = written.parse(settings);
  const dead = Object.keys(sites).find((name) => sites[name]!.outOfService);
  if (dead !== undefined) {
    throw new Error(
      `crossborder:sites.${dead}.outOfService is true: its hosts can't be given new keys; rotate when it is in service again`,
    );
  }
  const next = certificates.generation + 1;
  return {
    steps: [
      {
        meaning: `every host makes key ${next} and gets a certificate for it`,
        changes: [{ path: "crossborder:certificates.generation", value: next }],
      },
    ],
    outcome: `the hosts' keys in use are number ${next}; those before are gone`,
  };
}

/** The authority: trust old and new, issue with the new, drop the old. The hosts keep their keys. */
export function authorityRotation(settings: WrittenSettings): Rotation {
  const { issue, trust } = written.parse(settings).certificates.authority;
  const steps = rotationSteps({ use: issue, accept: trust });
  const key = "crossborder:certificates.authority";
  return {
    steps: steps.map((step) => ({
      meaning:
        step.accept.length > 0
          ? `authority ${step.use} issues, ${step.accept.join(", ")} is trusted too`
          : `authority ${step.use} alone is trusted`,
      changes: changes(`${key}.issue`, `${key}.trust`, step),
    })),
    outcome: `the authority in use is number ${steps.at(-1)!.use}; the one before is gone`,
  };
}

/**
 * The applications' passwords: one deployment that gives each application's other login a new one, with the old login
 * accepted, and, run again once the applications use the new one, one that ends the old login. Settings that no deployment
 * has carried out yet are carried out first: nobody can be using passwords that nobody was given.
 * @param deployed The stack's output `postgres`, if it has one.
 * @throws Error where the stack has no database.
 */
export function passwordRotation(settings: WrittenSettings, deployed?: PostgresOutput): Rotation {
  const { postgres } = written.parse(settings);
  if (postgres === "off") throw new Error("the stack has no database: crossborder:postgres is off");
  const { use, accept } = postgres.passwords;
  if (
    deployed === undefined ||
    deployed === "off" ||
    !isDeepStrictEqual(deployed.passwords, { use, accept })
  ) {
    const { meaning, outcome } = passwordStep({ use, accept });
    return {
      steps: [{ meaning: `what the settings say is not deployed yet: ${meaning}`, changes: [] }],
      outcome,
    };
  }
  const next = accept.length > 0 ? { use, accept: [] } : { use: use + 1, accept: [use] };
  const { meaning, outcome } = passwordStep(next);
  const key = "crossborder:postgres.passwords";
  return { steps: [{ meaning, changes: changes(`${key}.use`, `${key}.accept`, next) }], outcome };
}

function passwordStep({ use, accept }: Numbers): { meaning: string; outcome: string } {
  return accept.length === 0
    ? {
        meaning: `applications log in with passwords ${use} only`,
        outcome: `the passwords in use are number ${use}; those before are gone`,
      }
    : {
        meaning: `applications can log in with passwords ${accept.join(", ")} and ${use}`,
        outcome: `the output postgresCredentials has passwords ${use}; run the same command again when every application uses them`,
      };
}
