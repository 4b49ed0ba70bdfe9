import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import { languageRuntime } from "./runtime";

// A language host for Node programs, found by the Pulumi CLI on PATH as `pulumi-language-nodejs`. It stands in for the
// official one where the CLI had to be compiled, because that one is published only inside Pulumi's release.

/** As the official host: state and logs can be far larger than gRPC's default of 4 MB. */
const messageLimit = 1024 * 1024 * 400;

// Its last argument is the engine's address; flags such as -root before it are of no use here.
const engineAddress = process.argv.at(-1) ?? "";
const server = new grpc.Server({
  "grpc.max_receive_message_length": messageLimit,
  "grpc.max_send_message_length": messageLimit,
});
server.addService(LanguageRuntimeService, languageRuntime(engineAddress));
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  // The engine reads the port from the first line.
  process.stdout.write(`${port}\n`);
});
