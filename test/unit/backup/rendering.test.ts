import { bootstrap, whole } from "../../../components/backup/envoy/bootstrap";
import { discoveryFiles } from "../../../components/backup/envoy/files";
import { type Message, text } from "../../../components/backup/envoy/resource";
import { type LinkView } from "../../../components/link/ends";
import { fromLa, fromSg } from "../link/fixtures";
import { servedBy } from "../../../components/backup/service";
import { inputs, services } from "./fixtures";

/** What tests look at of a rendered message; the API's own type is Envoy's. */
interface Rendered {
  name: string;
  address: { socket_address: { address: string; port_value: number } };
  internal_listener?: object;
  filter_chains: Chain[];
  socket_options?: { level: number; name: number }[];
  access_log: AccessLog[];
  load_assignment: object;
  health_checks: object[];
  endpoints: { lb_endpoints: { endpoint: { address: Rendered["address"] } }[] }[];
  type: string;
  typed_extension_protocol_options: Record<string, Http2Options>;
}
interface AccessLog {
  name: string;
  filter: { extension_filter: { typed_config: { expression: string } } };
  typed_config: { log_format: { text_format_source: { inline_string: string } } };
}
interface Http2Options {
  explicit_http_config: {
    http2_protocol_options: { initial_stream_window_size: number; initial_connection_window_size: number };
  };
}
interface Chain {
  name?: string;
  filter_chain_match?: { source_prefix_ranges: { address_prefix: string; prefix_len: number }[] };
  transport_socket?: { typed_config: Record<string, unknown> };
  filters: { typed_config: Record<string, unknown> }[];
}

function resources(view: LinkView, file: string): Rendered[] {
  const found = discoveryFiles(inputs(view)).find(({ name }) => name === file)!;
  return found.content["resources"] as unknown as Rendered[];
}

const listener = (view: LinkView, name: string): Rendered | undefined =>
  resources(view, "listeners.json").find((candidate) => candidate.name === name);

test.each([
  ["Los Angeles", fromLa],
  ["Singapore", fromSg],
])("the proxy of %s", (_, view) => {
  expect(text(bootstrap(inputs(view)))).toMatchSnapshot("bootstrap");
  for (const { name, content } of discoveryFiles(inputs(view))) expect(text(content)).toMatchSnapshot(name);
});

describe("the port for the peer", () => {
  const chains = listener(fromSg, "peer")!.filter_chains;
  const [link, publicChain, ...others] = chains;

  test("has two ways in, and the one without TLS is for the peer's end of the link alone", () => {
    expect(others).toEqual([]);
    expect(link!.filter_chain_match).toEqual({
      source_prefix_ranges: [{ address_prefix: "10.255.0.1", prefix_len: 32 }],
    });
    expect(link!.transport_socket).toBeUndefined();
    expect(link!.filters[0]!.typed_config).toMatchObject({ route_config: { virtual_hosts: [] } });
    expect(link!.filters[0]!.typed_config).not.toHaveProperty("upgrade_configs");
  });

  test("demands TLS 1.3 and the peer's certificate of everything else", () => {
    expect(publicChain!.filter_chain_match).toBeUndefined();
    expect(publicChain!.transport_socket!.typed_config).toMatchObject({
      require_client_certificate: true,
      common_tls_context: {
        tls_params: { tls_minimum_protocol_version: "TLSv1_3", tls_maximum_protocol_version: "TLSv1_3" },
        combined_validation_context: {
          default_validation_context: {
            match_typed_subject_alt_names: [
              { san_type: "DNS", matcher: { exact: "la-gw1.crossborder.internal" } },
            ],
          },
        },
      },
    });
  });

  test("leads to the site's own named services and nowhere else", () => {
    const hosts = (view: LinkView) =>
      (
        listener(view, "peer")!.filter_chains[1]!.filters[0]!.typed_config as {
          route_config: { virtual_hosts: { domains: string[] }[] };
        }
      ).route_config.virtual_hosts.map(({ domains }) => domains);
    expect(hosts(fromSg)).toEqual([["postgres"], ["vault"]]);
    expect(hosts(fromLa)).toEqual([["postgres"]]);
  });

  test("tells in the journal whom it refused: a handshake that failed, and a name that is none", () => {
    const { access_log: ofConnections } = listener(fromSg, "peer")!;
    const { access_log: ofRequests } = publicChain!.filters[0]!.typed_config as Pick<Rendered, "access_log">;
    const told = [...ofConnections, ...ofRequests].map(({ name, filter, typed_config }) => [
      name,
      filter.extension_filter.typed_config.expression,
      typed_config.log_format.text_format_source.inline_string,
    ]);
    expect(told).toEqual([
      [
        "envoy.access_loggers.stderr",
        "connection.transport_failure_reason != ''",
        "refused: %DOWNSTREAM_REMOTE_ADDRESS% is not la-gw1.crossborder.internal: %DOWNSTREAM_TRANSPORT_FAILURE_REASON%\n",
      ],
      [
        "envoy.access_loggers.stderr",
        "response.code == 404",
        "refused: %DOWNSTREAM_REMOTE_ADDRESS% asked for %REQ(:AUTHORITY)%, which is no service of this site\n",
      ],
    ]);
  });
});

describe("the services' own ports", () => {
  test("ask after clients that are silent, those of the other site's gateway too; the ways inside a gateway needn't", () => {
    const asking = (view: LinkView) =>
      resources(view, "listeners.json")
        .filter(({ socket_options }) => socket_options?.some(({ level, name }) => level === 1 && name === 9))
        .map(({ name }) => name);
    expect(asking(fromLa)).toEqual(["site-postgres", "site-vault"]);
    expect(asking(fromSg)).toEqual(["site-postgres", "site-vault", "own-vault"]);
  });

  test("one that a site offers is open to the peer's end of the link alone", () => {
    const chains = listener(fromSg, "site-vault")!.filter_chains;
    expect(chains.map(({ filter_chain_match }) => filter_chain_match)).toEqual([
      { source_prefix_ranges: [{ address_prefix: "10.255.0.1", prefix_len: 32 }] },
    ]);
    expect(listener(fromSg, "gateway-vault")).toBeUndefined();
  });

  test("one for the whole site is open to the site's range, one for the gateway to nobody but the gateway", () => {
    expect(listener(fromLa, "site-vault")!.address.socket_address).toEqual({
      address: "10.10.0.2",
      port_value: 8300,
    });
    const ranges = (name: string) =>
      listener(fromLa, name)!.filter_chains.map(
        (chain) => chain.filter_chain_match?.source_prefix_ranges[0]!.address_prefix,
      );
    expect(ranges("site-vault")).toEqual(["10.10.0.0"]);
    expect(ranges("site-postgres")).toEqual(["10.255.0.2"]);
    expect(listener(fromLa, "gateway-postgres")!.address.socket_address.address).toBe("127.0.0.1");
  });

  test("one for the whole site leads the site's own hosts to the site's own service, at its own port", () => {
    const own = listener(fromSg, "own-vault")!;
    expect(own.address.socket_address).toEqual({ address: "10.20.0.2", port_value: 8200 });
    expect(own.filter_chains).toEqual([
      {
        name: "site",
        filter_chain_match: { source_prefix_ranges: [{ address_prefix: "10.20.0.0", prefix_len: 24 }] },
        filters: [expect.objectContaining({ name: "envoy.filters.network.tcp_proxy" })],
      },
    ]);
    expect(own.filter_chains[0]!.filters[0]!.typed_config).toMatchObject({ cluster: "own-vault" });
    // Where the site has no such service, or has it for the gateway alone, nobody listens.
    expect(listener(fromLa, "own-vault")).toBeUndefined();
    expect(listener(fromSg, "own-postgres")).toBeUndefined();
  });

  test("one that has the gateway's own address already is left alone", () => {
    const address = fromSg.local.privateAddress;
    const taken = services.map((service) =>
      service.name === "vault"
        ? { ...service, endpoints: { sg: { address, port: service.endpoints["sg"]!.port } } }
        : service,
    );
    expect(servedBy(fromSg.local, services).map(({ name }) => name)).toEqual(["vault"]);
    expect(servedBy(fromSg.local, taken)).toEqual([]);
  });
});

test("the link comes first and the backup path second, and each way is by the address that its route is for", () => {
  const [assignment] = resources(fromLa, "endpoints-postgres.json");
  expect(assignment!.endpoints.map(({ lb_endpoints }) => lb_endpoints[0]!.endpoint.address)).toEqual([
    { socket_address: { address: "10.20.0.2", port_value: 15432 } },
    { socket_address: { address: "127.0.0.2", port_value: 15432 } },
  ]);
  const pool = resources(fromLa, "clusters.json").find(({ name }) => name === "public");
  expect(JSON.stringify(pool!.load_assignment)).toContain('"address":"203.0.113.10","port_value":8443');
});

test("the way into the backup path is a TCP listener, so that the end of an answer waits for the answer", () => {
  const entrance = listener(fromLa, "backup-postgres")!;
  expect(entrance.internal_listener).toBeUndefined();
  expect(entrance.address).toEqual({ socket_address: { address: "127.0.0.2", port_value: 15432 } });
});

test("a link that was given up is asked at twice the pace, and still has to answer twice", () => {
  const { health_checks } = resources(fromLa, "clusters.json").find(({ name }) => name === "peer-postgres")!;
  expect(health_checks).toEqual([
    expect.objectContaining({
      interval: "0.5s",
      unhealthy_interval: "0.25s",
      healthy_edge_interval: "0.25s",
      healthy_threshold: 2,
      unhealthy_threshold: 2,
    }),
  ]);
});

test("answers have a window wider than what can wait between the proxies", () => {
  const windows = (view: LinkView) => {
    const pool = resources(view, "clusters.json").find(({ name }) => name === "public")!;
    const options = Object.values(pool.typed_extension_protocol_options)[0]!;
    return options.explicit_http_config.http2_protocol_options;
  };
  const buffers = (1 + 4 + 6) * 2 ** 20;
  for (const view of [fromLa, fromSg]) {
    expect(windows(view).initial_stream_window_size).toBeGreaterThan(buffers);
    expect(windows(view).initial_connection_window_size).toBeGreaterThan(buffers);
  }
});

test("Envoy is looked into by a Unix socket alone", () => {
  expect(bootstrap(inputs())["admin"]).toMatchObject({ address: { pipe: { mode: 0o600 } } });
});

test("the parser is given everything that the proxy is: the same clusters and listeners, in one file", () => {
  const { static_resources } = whole(inputs()) as unknown as {
    static_resources: { clusters: Rendered[]; listeners: Rendered[]; secrets: Message[] };
  };
  const names = (rendered: Rendered[]) => rendered.map(({ name }) => name);
  expect(names(static_resources.clusters)).toEqual(names(resources(fromLa, "clusters.json")));
  expect(names(static_resources.listeners)).toEqual(names(resources(fromLa, "listeners.json")));
  expect(static_resources.clusters.filter(({ type }) => type === "EDS")).toEqual([]);
  expect(static_resources.clusters.filter(({ load_assignment }) => !load_assignment)).toEqual([]);
  // A file that is named here would be one that only a running proxy has.
  expect(text(whole(inputs()))).not.toContain("path_config_source");
});
