import * as fc from "fast-check";
import {
  gatewayAddress,
  keptAddresses,
  LONGEST_PREFIX,
  nextHopAddress,
  planMachines,
} from "../../../components/sites/gcp/plan";
import { contains, isCidr } from "../../../settings/ipv4";
import { rangeOf } from "../settings/ranges";

/** Any range that a site on Google Cloud may have. */
const range = rangeOf({ longest: LONGEST_PREFIX });

const settings = { zones: ["us-west2-a"], machineType: "n2-standard-4", hosts: [] };

test("gateways and their load balancer have addresses of the range that differ and that Google doesn't keep", () => {
  fc.assert(
    fc.property(range, (cidr) => {
      expect(isCidr(cidr)).toBe(true);
      const planned = [gatewayAddress(cidr, 0), gatewayAddress(cidr, 1), nextHopAddress(cidr)];
      expect(new Set([...planned, ...keptAddresses(cidr)]).size).toBe(7);
      expect(planned.every((address) => contains(cidr, address))).toBe(true);
    }),
  );
});

test("a second gateway moves nobody", () => {
  fc.assert(
    fc.property(range, (cidr) => {
      const one = planMachines(cidr, { ...settings, gateways: 1 }).gateways;
      const two = planMachines(cidr, { ...settings, gateways: 2 }).gateways;
      expect(two[0]).toEqual(one[0]);
      expect(two).toHaveLength(2);
    }),
  );
});

test("the smallest range has just enough", () => {
  const cidr = "10.10.0.8/29";
  expect(keptAddresses(cidr)).toEqual(["10.10.0.8", "10.10.0.9", "10.10.0.14", "10.10.0.15"]);
  expect([gatewayAddress(cidr, 0), gatewayAddress(cidr, 1), nextHopAddress(cidr)]).toEqual([
    "10.10.0.10",
    "10.10.0.11",
    "10.10.0.12",
  ]);
});

test("gateways take the zones in turn, hosts stand where they say or in the first", () => {
  const { gateways, hosts } = planMachines("10.10.0.0/24", {
    zones: ["us-west2-a", "us-west2-b"],
    machineType: "n2-standard-4",
    gateways: 2,
    hosts: [
      { name: "app1", privateAddress: "10.10.0.10" },
      { name: "app2", privateAddress: "10.10.0.11", zone: "us-west2-c", machineType: "n2-highmem-8" },
    ],
  });
  expect(gateways.map(({ name, zone }) => [name, zone])).toEqual([
    ["gw1", "us-west2-a"],
    ["gw2", "us-west2-b"],
  ]);
  expect(hosts.map(({ name, zone, machineType }) => [name, zone, machineType])).toEqual([
    ["app1", "us-west2-a", "n2-standard-4"],
    ["app2", "us-west2-c", "n2-highmem-8"],
  ]);
});
