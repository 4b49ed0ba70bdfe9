import ipaddr from "ipaddr.js";
import { group, groups, type Inputs, isAbsent, texts, UNKNOWN } from "../inputs";
import type { PlannedResource } from "../rule";

/**
 * The longest prefixes that count as "from anywhere", and one more, by kind of address. Nobody has more than a /8 of IPv4
 * (IANA's registry gives no larger block), nor more than a /16 of IPv6 to itself.
 */
export const WIDEST_PREFIX = { ipv4: 8, ipv6: 16 } as const;

/** Something that a firewall lets in. */
export interface Opening {
  /** The property that names the source. */
  readonly property: string;
  /** The range that is let in; undefined where none is named, which lets in everybody. */
  readonly source: string | undefined;
  /** In the cloud's own word; undefined for all. */
  readonly protocol: string | undefined;
  /** In the cloud's own words, such as `22`, `20-30` or `ALL`; undefined for all. */
  readonly ports: readonly string[] | undefined;
}

/** Whether a range is so wide that whoever is in it might be anybody. What is no range, such as a tag, is not. */
export function isAnywhere(range: string | undefined): boolean {
  if (range === undefined) return true;
  if (!ipaddr.isValidCIDR(range)) return false;
  const [address, prefix] = ipaddr.parseCIDR(range);
  return prefix < WIDEST_PREFIX[address.kind()];
}

/** Whether an opening lets TCP connections to a port in. */
export function admitsTcp({ protocol, ports }: Opening, port: number): boolean {
  // 6 is TCP's number, which Google takes for the name.
  if (protocol !== undefined && !["tcp", "6", "all"].includes(protocol.toLowerCase())) return false;
  return ports === undefined || ports.some((words) => words.split(",").some((part) => covers(part, port)));
}

function covers(words: string, port: number): boolean {
  if (words.trim().toLowerCase() === "all") return true;
  const [first, last = first] = words.split("-").map(Number);
  return first! <= port && port <= last!;
}

/** A text; undefined where it is left out. One that isn't known is a word of no meaning, which covers nothing. */
function word(value: unknown): string | undefined {
  return isAbsent(value) ? undefined : value === UNKNOWN ? "unknown" : String(value);
}

/** Google's firewall rules: sources and what is allowed are lists, and each source has all that is allowed. */
function ofGoogle(inputs: Inputs): Opening[] {
  if (inputs["direction"] === "EGRESS" || inputs["disabled"] === true) return [];
  const named = ["sourceRanges", "sourceTags", "sourceServiceAccounts"].some((key) => !isAbsent(inputs[key]));
  const sources = named ? texts(inputs["sourceRanges"]) : [undefined];
  return groups(inputs["allows"]).flatMap(({ protocol, ports }) =>
    sources.map((source) => ({
      property: "sourceRanges",
      source,
      protocol: word(protocol),
      ports: isAbsent(ports) ? undefined : texts(ports),
    })),
  );
}

/** What may stand in a rule of Tencent's for its source. */
const TENCENT_SOURCES = [
  "cidrBlock",
  "ipv6CidrBlock",
  "sourceSecurityId",
  "addressTemplateId",
  "addressTemplateGroup",
];

/** Tencent's security groups. A rule that drops, before one that accepts, isn't counted in its favour. */
function ofTencent(inputs: Inputs): Opening[] {
  return groups(inputs["ingresses"]).flatMap((rule, index) => {
    if (String(rule["action"]).toUpperCase() === "DROP") return [];
    const source = TENCENT_SOURCES.find((key) => !isAbsent(rule[key]));
    const ports = word(rule["port"]);
    return [
      {
        property: `ingresses[${index}].${source ?? "cidrBlock"}`,
        source: source && word(rule[source]),
        protocol: word(rule["protocol"]),
        ports: ports === undefined ? undefined : [ports],
      },
    ];
  });
}

const readers: Readonly<Record<string, (inputs: Inputs) => Opening[]>> = {
  "gcp:compute/firewall:Firewall": ofGoogle,
  "tencentcloud:index/securityGroupRuleSet:SecurityGroupRuleSet": ofTencent,
};

/** All that a resource lets in; nothing for what is no firewall. */
export function openings({ type, inputs }: PlannedResource): Opening[] {
  return readers[type]?.(group(inputs)) ?? [];
}
