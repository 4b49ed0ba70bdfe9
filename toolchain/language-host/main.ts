import { LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb";
import { serve } from "../grpc";
import { languageRuntime } from "./runtime";

// A language host for Node programs, found by the Pulumi CLI on PATH as `pulumi-language-nodejs`. It stands in for the
// official one where the CLI had to be compiled, because that one is published only inside Pulumi's release.

// Its last argument is the engine's address; flags such as -root before it are of no use here.
serve(LanguageRuntimeService, languageRuntime(process.argv.at(-1) ?? ""));
