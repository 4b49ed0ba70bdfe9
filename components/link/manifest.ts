import * as path from "node:path";
import type { GateSettings, HealthSettings, LinkSettings } from "../../settings/schema";
import { familyOf, filesFor, packagesFor, type Software, systemParts } from "../host/families";
import type { OsFamily } from "../host/host";
import type { Command, HostFile, Manifest, Unit } from "../host/manifest";
import { programFile } from "../host/program";
import type { Admission } from "../sites/site";
import type { LinkView, ServiceAddress } from "./ends";
import {
  type BackupPorts,
  FIREWALL_FILE,
  FIREWALL_TABLE,
  FIREWALL_UNIT,
  renderGuard,
  renderTable,
  renderUnit as firewallUnit,
} from "./firewall/nftables";
import { renderTracking, TRACKING_SCRIPT } from "./firewall/tracking";
import { GRE_SCRIPT, GRE_UNIT, renderScript, renderUnit as greUnit } from "./gre/device";
import { renderHealth } from "./health/unit";
import {
  CHARON_FILE,
  CONNECTION,
  CONNECTIONS_FILE,
  type PreSharedKeys,
  renderCharon,
  renderConnections,
  renderSecrets,
  SECRETS_FILE,
} from "./ipsec/swanctl";
import { IPSEC_UNIT, renderDropIn as ipsecDropIn } from "./ipsec/unit";
import { DAEMONS_FILE, FRR_FILE, FRR_UNIT, renderDaemons, renderDropIn, renderFrr } from "./routing/frr";
import { acquireSeconds } from "./timers";

/** Name of the link's component on its hosts. */
export const LINK_COMPONENT = "link";

const LIBRARY = "/usr/local/lib/crossborder";

/** Everything that decides what an end of the link looks like. */
export interface LinkInputs {
  readonly view: LinkView;
  readonly link: LinkSettings;
  readonly keys: PreSharedKeys;
  readonly sshFrom: readonly string[];
  readonly sshPort: number;
  /** What the local site's cloud has to reach. @default nothing */
  readonly admits?: readonly Admission[];
  readonly gate: Pick<GateSettings, "budgetMs" | "lossLimitPercent">;
  readonly health: HealthSettings;
  readonly webhook?: string;
  /** The address that both sites answer at; none without a pair. */
  readonly vip?: ServiceAddress;
  /** Absent while the backup path is off. */
  readonly backup?: BackupPorts;
  /** The peer's site is out of service: a change is not expected to bring the link up. @default false */
  readonly alone?: boolean;
}

const SOFTWARE: readonly Software[] = ["strongswan", "frr", "nftables", "iproute", "ping"];

function program(name: string, source: string): HostFile {
  return programFile(`${LIBRARY}/${name}`, path.join(__dirname, source));
}

/** What one end of the link has on its host. The units' order is the order in which they come up. */
export function linkManifest(inputs: LinkInputs): Manifest {
  const { view, link, vip } = inputs;
  const { local, peer } = view;
  const health = renderHealth(inputs);
  const settle: Command = {
    name: "use the new IPsec connection",
    argv: ["python3", `${LIBRARY}/ipsec-settle`],
  };
  const ready: Command = {
    name: "routes over the link",
    argv: ["python3", `${LIBRARY}/link-ready`, peer.linkAddress, link.bfd === "off" ? "bgp" : "bfd"],
  };
  return {
    component: LINK_COMPONENT,
    packages: packagesFor(local.family, SOFTWARE),
    ...systemParts(local.family, SOFTWARE),
    ...conflictsOf(local.family),
    files: [
      renderTable(view, {
        mtu: link.mtu,
        sshFrom: inputs.sshFrom,
        sshPort: inputs.sshPort,
        admits: inputs.admits,
        backup: inputs.backup,
        vip,
      }),
      firewallUnit(local.family),
      ...renderGuard(local.family),
      renderTracking(),
      ...filesFor(local.family, SOFTWARE),
      renderScript(view, link.mtu),
      greUnit(),
      renderCharon(link.ipsec),
      renderConnections(view, link.ipsec),
      renderSecrets(view, inputs.keys),
      ipsecDropIn(view),
      renderDaemons(),
      renderDropIn(view, vip?.address),
      renderFrr(view, link, vip?.address),
      program("ipsec-settle", "ipsec/settle.py"),
      program("link-ready", "routing/ready.py"),
      ...health.files,
    ],
    sysctl: {
      "net.ipv4.ip_forward": "1",
      // Loose: the peer's traffic comes in by gre1 while its route may still be on its way.
      "net.ipv4.conf.all.rp_filter": "2",
      "net.ipv4.conf.all.accept_redirects": "0",
      "net.ipv4.conf.all.send_redirects": "0",
      // What charon sets from its own file when it starts, for one that runs already.
      "net.core.xfrm_acq_expires": String(acquireSeconds(link.ipsec)),
    },
    checks: [
      { name: "nft reads the firewall", argv: ["nft", "-c", "-f", `{stage}${FIREWALL_FILE}`] },
      { name: "vtysh reads FRR's configuration", argv: ["vtysh", "-C", "-f", `{stage}${FRR_FILE}`] },
      { name: "sh reads the GRE script", argv: ["sh", "-n", `{stage}${GRE_SCRIPT}`] },
      { name: "sh reads the script of tracking", argv: ["sh", "-n", `{stage}${TRACKING_SCRIPT}`] },
    ],
    units: linkUnits(health.units),
    teardown: health.teardown,
    verify: [
      { name: "the firewall is loaded", argv: ["nft", "list", "chain", "inet", FIREWALL_TABLE, "output"] },
      {
        name: "charon knows the connection",
        argv: ["sh", "-c", `swanctl --list-conns | grep -q '^${CONNECTION}:'`],
      },
    ],
    // The change of this, when the peer is back, is what has both ends prove the link again.
    confirm: inputs.alone
      ? { settle: [], ready: [] }
      : { settle: local.initiator ? [settle] : [], ready: [ready] },
  };
}

/** Firewalls that would refuse what ours accepts. */
function conflictsOf(family: OsFamily): Pick<Manifest, "conflicts"> {
  const { otherFirewalls } = familyOf(family);
  return otherFirewalls.length > 0 ? { conflicts: otherFirewalls } : {};
}

function linkUnits(health: readonly Unit[]): Unit[] {
  return [
    {
      name: FIREWALL_UNIT,
      watches: [FIREWALL_FILE, TRACKING_SCRIPT, `/etc/systemd/system/${FIREWALL_UNIT}`],
      onChange: "reload",
    },
    { name: GRE_UNIT, watches: [GRE_SCRIPT], onChange: "reload" },
    { name: IPSEC_UNIT, watches: [CHARON_FILE, CONNECTIONS_FILE, SECRETS_FILE], onChange: "reload" },
    { name: FRR_UNIT, watches: [DAEMONS_FILE], onChange: "restart" },
    { name: FRR_UNIT, watches: [FRR_FILE], onChange: "reload" },
    ...health,
  ];
}
