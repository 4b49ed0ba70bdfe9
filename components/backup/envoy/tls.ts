import { dirname } from "node:path";
import { type ProxyInputs, PROXY_DIRECTORY, secretFile } from "../proxy";
import { type Message, typed, watched } from "./resource";

/**
 * Where a TLS context gets its secrets: from the discovery service's file, so that a new certificate is taken into use while Envoy
 * runs; or from the configuration itself, as Envoy's parser needs it.
 */
export type SecretSource = "discovered" | "static";

const OWN = "leaf";
const AUTHORITY = "authorities";

/** The secrets of the proxy. Their files are named, not contained: one that is renamed into its place is read anew. */
export function secrets({ certificate }: ProxyInputs): Message[] {
  const watched_directory = { path: dirname(certificate.leaf) };
  const leaf = { filename: certificate.leaf };
  return [
    { name: OWN, tls_certificate: { certificate_chain: leaf, private_key: leaf, watched_directory } },
    {
      name: AUTHORITY,
      validation_context: { trusted_ca: { filename: certificate.authorities }, watched_directory },
    },
  ];
}

function secret(name: string, source: SecretSource): Message {
  return source === "static" ? { name } : { name, sds_config: watched(PROXY_DIRECTORY, secretFile(name)) };
}

/** Both ends alike: TLS 1.3, HTTP/2, the own certificate, and of the authorities' certificates only the peer's. */
function common(peerName: string, source: SecretSource): Message {
  return {
    tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
    alpn_protocols: ["h2"],
    tls_certificate_sds_secret_configs: [secret(OWN, source)],
    combined_validation_context: {
      default_validation_context: {
        match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: peerName } }],
      },
      validation_context_sds_secret_config: secret(AUTHORITY, source),
    },
  };
}

const SOCKET = "envoy.transport_sockets.tls";
const TYPE = "extensions.transport_sockets.tls.v3";

/** TLS as the end that listens. Sessions aren't resumed: each connection proves its certificate anew. */
export function downstreamTls(peerName: string, source: SecretSource): Message {
  return {
    name: SOCKET,
    typed_config: typed(`${TYPE}.DownstreamTlsContext`, {
      common_tls_context: common(peerName, source),
      require_client_certificate: true,
      disable_stateless_session_resumption: true,
      disable_stateful_session_resumption: true,
    }),
  };
}

/** TLS as the end that connects. */
export function upstreamTls(peerName: string, source: SecretSource): Message {
  return {
    name: SOCKET,
    typed_config: typed(`${TYPE}.UpstreamTlsContext`, {
      common_tls_context: common(peerName, source),
      sni: peerName,
      max_session_keys: 0,
    }),
  };
}
