import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** Shows a line beside a resource while it is worked on. */
export type ResourceLog = (urn: string, line: string, severity?: "info" | "warning") => void;

/**
 * Connects to the engine's log.
 * @param address Where the engine listens, `host:port`; without one nothing is shown.
 */
export function engineLog(address: string | undefined): ResourceLog {
  if (!address) return () => undefined;
  const engine = new EngineClient(address, credentials.createInsecure());
  return (urn, line, severity = "info") => {
    const request = new LogRequest()
      .setSeverity(severity === "info" ? LogSeverity.INFO : LogSeverity.WARNING)
      .setMessage(line)
      .setUrn(urn)
      // Output of a running command is of interest while it runs; only warnings are repeated at the end.
      .setEphemeral(severity === "info");
    // A line that cannot be shown is no reason to fail what it tells about.
    engine.log(request, () => undefined);
  };
}
