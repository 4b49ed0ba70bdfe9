import { main } from "@pulumi/pulumi/provider";
import { version } from "@pulumi/command/package.json";
import { engineLog } from "../support/engineLog";
import { CommandProvider } from "./provider";

const args = process.argv.slice(2);
void main(new CommandProvider(version, engineLog(args.at(-1))), args);
