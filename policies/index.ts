import { PolicyPack, type ResourceValidationArgs, type ReportViolation } from "@pulumi/policy";
import { group, readable } from "./inputs";
import { isProduction, type ResourceRule } from "./rule";
import { resourceRules } from "./rules";

/** The stack is a part of a URN, `urn:pulumi:<stack>::<project>::…`; the policy package tells it nowhere else. */
function stackOf(urn: string): string {
  return urn.split("::")[0]!.split(":").at(-1)!;
}

const policy = ({ name, description, check }: ResourceRule) => ({
  name,
  description,
  validateResource: (
    { type, name, urn, props, opts }: ResourceValidationArgs,
    report: ReportViolation,
  ): void => {
    const resource = { type, name, inputs: group(readable(props)), protect: opts.protect };
    const surroundings = { production: isProduction(stackOf(urn)) };
    for (const sentence of check(resource, surroundings)) report(sentence);
  },
});

new PolicyPack("crossborder", { enforcementLevel: "mandatory", policies: resourceRules.map(policy) });
