import type { SshKeyPair } from "../../providers/identity/keys";
import { familyOf } from "../host/families";
import type { OsFamily } from "../host/host";

/** What a machine is told at its first boot. */
export interface UserDataInputs {
  readonly family: OsFamily;
  /** Is made, may log in with the keys, and is root by sudo without a password. */
  readonly user: string;
  /** Public keys as in authorized_keys. */
  readonly authorizedKeys: readonly string[];
  /** TCP port that sshd listens on. */
  readonly sshPort: number;
  /** The host key to begin with. */
  readonly bootstrapKey: SshKeyPair;
}

const SSHD_CONFIGURATION = "/etc/ssh/sshd_config";

/**
 * What a disk of another machine brings along: that machine's own host key. Removed once in a machine's life, before sshd
 * starts. The names are those of host_identity.py.
 */
const FORGET_FORMER_KEY = [
  "rm -f /etc/ssh/crossborder_ed25519_key /etc/ssh/sshd_config.d/00-crossborder-host-key.conf",
  `sed -i /crossborder_ed25519_key/d ${SSHD_CONFIGURATION}`,
].join(" && ");

/** Moves sshd to another port. SELinux knows which ports are sshd's. */
function otherPort(family: OsFamily, port: number): string[] {
  return [
    `sed -i -e '/^[[:space:]]*Port[[:space:]]/Id' -e '1i Port ${port}' ${SSHD_CONFIGURATION}`,
    ...(familyOf(family).semanage !== undefined
      ? [`semanage port -a -t ssh_port_t -p tcp ${port} || semanage port -m -t ssh_port_t -p tcp ${port}`]
      : []),
    `systemctl restart ${familyOf(family).units.ssh}`,
  ];
}

function packagesOf({ family, sshPort }: UserDataInputs): string[] {
  const { python, semanage } = familyOf(family);
  return [...python, ...(semanage === undefined || sshPort === 22 ? [] : [semanage])];
}

/**
 * A machine's user data for cloud-init, in JSON, which is YAML. Secret: the bootstrap key's private half is in it.
 *
 * The host key is the one that is given, and no other; nobody logs in with a password or as root.
 */
export function renderUserData(inputs: UserDataInputs): string {
  const { family, user, authorizedKeys, sshPort, bootstrapKey } = inputs;
  const packages = packagesOf(inputs);
  const config = {
    bootcmd: [["cloud-init-per", "instance", "crossborder-former-key", "sh", "-c", FORGET_FORMER_KEY]],
    ssh_deletekeys: true,
    ssh_keys: { ecdsa_private: bootstrapKey.privateKey, ecdsa_public: bootstrapKey.publicKey },
    // Google's agent would replace the host keys at the first boot; other clouds don't have it.
    write_files: [
      {
        path: "/etc/default/instance_configs.cfg",
        content: "[InstanceSetup]\nset_host_keys = false\n",
        permissions: "0644",
      },
    ],
    users: [
      {
        name: user,
        shell: "/bin/bash",
        sudo: "ALL=(ALL) NOPASSWD:ALL",
        lock_passwd: true,
        ssh_authorized_keys: authorizedKeys,
      },
    ],
    // Keys that the cloud has for its default user are nobody's here.
    allow_public_ssh_keys: false,
    disable_root: true,
    ssh_pwauth: false,
    ...(packages.length > 0 ? { packages } : {}),
    ...(sshPort === 22 ? {} : { runcmd: otherPort(family, sshPort).map((line) => ["sh", "-c", line]) }),
  };
  return `#cloud-config\n${JSON.stringify(config, undefined, 2)}\n`;
}
