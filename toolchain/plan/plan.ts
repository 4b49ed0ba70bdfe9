import { unknownValue } from "@pulumi/pulumi/runtime/rpc";

/** The parts of a resource in `pulumi preview --json` that a plan tells. */
interface PlannedState {
  readonly type: string;
  readonly custom?: boolean;
  readonly protect?: boolean;
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** URNs of the resources that an input comes from, by the input's name. */
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** What `pulumi preview --json` prints. */
export interface Preview {
  readonly steps?: readonly { readonly op: string; readonly urn: string; readonly newState?: PlannedState }[];
  readonly diagnostics?: readonly {
    readonly message: string;
    readonly severity: string;
    readonly urn?: string;
  }[];
}

/** One resource of a plan. */
interface PlannedResource extends PlannedState {
  /** Its name in the program. */
  readonly name: string;
}

/** Packages whose resources are clouds'; of others the names say enough. */
const CLOUDS: readonly string[] = ["gcp", "tencentcloud"];

/** Inputs that say nothing of how things are joined, and those that may hold a key. */
const UNTOLD: readonly string[] = [
  ...["description", "displayName", "labels", "tag", "project", "secretId", "secretKey"],
  ...["metadata", "publicKey", "userData", "userDataRaw", "version"],
];

/** What the CLI shows in place of a secret. */
const SECRET = "[secret]";

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

function packageOf(type: string): string {
  const [first = "", , last = ""] = type.split(":");
  return type.startsWith("pulumi:providers:") ? last : first;
}

/** A value in a line of a plan. What isn't known yet is told by the names of what it comes from. */
function shown(value: unknown, from: readonly string[]): string {
  const within = (part: unknown): string => shown(part, from);
  if (value === unknownValue) return from.length > 0 ? `(of ${from.join(" or ")})` : "(later)";
  if (Array.isArray(value)) return `[${value.map(within).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    const told = Object.entries(value).filter(([key, part]) => !UNTOLD.includes(key) && part !== SECRET);
    return `{ ${told.map(([key, part]) => `${key}: ${within(part)}`).join(", ")} }`;
  }
  return String(value);
}

function linesOf({ name, type, protect, inputs = {}, propertyDependencies = {} }: PlannedResource): string[] {
  const head = `  ${name}${protect ? "  (protected)" : ""}`;
  // `tags` are labels at Tencent, and what firewall rules are for at Google.
  const isLabels = (key: string): boolean => key === "tags" && packageOf(type) === "tencentcloud";
  const told = CLOUDS.includes(packageOf(type))
    ? Object.entries(inputs).filter(
        ([key, value]) =>
          !UNTOLD.includes(key) && !key.startsWith("__") && !isLabels(key) && value !== SECRET,
      )
    : [];
  return [
    head,
    ...told.flatMap(([key, value]) => {
      const from = (propertyDependencies[key] ?? []).map(nameOf);
      // A list of objects, such as a security group's rules, is told line by line.
      const isLong = Array.isArray(value) && value.length > 1 && typeof value[0] === "object";
      return isLong
        ? [`      ${key}:`, ...value.map((item) => `        - ${shown(item, from)}`)]
        : [`      ${key}: ${shown(value, from)}`];
    }),
  ];
}

function byType(resources: readonly PlannedResource[]): [string, PlannedResource[]][] {
  const types = [...new Set(resources.map(({ type }) => type))].sort();
  return types.map((type) => [
    type,
    resources
      .filter((resource) => resource.type === type)
      .sort((one, other) => one.name.localeCompare(other.name)),
  ]);
}

/** The resources that a preview would make, without the stack itself. */
export function plannedResources({ steps = [] }: Preview): PlannedResource[] {
  return steps.flatMap(({ op, urn, newState }) =>
    op === "create" && newState && newState.type !== "pulumi:pulumi:Stack"
      ? [{ ...newState, name: nameOf(urn) }]
      : [],
  );
}

/** How many resources of each type a preview would make. */
export function countByType(preview: Preview): Record<string, number> {
  return Object.fromEntries(byType(plannedResources(preview)).map(([type, { length }]) => [type, length]));
}

/** What a preview would make: the count of each type, then the names with what they are told. Secrets are left out. */
export function renderPlan(preview: Preview): string {
  const types = byType(plannedResources(preview));
  const components = types.filter(([, [first]]) => !first?.custom);
  const resources = types.filter(([, [first]]) => first?.custom);
  const count = (of: typeof types): number => of.reduce((sum, [, { length }]) => sum + length, 0);
  const counted = (of: typeof types): string[] =>
    of.map(([type, { length }]) => `${String(length).padStart(4)}  ${type}`);
  return [
    `${count(resources)} resources:`,
    ...counted(resources),
    "",
    `${count(components)} components that they are parts of:`,
    ...counted(components),
    ...resources.flatMap(([type, of]) => ["", type, ...of.flatMap(linesOf)]),
    "",
  ].join("\n");
}

/** What a preview complains about, without notes about where plugins were found. */
export function complaints({ diagnostics = [] }: Preview): string[] {
  return diagnostics
    .filter(({ severity, message }) =>
      severity === "error" ? true : severity === "warning" && !/^warning: using pulumi-/.test(message),
    )
    .map(({ message, urn }) => (urn ? `${nameOf(urn)}: ${message.trim()}` : message.trim()));
}
