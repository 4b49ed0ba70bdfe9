import { join } from "node:path";
import { poll } from "../../bench/polling";
import { stackOutputs } from "../../outputs/contract";
import type { LinkFacts } from "../../providers/probes/facts";
import { linkStatus } from "../../providers/probes/status";
import { connect, type Session, type SshConnection } from "../../providers/ssh/session";
import { labDirectory } from "../../toolchain/paths";
import { runPulumi } from "../../toolchain/pulumi";
import { type Deployment, readDeployment } from "../deployment";
import { undoAll } from "../injector";
import { hasLeftovers, type Journal, openJournal } from "../journal";
import { type ClientHost, SiteStand } from "../siteStand";
import { readClientHosts } from "./clientHosts";
import { StackInjector } from "./injector";

/** Longest wait until the link is well again. */
const settleMs = 400_000;

/** Where drills of a stack note what is in force: beside the lab's, as it is of this checkout alone. */
function stackJournal(stack: string): Journal {
  return openJournal(join(labDirectory, `drill-${stack.replaceAll("/", "-")}.json`));
}

/** Quotes a word for a POSIX shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Opens a session whose commands are run by root's bash. */
async function asRoot(connection: SshConnection): Promise<Session> {
  const session = await connect(connection);
  if (connection.user === "root") return session;
  return {
    ...session,
    exec: (command, options) => session.exec(`sudo -n bash -c ${quoted(command)}`, options),
  };
}

async function readFacts(stack: string): Promise<LinkFacts> {
  const args = ["stack", "output", "linkFacts", "--json", "--show-secrets", "--stack", stack];
  const { status, stdout, stderr } = await runPulumi(args, { quiet: true });
  if (status !== 0) throw new Error(`the outputs of stack ${stack} can't be read: ${stderr.trim()}`);
  return stackOutputs.shape.linkFacts.parse(JSON.parse(stdout));
}

/** A stack on hosts that somebody else runs. What has to be done is done over SSH. */
export class StackStand extends SiteStand {
  protected readonly injector: StackInjector;

  private constructor(
    stack: string,
    deployed: Deployment,
    private readonly facts: LinkFacts,
    clients: Readonly<Record<string, ClientHost>>,
  ) {
    super(stack, stackJournal(stack), deployed, clients);
    this.injector = new StackInjector(
      stack,
      [facts.initiator, facts.responder],
      this.journal,
      (role) => this.siteOf(role),
      (site, work) => this.onGateway(site, work),
    );
  }

  /**
   * Undoes what a drill left that crashed.
   * @throws Error when one is running, or something can't be undone.
   */
  static async undoLeftovers(stack: string, say: (line: string) => void): Promise<void> {
    const journal = stackJournal(stack);
    if (!hasLeftovers(journal, say)) return;
    const stand = new StackStand(stack, await readDeployment(stack), await readFacts(stack), {});
    await undoAll(journal, stand, say);
  }

  /** Opens sessions with the client hosts. @param clientsFile See `readClientHosts`. */
  static async open(stack: string, clientsFile: string): Promise<StackStand> {
    const deployed = await readDeployment(stack);
    const sites = [deployed.link.primary.site, deployed.link.secondary.site];
    const hosts = readClientHosts(clientsFile, sites);
    const opened: Record<string, ClientHost> = {};
    try {
      for (const [site, { connection, address, gateway }] of Object.entries(hosts)) {
        opened[site] = { place: { session: await asRoot(connection), prefix: "" }, address, gateway };
      }
      return new StackStand(stack, deployed, await readFacts(stack), opened);
    } catch (error) {
      for (const { place } of Object.values(opened)) place.session.close();
      throw error;
    }
  }

  close(): void {
    for (const { place } of Object.values(this.clients)) place.session.close();
  }

  protected async onGateway<T>(site: string, work: (session: Session) => Promise<T>): Promise<T> {
    const end = [this.facts.initiator, this.facts.responder].find((one) => one.site === site);
    if (!end) throw new Error(`no gateway of site ${site} is known`);
    const session = await asRoot(end.connection);
    try {
      return await work(session);
    } finally {
      session.close();
    }
  }

  protected async linkIsWell(signal: AbortSignal): Promise<void> {
    const isWell = async (): Promise<true | undefined> =>
      (await linkStatus(this.facts)).link.state === "up" ? true : undefined;
    await poll("the link is up", isWell, settleMs, signal);
  }
}
