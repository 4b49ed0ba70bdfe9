import { ENVOY, programAt } from "../host/artefacts";
import { systemParts } from "../host/families";
import type { HostFile, Manifest } from "../host/manifest";
import { bootstrap, whole } from "./envoy/bootstrap";
import { discoveryFiles } from "./envoy/files";
import { type Message, text } from "./envoy/resource";
import {
  BOOTSTRAP_FILE,
  backupUnits,
  KEEPER_DIRECTORY,
  KEEPER_UNIT,
  keeperConfiguration,
  type KeeperInputs,
  keeperPrograms,
  keeperUnit,
  metricsFile,
  proxyUnit,
  TEMPLATES,
} from "./unit";

/** Name of the backup path's component on its hosts. */
export const BACKUP_COMPONENT = "backup";

/** The whole configuration in one file, for Envoy's parser alone. */
export const WHOLE_FILE = "/etc/crossborder/proxy-whole.json";

function configuration(path: string, content: Message): HostFile {
  // Readable by the proxy's user. It names keys and holds none.
  return { path, content: text(content), mode: "0644" };
}

/**
 * What one end of the backup path has on its host. A change of services is taken into use while the proxy runs; only one of what
 * it starts with restarts it.
 */
export function backupManifest(inputs: KeeperInputs): Manifest {
  const envoy = programAt(ENVOY);
  return {
    component: BACKUP_COMPONENT,
    packages: [],
    ...systemParts(inputs.view.local.family, []),
    artefacts: [ENVOY],
    files: [
      configuration(BOOTSTRAP_FILE, bootstrap(inputs)),
      configuration(WHOLE_FILE, whole(inputs)),
      ...discoveryFiles(inputs).map(({ name, content }) => configuration(`${TEMPLATES}/${name}`, content)),
      ...keeperPrograms(),
      keeperConfiguration(inputs),
      proxyUnit(envoy),
      keeperUnit(),
    ],
    sysctl: {},
    checks: [
      {
        name: "envoy reads the proxy's configuration",
        argv: [envoy, "--mode", "validate", "--log-level", "error", "-c", `{stage}${WHOLE_FILE}`],
      },
    ],
    units: backupUnits(),
    teardown: [
      // Before its records go, which it would write again.
      { name: "stop keeping the backup path", argv: ["systemctl", "stop", KEEPER_UNIT] },
      {
        name: "remove what the keeper keeps",
        argv: ["rm", "-rf", KEEPER_DIRECTORY, metricsFile(inputs.health)],
      },
    ],
    verify: [],
  };
}
