import { SshError } from "../ssh/session";

/** One end of something that two sites have. */
interface End {
  readonly site: string;
  readonly host: string;
  readonly outOfService?: true | undefined;
}

/** Name of the site that is out of service; undefined when both ends are in service. */
export function siteOutOfService(...ends: readonly [End, End]): string | undefined {
  return ends.find(({ outOfService }) => outOfService)?.site;
}

/** What stands in the place of a session with a host that nobody is to ask. */
export function notAsked({ host, site }: End): SshError {
  return new SshError("out-of-service", `${host} is not asked: site ${site} is out of service`);
}
