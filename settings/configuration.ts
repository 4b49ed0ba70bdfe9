import { parseSettings } from "./parse";
import type { Settings } from "./schema";

/** Pulumi keeps every value as text; lists, groups, numbers and flags are JSON in it. */
function plain(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/**
 * The settings in a stack's configuration.
 * @param project Name of the project, the namespace of its settings. Other namespaces are other programs'.
 * @param configuration Values by `<namespace>:<key>`, as Pulumi keeps them, secrets in the clear.
 * @throws SettingsError that names every wrong key.
 */
export function settingsOf(project: string, configuration: Readonly<Record<string, string>>): Settings {
  const prefix = `${project}:`;
  return parseSettings(
    Object.fromEntries(
      Object.entries(configuration)
        .filter(([key]) => key.startsWith(prefix))
        .map(([key, value]) => [key.slice(prefix.length), plain(value)]),
    ),
  );
}
