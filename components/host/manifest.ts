import type { Artefact } from "./artefacts";

/**
 * What a component wants on a host. A manifest is plain data, made by pure functions, and travels as JSON over the
 * standard input of one SSH command to the installer (`installer.py`), which makes the host agree with it.
 */
export interface Manifest {
  /** Name of the component on the host, `[a-z][a-z0-9-]*`. Its records live in /var/lib/crossborder/<component>. */
  readonly component: string;
  /**
   * Package repositories and their signing keys: files that are there before packages are installed, and stay, as the
   * packages do. @default none
   */
  readonly repositories?: readonly HostFile[];
  /** Packages that have to be installed, by their name in the host's family. Those present are left alone. */
  readonly packages: readonly string[];
  /** Programs that no package carries, each at its `programAt`. Installed before the checks run. @default none */
  readonly artefacts?: readonly Artefact[];
  readonly files: readonly HostFile[];
  /** SELinux labels that files and programs of the component need, where a host has SELinux. @default none */
  readonly labels?: readonly FileLabel[];
  /** Units that must not run beside this component; those of them that a host has are stopped, and come back. @default none */
  readonly conflicts?: readonly string[];
  /** Kernel settings by dotted name. Values found before the first installation come back on removal. */
  readonly sysctl: Readonly<Record<string, string>>;
  /** The daemons' own parsers, run over the staged files before anything is touched. Any failure ends the apply. */
  readonly checks: readonly Check[];
  /** Units in the order in which they are brought to their state. Stopped in the reverse order on removal. */
  readonly units: readonly Unit[];
  /** Run when the component goes, before its units stop. For state that no unit owns. */
  readonly teardown: readonly Command[];
  /** Read-only commands whose failure means that the host drifted; `npm run verify` runs them. */
  readonly verify: readonly Command[];
  /**
   * How a two-phase change is settled once every host committed: `settle` runs on this host (to make daemons use what
   * was just loaded), then `ready` is polled until it succeeds. Absent in components that commit in one phase.
   */
  readonly confirm?: { readonly settle: readonly Command[]; readonly ready: readonly Command[] };
}

export interface HostFile {
  /** Absolute path. */
  readonly path: string;
  readonly content: string;
  /** Octal, e.g. `0644`; `0600` for anything secret. */
  readonly mode: string;
  /** `user:group`, by name. @default root:root */
  readonly owner?: string;
}

/** An SELinux type for paths. */
export interface FileLabel {
  /** Regular expression of absolute paths, as `semanage fcontext` takes it. */
  readonly pattern: string;
  readonly type: string;
}

/** A program and its arguments; no shell. */
export interface Command {
  /** What it does, for messages. */
  readonly name: string;
  readonly argv: readonly string[];
}

/**
 * A command that parses staged files. `{stage}` in an argument stands for the directory under which the staged files
 * lie with their absolute paths, e.g. `{stage}/etc/frr/frr.conf`. Success is exit status 0.
 */
export type Check = Command;

/** A unit may have several entries, for files that want different actions: put those that want a restart first. */
export interface Unit {
  /** systemd unit, e.g. `frr.service`. It is enabled and active after an apply; what it was before returns on removal. */
  readonly name: string;
  /** Paths of this manifest whose change the unit must notice. */
  readonly watches: readonly string[];
  /**
   * What to do to a running unit when a watched path changed: `restart`, `reload`, or a command of its own where the
   * daemon has a gentler one. A unit that is not running is started.
   */
  readonly onChange: "restart" | "reload" | Command;
}
