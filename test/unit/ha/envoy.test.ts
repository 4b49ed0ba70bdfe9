import { bootstrap, whole } from "../../../components/backup/envoy/bootstrap";
import { discoveryFiles } from "../../../components/backup/envoy/files";
import { type Message, text } from "../../../components/backup/envoy/resource";
import {
  isMovable,
  type Role,
  vipAssignment,
  vipChoice,
  vipClusters,
  vipListeners,
  vipPart,
} from "../../../components/ha/envoy";
import { fromLa, fromSg } from "../link/fixtures";
import { inputs as proxyInputs } from "../backup/fixtures";
import { allServices, served } from "./fixtures";

const vip = "10.0.0.100";
const [postgres, vault] = served as [(typeof served)[number], (typeof served)[number]];

interface Listener {
  name: string;
  address?: { socket_address: { address: string; port_value: number } };
  internal_listener?: object;
  filter_chains: { name?: string; filters: { typed_config: { cluster: string } }[] }[];
}

const listeners = (site: string) => vipListeners({ vip, site, services: served }) as unknown as Listener[];
const clusterOf = ({ filter_chains: chains }: Listener) => chains[0]!.filters[0]!.typed_config.cluster;

/** Name of the listener inside Envoy that a service's connections go to in a role. */
function target(service: typeof postgres, site: string, role: Role): string {
  const { endpoints } = vipAssignment(service, site, role) as unknown as {
    endpoints: { lb_endpoints: { endpoint: { address: { envoy_internal_address: Message } } }[] }[];
  };
  expect(endpoints).toHaveLength(1);
  expect(endpoints[0]!.lb_endpoints).toHaveLength(1);
  return String(
    endpoints[0]!.lb_endpoints[0]!.endpoint.address.envoy_internal_address["server_listener_name"],
  );
}

test.each(["la", "sg"])("listeners and clusters of %s", (site) => {
  const inputs = { vip, site, services: served };
  expect(text({ listeners: vipListeners(inputs), clusters: vipClusters(inputs) })).toMatchSnapshot();
});

test("each service is answered at the address and its own port", () => {
  const open = listeners("la").filter(({ address }) => address);
  expect(open.map(({ address }) => address!.socket_address)).toEqual([
    { address: vip, port_value: 5432 },
    { address: vip, port_value: 8200 },
  ]);
});

test("serving leads to the site's own service, being a proxy to the other's by whatever path there is", () => {
  const inside = new Map(listeners("la").map((listener) => [listener.name, listener]));
  expect(target(postgres, "la", "serve")).toBe("vip-serve-postgres");
  expect(clusterOf(inside.get("vip-serve-postgres")!)).toBe("own-postgres");
  expect(target(postgres, "la", "proxy")).toBe("vip-proxy-postgres");
  expect(clusterOf(inside.get("vip-proxy-postgres")!)).toBe("peer-postgres");
});

test("no role leads back to the address: proxies of both sites can't send a connection round in circles", () => {
  for (const site of ["la", "sg"]) {
    for (const listener of listeners(site).filter(({ internal_listener: inner }) => inner)) {
      expect(clusterOf(listener)).toMatch(/^(own|peer)-/);
    }
  }
});

test("a service of one site alone is answered by that site, whatever the role", () => {
  expect(target(vault, "la", "serve")).toBe("vip-proxy-vault");
  expect(target(vault, "la", "proxy")).toBe("vip-proxy-vault");
  expect(target(vault, "sg", "serve")).toBe("vip-serve-vault");
  expect(target(vault, "sg", "proxy")).toBe("vip-serve-vault");
  expect([isMovable(postgres, "la"), isMovable(vault, "la")]).toEqual([true, false]);
  const names = listeners("la").map(({ name }) => name);
  expect(names).not.toContain("vip-serve-vault");
});

test("roles have chains of their own inside Envoy, so that one can be drained without the other", () => {
  const inside = listeners("la").filter(({ internal_listener: inner }) => inner);
  expect(inside.length).toBe(3);
  expect(inside.map(({ filter_chains: chains }) => chains.map(({ name }) => name))).toEqual(
    inside.map(() => ["0"]),
  );
});

describe("as a part of the proxy", () => {
  const part = vipPart({ vip, site: "la", services: served });
  const inputs = proxyInputs(fromLa, { services: allServices, parts: [part] });

  test("it changes neither what the proxy starts with nor the other resources", () => {
    const plain = proxyInputs(fromLa, { services: allServices });
    expect(bootstrap(inputs)).toEqual(bootstrap(plain));
    const names = (resources: Message): string[] =>
      (resources["resources"] as readonly Message[]).map(({ name }) => String(name));
    for (const { name, content } of discoveryFiles(plain)) {
      const found = discoveryFiles(inputs).find((file) => file.name === name)!;
      if (name === "clusters.json" || name === "listeners.json") {
        expect(names(found.content)).toEqual(expect.arrayContaining(names(content)));
      } else expect(found.content).toEqual(content);
    }
  });

  test("its first choice is to be a proxy, in the form in which the agent chooses", () => {
    const choices = discoveryFiles(inputs).filter(({ name }) => name.startsWith("choice-"));
    expect(choices.map(({ name }) => name)).toEqual(["choice-vip-postgres.json", "choice-vip-vault.json"]);
    expect(choices[0]!.content).toEqual(vipChoice(postgres, "la", "proxy"));
  });

  test("Envoy's parser reads the same listeners and clusters, each cluster with an endpoint", () => {
    for (const view of [fromLa, fromSg]) {
      const own = vipPart({ vip, site: view.local.site, services: served });
      const { static_resources: resources } = whole(
        proxyInputs(view, { services: allServices, parts: [own] }),
      ) as unknown as { static_resources: { clusters: Message[]; listeners: Message[] } };
      const clusters = resources.clusters.filter(({ name }) => String(name).startsWith("vip-"));
      expect(clusters).toHaveLength(2);
      for (const cluster of clusters) {
        expect(cluster["type"]).toBe("STATIC");
        expect(cluster["load_assignment"]).toMatchObject({ cluster_name: cluster["name"] });
      }
      expect(resources.listeners).toEqual(expect.arrayContaining([...own.listeners]));
    }
  });
});
