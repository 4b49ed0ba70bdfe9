import { INSTALLER_PATH } from "../components/host/installer";
import type { HostOutput } from "../outputs/contract";
import { type Session, SshError } from "../providers/ssh/session";
import { verifyHosts } from "../verify/drift";
import { type Place, Refused, type Standing } from "./plan";

/** What the product has on every host that it was deployed to: the installer, its records, and what it configures by. */
const TRACES = [INSTALLER_PATH, "/var/lib/crossborder", "/etc/crossborder"];

/** What is said of a machine that is lost, and not of one that is only kept from whoever asks. */
const LOST: readonly SshError["failure"][] = ["unreachable", "host-key-mismatch"];

const ADVICE: Partial<Record<SshError["failure"], string>> = {
  "host-key-mismatch":
    "if it is the new machine, put its public key, read from the cloud's console and not from the network, into its " +
    "connection in the settings",
  authentication: "the new machine has to let the settings' key in",
  unreachable: "the new machine has to run, and its firewall to admit SSH from here",
};

/**
 * Looks what is on a host, over a connection that pins the key that it is known by.
 * @throws Refused when it can't be reached so, unless a cloud made it: then it is lost
 */
export async function lookAt(
  { host, connection, made }: Place,
  deployed: readonly HostOutput[],
  dial: (connection: Place["connection"]) => Promise<Session>,
): Promise<Standing> {
  let session: Session;
  try {
    session = await dial(connection);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    if (made && LOST.includes(error.failure)) return "lost";
    const advice = ADVICE[error.failure];
    throw new Refused(`${host}: ${error.message}${advice ? `; ${advice}` : ""}`);
  }
  try {
    const tests = TRACES.map((path) => `test -e ${path}`).join(" || ");
    const { status } = await session.exec(tests);
    if (status !== 0) return "empty";
  } finally {
    session.close();
  }
  const known = deployed.find(({ name }) => name === host);
  const [report] = known ? await verifyHosts([{ ...known, connection, outOfService: false }], dial) : [];
  return report && !report.problem && report.drifts.length === 0 ? "as deployed" : "other";
}
