import { admissions, firewallRules, type FirewallInputs } from "../../../components/sites/gcp/firewall";

const inputs: FirewallInputs = {
  cidr: "10.10.0.0/24",
  peer: { gateway: "203.0.113.10/32", cidr: "10.20.0.0/24" },
  sshFrom: ["192.0.2.0/24"],
  sshPort: 22,
  admits: [],
  publicPorts: [],
};

/** What comes in to machines of a role, as `<ranges> <protocol> <ports>`. */
function openTo(role: "gateway" | "host", set: Partial<FirewallInputs> = {}): string[] {
  return firewallRules({ ...inputs, ...set })
    .filter(({ to }) => to.includes(role))
    .flatMap(({ sourceRanges, allows }) =>
      allows.map(
        ({ protocol, ports = ["all"] }) => `${sourceRanges.join(",")} ${protocol} ${ports.join(",")}`,
      ),
    );
}

test("a gateway lets in operators, the other site's gateway and its own site, and nobody else", () => {
  expect(openTo("gateway")).toEqual([
    "192.0.2.0/24 tcp 22",
    "203.0.113.10/32 udp 500,4500",
    "203.0.113.10/32 icmp all",
    "10.10.0.0/24 tcp all",
    "10.10.0.0/24 udp all",
    "10.10.0.0/24 icmp all",
  ]);
});

test("a host lets in its own site and the other one's, which come by the gateway", () => {
  expect(openTo("host")).toEqual(
    ["10.10.0.0/24", "10.20.0.0/24"].flatMap((range) =>
      ["tcp", "udp", "icmp"].map((protocol) => `${range} ${protocol} all`),
    ),
  );
});

test("the backup path's port is open to the other site's gateway while that path is on", () => {
  expect(openTo("gateway", { backupPort: 8443 })).toContain("203.0.113.10/32 tcp 8443");
  expect(openTo("host", { backupPort: 8443 })).toEqual(openTo("host"));
});

test("Google's own ranges reach what they have to, and only with the settings that need it", () => {
  expect(admissions({ iap: false, sshPort: 22, gateways: 1 })).toEqual([]);
  const admits = admissions({ iap: true, sshPort: 2222, gateways: 2 });
  expect(openTo("gateway", { admits }).filter((rule) => !openTo("gateway").includes(rule))).toEqual([
    "35.235.240.0/20 tcp 2222",
    "35.191.0.0/16,130.211.0.0/22 tcp 179",
  ]);
});

test("everybody reaches the users' ports, on gateways alone", () => {
  const publicPorts = [443, 8080];
  expect(openTo("gateway", { publicPorts }).filter((rule) => !openTo("gateway").includes(rule))).toEqual([
    "0.0.0.0/0 tcp 443",
    "0.0.0.0/0 tcp 8080",
  ]);
  expect(openTo("host", { publicPorts })).toEqual(openTo("host"));
});

test("without users' ports no rule is for everybody, and every rule has a name of its own", () => {
  const admits = admissions({ iap: true, sshPort: 22, gateways: 2 });
  const rules = firewallRules({ ...inputs, backupPort: 8443, admits });
  expect(rules.flatMap(({ sourceRanges }) => sourceRanges)).not.toContain("0.0.0.0/0");
  expect(rules.every(({ sourceRanges, to }) => sourceRanges.length > 0 && to.length > 0)).toBe(true);
  const all = firewallRules({ ...inputs, backupPort: 8443, admits, publicPorts: [443, 8080] });
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});
