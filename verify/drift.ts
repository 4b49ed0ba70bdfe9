import { z } from "zod";
import { INSTALLER_PATH, installerCommand } from "../components/host/installer";
import type { HostOutput } from "../outputs/contract";
import type { Session, SshConnection } from "../providers/ssh/session";

/** One respect in which a host is not what was deployed. Never holds what is in a file. */
export interface Drift {
  readonly component: string;
  readonly kind: "generation" | "artefact" | "file" | "sysctl" | "unit" | "command";
  /** The path, setting, unit or command; the component where it is a generation. */
  readonly subject: string;
  readonly detail: string;
}

/** What is known of a host. */
export interface HostReport {
  readonly host: string;
  readonly drifts: readonly Drift[];
  /** Why the host, or a part of it, could not be looked at. */
  readonly problem?: string;
  /** The host's site is out of service: nobody looked. */
  readonly outOfService?: true;
}

/** Verifying runs an operator's read-only commands on the host; a daemon that hangs must not hang us. */
const VERIFY_TIMEOUT_MS = 60_000;

const verified = z.object({
  drifts: z.array(
    z.object({
      kind: z.enum(["generation", "artefact", "file", "sysctl", "unit", "command"]),
      subject: z.string(),
      detail: z.string(),
    }),
  ),
});

async function verifyComponents(session: Session, host: HostOutput): Promise<Drift[]> {
  const installed = await session.exec(`test -e ${INSTALLER_PATH}`);
  if (installed.status !== 0) {
    return host.components.map(({ component }) => ({
      component,
      kind: "generation",
      subject: component,
      detail: "nothing is installed",
    }));
  }
  const drifts: Drift[] = [];
  for (const { component, generation } of host.components) {
    const command = installerCommand(host.connection.user, "verify", { component, generation });
    const { status, stdout, stderr } = await session.exec(command, { timeoutMs: VERIFY_TIMEOUT_MS });
    if (status !== 0) throw new Error(stderr.trim() || `verify of ${component} ended with status ${status}`);
    drifts.push(...verified.parse(JSON.parse(stdout)).drifts.map((drift) => ({ component, ...drift })));
  }
  return drifts;
}

/**
 * Compares hosts with what was deployed on them, one connection each. A host that cannot be asked is a problem of it; one
 * that is out of service is not asked.
 */
export function verifyHosts(
  hosts: readonly HostOutput[],
  dial: (connection: SshConnection) => Promise<Session>,
): Promise<HostReport[]> {
  return Promise.all(
    hosts.map(async (host): Promise<HostReport> => {
      if (host.outOfService) return { host: host.name, drifts: [], outOfService: true };
      let session: Session | undefined;
      try {
        session = await dial(host.connection);
        return { host: host.name, drifts: await verifyComponents(session, host) };
      } catch (error) {
        return {
          host: host.name,
          drifts: [],
          problem: error instanceof Error ? error.message : String(error),
        };
      } finally {
        session?.close();
      }
    }),
  );
}
