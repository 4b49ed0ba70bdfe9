import type { HostReport } from "./drift";

/**
 * 0: every host that is in service is as deployed. 1: something drifted. 2: nothing known drifted, but a host could not be
 * asked.
 */
export function exitStatus(reports: readonly HostReport[]): 0 | 1 | 2 {
  if (reports.some(({ drifts }) => drifts.length > 0)) return 1;
  return reports.some(({ problem }) => problem) ? 2 : 0;
}

/** What an engineer reads. */
export function table(reports: readonly HostReport[]): string {
  const rows = reports.flatMap(({ host, drifts, problem, outOfService }) => [
    ...drifts.map(({ component, kind, subject, detail }) => [host, component, kind, subject, detail]),
    ...(problem ? [[host, "", "unknown", "", problem]] : []),
    ...(outOfService ? [[host, "", "skipped", "", "its site is out of service"]] : []),
  ]);
  const asked = reports.filter(({ outOfService }) => !outOfService);
  const asDeployed = asked.filter(({ drifts, problem }) => drifts.length === 0 && !problem);
  const summary = `${asDeployed.length} of ${asked.length} hosts are as deployed`;
  if (rows.length === 0) return summary;
  const lines = [["HOST", "COMPONENT", "KIND", "WHAT", "DRIFT"], ...rows];
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  const padded = lines.map((line) => line.map((cell, column) => cell.padEnd(widths[column]!)).join("  "));
  return [...padded.map((line) => line.trimEnd()), "", summary].join("\n");
}
