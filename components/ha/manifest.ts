import { packagesFor, systemParts } from "../host/families";
import type { Manifest } from "../host/manifest";
import { ADDRESS_UNIT, ADDRESS_UNIT_FILE, renderAddressUnit } from "./address";
import {
  AGENT_UNIT_FILE,
  agentConfiguration,
  type AgentInputs,
  agentPrograms,
  agentUnit,
  metricsFile,
} from "./agent";
import {
  KEEPALIVED_DROP_IN,
  KEEPALIVED_FILE,
  KEEPALIVED_UNIT,
  renderDropIn,
  renderKeepalived,
} from "./keepalived";
import {
  AGENT_CONFIGURATION,
  AGENT_LIBRARY,
  AGENT_PROGRAM,
  AGENT_UNIT,
  type Heartbeats,
  ownHeartbeats,
  PIN_DIRECTORY,
  RUN_DIRECTORY,
} from "./plan";

/** Name of the pair's component on its hosts. */
export const HA_COMPONENT = "ha";

export interface HaInputs extends AgentInputs {
  /** Heartbeats beside the agent's own, of whatever else decides whether a gateway may have the address. */
  readonly heartbeats?: Partial<Heartbeats> | undefined;
}

function allHeartbeats(more: Partial<Heartbeats> = {}): Heartbeats {
  return {
    fit: [...ownHeartbeats.fit, ...(more.fit ?? [])],
    // What knows how old the data are knows better than the link's age.
    current: more.current ?? ownHeartbeats.current,
  };
}

/** keepalived's own parser looks for the scripts that the configuration names: it is shown the staged ones. */
const parse = `staged=$(mktemp)
trap 'rm -f "$staged"' EXIT
sed "s#${AGENT_LIBRARY}/#$1&#" "$1${KEEPALIVED_FILE}" >"$staged"
keepalived --config-test --use-file "$staged"`;

/** What one gateway of the pair has on its host. */
export function haManifest(inputs: HaInputs): Manifest {
  const { view, ha } = inputs;
  const programs = agentPrograms();
  return {
    component: HA_COMPONENT,
    packages: packagesFor(view.local.family, ["keepalived", "iproute"]),
    ...systemParts(view.local.family, ["keepalived", "iproute"]),
    files: [
      ...programs,
      renderAddressUnit(ha.vip),
      agentConfiguration(inputs),
      agentUnit(),
      renderKeepalived(view, ha, allHeartbeats(inputs.heartbeats)),
      renderDropIn(ha.vip),
    ],
    sysctl: {},
    checks: [
      {
        name: "keepalived reads its configuration",
        argv: ["sh", "-c", parse, "sh", "{stage}"],
      },
    ],
    units: [
      { name: ADDRESS_UNIT, watches: [ADDRESS_UNIT_FILE], onChange: "restart" },
      {
        name: AGENT_UNIT,
        watches: [
          ...programs.map(({ path }) => path).filter((path) => path.endsWith(".py")),
          AGENT_CONFIGURATION,
          AGENT_UNIT_FILE,
        ],
        onChange: "restart",
      },
      { name: KEEPALIVED_UNIT, watches: [KEEPALIVED_DROP_IN], onChange: "restart" },
      // A master stays master while it reads its configuration anew.
      { name: KEEPALIVED_UNIT, watches: [KEEPALIVED_FILE], onChange: "reload" },
    ],
    teardown: [
      // Before what they have written goes, which they would write again.
      { name: "give the address up", argv: ["systemctl", "stop", KEEPALIVED_UNIT, AGENT_UNIT] },
      {
        name: "remove what the pair's programs keep",
        argv: ["rm", "-rf", RUN_DIRECTORY, PIN_DIRECTORY, metricsFile(inputs.health)],
      },
    ],
    verify: [
      {
        name: "the agent decides",
        argv: ["python3", AGENT_PROGRAM, "ready", AGENT_CONFIGURATION],
      },
    ],
    confirm: {
      settle: [],
      ready: [{ name: "the pair", argv: ["python3", AGENT_PROGRAM, "ready", AGENT_CONFIGURATION] }],
    },
  };
}
