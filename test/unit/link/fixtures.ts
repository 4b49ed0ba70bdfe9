import type { LinkEnd, LinkView } from "../../../components/link/ends";
import { parseSettings } from "../../../settings/parse";
import type { LinkSettings } from "../../../settings/schema";
import { withValue } from "../settings/fixtures";

export const la: LinkEnd = {
  host: "la-gw1",
  site: "la",
  family: "debian",
  privateAddress: "10.10.0.2",
  publicAddress: "198.51.100.10",
  interface: "net0",
  cidr: "10.10.0.0/24",
  asn: 65010,
  linkAddress: "10.255.0.1",
  initiator: true,
};

export const sg: LinkEnd = {
  host: "sg-gw1",
  site: "sg",
  family: "debian",
  privateAddress: "10.20.0.2",
  publicAddress: "203.0.113.10",
  interface: "ens4",
  cidr: "10.20.0.0/24",
  asn: 65020,
  linkAddress: "10.255.0.2",
  initiator: false,
};

export const fromLa: LinkView = { local: la, peer: sg };
export const fromSg: LinkView = { local: sg, peer: la };

/** Link settings with the given ones set and the rest as by default. */
export function linkSettings(set: Record<string, unknown> = {}): LinkSettings {
  return parseSettings(withValue(["link"], set)).link;
}
