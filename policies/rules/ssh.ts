import { shown } from "../inputs";
import { called, type ResourceRule, type SettingsRule } from "../rule";
import { admitsTcp, isAnywhere, openings, WIDEST_PREFIX } from "./openings";

/** SSH's port (RFC 4253). Another one of the settings is open to the ranges of the settings alone, which are looked at too. */
const SSH_PORT = 22;

const ALLOWED = `it must come from ranges that are yours, of at most /${WIDEST_PREFIX.ipv4} (IPv6: /${WIDEST_PREFIX.ipv6})`;

/** Cloud firewalls. */
export const sshIsNotOpenToAnybody: ResourceRule = {
  name: "ssh-from-known-ranges",
  description: "No firewall of a cloud lets SSH in from anywhere.",
  check: (resource) => {
    const found = openings(resource)
      .filter((opening) => isAnywhere(opening.source) && admitsTcp(opening, SSH_PORT))
      .map(
        ({ property, source }) =>
          `${called(resource)}: ${property} is ${shown(source)}, and SSH, TCP ${SSH_PORT}, is let in from there; ${ALLOWED}.`,
      );
    return [...new Set(found)];
  },
};

/** The gateways' own firewall, which is made of the settings: the only one where hosts exist already. */
export const sshSettingsNameNobody: SettingsRule = {
  name: "ssh-settings-name-ranges",
  description: "The gateways' own firewall doesn't let SSH in from anywhere.",
  check: ({ access }) =>
    access.sshFrom
      .filter(isAnywhere)
      .map((range) => `crossborder:access.sshFrom has ${range}; SSH is let in from there, and ${ALLOWED}.`),
};
