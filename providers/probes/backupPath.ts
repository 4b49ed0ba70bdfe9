import { z } from "zod";
import { KEEPER_CONFIGURATION, KEEPER_PROGRAM } from "../../components/backup/unit";
import { asRoot } from "../../components/host/installer";
import { lifeSchema, type LifeStatus, lifeStatus, lifeText } from "../pki/life";
import type { SshError, Session } from "../ssh/session";
import type { LinkEnd, LinkFacts } from "./facts";
import type { Sessions } from "./measure";

/** Age beyond which a look of the keeper tells nothing any more, s. It looks every second; emulated machines stall. */
const STALE_SECONDS = 30;

/** What `backup_keeper.py show` prints: the backup path as one gateway's keeper sees it. */
const keeperState = z.object({
  state: z.enum(["unknown", "standby", "standby-unhealthy", "active", "held", "down"]),
  reason: z.string(),
  /** Since when it is in this state, s since 1970 by the gateway's clock. */
  since: z.number(),
  /** Whether the checks over the link pass, and those of the public way; null while the proxy doesn't answer. */
  link: z.boolean().nullable(),
  public: z.boolean().nullable(),
  services: z.array(
    z.object({
      name: z.string(),
      link: z.boolean(),
      connections: z.object({ link: z.number(), backup: z.number() }),
    }),
  ),
  /** Parts of its configuration that the proxy refuses as they are now; it goes on with those that it had. */
  refused: z.array(z.string()).default([]),
  /** Times that the link was lost to the proxy. */
  cuts: z.number(),
  /** Whether another cut would count as a first one, after which nothing is held. */
  calm: z.boolean(),
  /** Rest of a hold, and of the time that connections may stay on the backup path; 0 without one. */
  holdSeconds: z.number(),
  drainSeconds: z.number(),
  ageSeconds: z.number(),
  /** Lives of the certificate that the proxy presents, and of the authority that ends first of those that it trusts. */
  certificate: lifeSchema.nullish(),
  authority: lifeSchema.nullish(),
});

/** The certificates of a gateway, as its proxy has loaded them; null while that doesn't answer. */
export interface SiteCertificates {
  readonly certificate: LifeStatus | null;
  readonly authority: LifeStatus | null;
}

export type SiteBackup = Omit<z.infer<typeof keeperState>, "ageSeconds" | keyof SiteCertificates> &
  SiteCertificates;

/** The backup path by site; `unknown` with the reason where a keeper can't be asked. */
export type BackupStatus = Readonly<Record<string, SiteBackup>>;

function unknown(reason: string): SiteBackup {
  return {
    state: "unknown",
    reason,
    since: 0,
    link: null,
    public: null,
    services: [],
    refused: [],
    cuts: 0,
    calm: false,
    holdSeconds: 0,
    drainSeconds: 0,
    certificate: null,
    authority: null,
  };
}

async function ask(end: LinkEnd, session: Session | SshError, now: Date): Promise<SiteBackup> {
  if (session instanceof Error) return unknown(session.message);
  try {
    const command = `${asRoot(end.connection.user)}python3 ${KEEPER_PROGRAM} show ${KEEPER_CONFIGURATION}`;
    const { status, stdout } = await session.exec(command, { timeoutMs: 30_000 });
    if (status !== 0) return unknown(`${end.host}: the keeper doesn't run`);
    const { ageSeconds, certificate, authority, ...state } = keeperState.parse(JSON.parse(stdout));
    const lives: SiteCertificates = {
      certificate: certificate ? lifeStatus(certificate, now) : null,
      authority: authority ? lifeStatus(authority, now) : null,
    };
    return ageSeconds > STALE_SECONDS
      ? { ...unknown(`${end.host}: the keeper last looked ${ageSeconds} s ago`), ...lives }
      : { ...state, ...lives };
  } catch (error) {
    return unknown(`${end.host}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Asks both gateways' keepers. Never fails: what can't be asked is `unknown`. */
export async function readBackup(
  facts: LinkFacts,
  sessions: Sessions,
  now = new Date(),
): Promise<BackupStatus> {
  const { initiator, responder } = facts;
  const [one, other] = await Promise.all([
    ask(initiator, sessions.initiator, now),
    ask(responder, sessions.responder, now),
  ]);
  return { [initiator.site]: one, [responder.site]: other };
}

/** Whether the backup path stands by on both sites with certificates that are valid, which is how it should be. */
export function standsBy(backup: BackupStatus): boolean {
  return Object.values(backup).every(
    ({ state, certificate, authority }) =>
      state === "standby" && [certificate, authority].every((life) => life?.verdict !== "expired"),
  );
}

/** States of a path, those first that a reader of the whole has to know of. */
const gravest: readonly SiteBackup["state"][] = [
  "unknown",
  "down",
  "held",
  "active",
  "standby-unhealthy",
  "standby",
];

/** The backup path as a whole, for programs: the gravest of the sites' states, and each site's own. */
export interface BackupReport {
  readonly state: SiteBackup["state"];
  readonly sites: BackupStatus;
}

export function backupReport(sites: BackupStatus): BackupReport {
  const states = Object.values(sites).map(({ state }) => state);
  return { state: gravest.find((state) => states.includes(state)) ?? "unknown", sites };
}

/** One row for each site's certificate, and one for its authority's where that has to be replaced. */
function certificateRows(backup: BackupStatus): [string, string][] {
  return Object.entries(backup).flatMap(([site, { certificate, authority }]): [string, string][] => [
    ...(certificate ? [[`cert ${site}`, lifeText(certificate)] as [string, string]] : []),
    ...(authority && authority.verdict !== "fine"
      ? [
          [`CA ${site}`, lifeText(authority, "npm run rotate -- certificates --authority")] as [
            string,
            string,
          ],
        ]
      : []),
  ]);
}

/** One row for each site's path, then those of the certificates. */
export function backupRows(backup: BackupStatus): [string, string][] {
  return [...pathRows(backup), ...certificateRows(backup)];
}

function pathRows(backup: BackupStatus): [string, string][] {
  return Object.entries(backup).map(([site, { state, reason, services, holdSeconds, drainSeconds }]) => {
    const on = (path: "link" | "backup"): number =>
      services.reduce((sum, { connections }) => sum + connections[path], 0);
    const more = [
      `${on("link")} connections on the link, ${on("backup")} on the backup path`,
      ...(holdSeconds > 0 ? [`held for ${holdSeconds} s more`] : []),
      ...(drainSeconds > 0 ? [`drained in ${drainSeconds} s`] : []),
    ];
    return [`backup ${site}`, `${state}: ${reason}${state === "unknown" ? "" : ` (${more.join(", ")})`}`];
  });
}
