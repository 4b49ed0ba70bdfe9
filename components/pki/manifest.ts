import { join } from "node:path";
import { packagesFor, systemParts } from "../host/families";
import type { OsFamily } from "../host/host";
import type { HostFile, Manifest } from "../host/manifest";
import { programFile } from "../host/program";
import { certificatePaths, keyPath } from "./paths";

/** Name of the certificates' component on hosts. */
export const PKI_COMPONENT = "pki";

/** Consumers' units start after it. It is active once the leaf is as deployed. */
export const PKI_UNIT = "crossborder-pki.service";

const PROGRAM = "/usr/local/lib/crossborder/pki-leaf";

/** Everything that decides what a host's certificate looks like on it. */
export interface PkiInputs {
  /** e.g. `la-gw1` */
  readonly host: string;
  readonly family: OsFamily;
  /** Generation of the host's key. */
  readonly generation: number;
  /** PEM. */
  readonly certificate: string;
  /** Certificates of the authorities to trust, PEM. */
  readonly authorities: readonly string[];
  /** Group that may read the leaf beside root. Made where the host has none. */
  readonly group: string;
}

function unit(assemble: string): HostFile {
  const content = `[Unit]
Description=Certificate of this host, joined with its key
After=local-fs.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${assemble}
ExecReload=${assemble}

[Install]
WantedBy=multi-user.target
`;
  return { path: `/etc/systemd/system/${PKI_UNIT}`, content, mode: "0644" };
}

/**
 * What a host has for its certificate. The manifest carries certificates alone: the key is there already, and a unit on the
 * host joins the two. Files that do not belong together are refused before anything is touched.
 */
export function pkiManifest(inputs: PkiInputs): Manifest {
  const paths = certificatePaths(inputs.host);
  const key = keyPath(inputs.host, inputs.generation);
  const assembled = [key, paths.certificate, paths.leaf, inputs.group];
  const unitFile = unit([PROGRAM, "assemble", ...assembled].join(" "));
  return {
    component: PKI_COMPONENT,
    packages: packagesFor(inputs.family, ["openssl"]),
    ...systemParts(inputs.family, ["openssl"]),
    files: [
      programFile(PROGRAM, join(__dirname, "pki-leaf.sh")),
      { path: paths.certificate, content: inputs.certificate, mode: "0644" },
      { path: paths.authorities, content: inputs.authorities.join(""), mode: "0644" },
      unitFile,
    ],
    sysctl: {},
    checks: [
      {
        name: "key, certificate and authorities belong together",
        argv: ["sh", `{stage}${PROGRAM}`, "check", key].concat(
          [paths.certificate, paths.authorities].map((path) => `{stage}${path}`),
        ),
      },
    ],
    units: [{ name: PKI_UNIT, watches: [PROGRAM, paths.certificate, unitFile.path], onChange: "reload" }],
    teardown: [{ name: "remove the leaf", argv: ["rm", "-f", paths.leaf, `${paths.leaf}.new`] }],
    verify: [{ name: "the leaf is as deployed", argv: [PROGRAM, "verify", ...assembled] }],
  };
}
