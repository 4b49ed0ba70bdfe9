/** A value of protobuf's JSON mapping, in which Envoy reads its configuration. */
export type Json = string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** A message of Envoy's API; field names as in its .proto files. */
export type Message = { readonly [key: string]: Json };

const PACKAGE = "type.googleapis.com/envoy";

/** A message in a field that takes any type. @param type Its name below the package `envoy`. */
export function typed(type: string, message: Message = {}): Message {
  return { "@type": `${PACKAGE}.${type}`, ...message };
}

/** An extension's configuration by the extension's name. */
export function extension(name: string, type: string, message: Message = {}): Message {
  return { name, typed_config: typed(type, message) };
}

/** A duration in protobuf's JSON. */
export function duration(ms: number): string {
  return `${ms / 1000}s`;
}

/** A TCP address. */
export function socket(address: string, port: number): Message {
  return { socket_address: { address, port_value: port } };
}

/** Where Envoy finds the resources of a discovery service: a file that is renamed into place when it changes. */
export function watched(directory: string, file: string): Message {
  return {
    resource_api_version: "V3",
    path_config_source: { path: `${directory}/${file}`, watched_directory: { path: directory } },
  };
}

/** As it stands in a file. */
export function text(message: Message): string {
  return JSON.stringify(message, undefined, 2) + "\n";
}
