import * as fc from "fast-check";
import { planMachines } from "../../../components/sites/gcp/plan";
import { planGateways } from "../../../components/sites/tencent/plan";
import { addressAt, contains, covers, overlap, prefixLength } from "../../../settings/ipv4";
import { parseSettings } from "../../../settings/parse";
import { errorsOf, gcpSettings, tencentSettings } from "./fixtures";
import { rangeOf } from "./ranges";

/** Ranges so few and near each other that they often meet, and so small that their addresses can be counted out. */
const nearby = (shortest: number, longest: number): fc.Arbitrary<string> =>
  rangeOf({ shortest, longest }).map((cidr) => cidr.replace(/^10\.\d+\.\d+\./, "10.0.0."));
const near = nearby(24, 28);
const smallest = nearby(26, 32);
const anyRange = rangeOf({ shortest: 12, longest: 28 });
const linkNetwork = rangeOf({ shortest: 30, longest: 30 });
const services = { postgres: { port: 5432 } };
const anyAddress = fc.nat({ max: 0xffffff }).map((offset) => addressAt("10.0.0.0/8", offset));

function addressesOf(cidr: string): string[] {
  return Array.from({ length: 2 ** (32 - prefixLength(cidr)) }, (_, index) => addressAt(cidr, index));
}

/** Production's settings with other addresses. Both sites are made. */
interface Addresses {
  readonly la: string;
  readonly sg: string;
  readonly network: string;
  readonly vip: string;
}

function withAddresses({ la, sg, network, vip }: Addresses): Record<string, unknown> {
  const sites = {
    la: { ...(gcpSettings()["sites"] as Record<string, object>)["la"], cidr: la },
    sg: { ...(tencentSettings()["sites"] as Record<string, object>)["sg"], cidr: sg },
  };
  return { ...gcpSettings(), sites, link: { network }, services, backup: {}, ha: { vip } };
}

/** Ranges of the sites and the link, and a service address, that often meet. */
const meeting = fc
  .record({
    la: fc.oneof(near, anyRange),
    sg: fc.oneof(near, anyRange),
    network: linkNetwork,
    vip: anyAddress,
  })
  .chain(({ la, sg, network, vip }) =>
    fc.record({
      la: fc.constant(la),
      sg: fc.constant(sg),
      network: fc.constantFrom(network, `${addressAt(la, 4)}/30`, `${addressAt(sg, 8)}/30`),
      vip: fc.constantFrom(vip, addressAt(sg, 5), addressAt(network, 1)),
    }),
  );

/** The same that seldom do. */
const apart = fc.record({
  ...{ la: rangeOf({ shortest: 16, longest: 28 }), sg: rangeOf({ shortest: 16, longest: 28 }) },
  ...{ network: linkNetwork, vip: anyAddress },
});

test("ranges overlap, cover and contain exactly as their addresses do", () => {
  fc.assert(
    fc.property(fc.oneof(near, smallest), smallest, (one, other) => {
      const ofOther = new Set(addressesOf(other));
      const common = addressesOf(one).filter((address) => ofOther.has(address));
      expect(overlap(one, other)).toBe(common.length > 0);
      expect(overlap(other, one)).toBe(common.length > 0);
      expect(covers(one, other)).toBe(common.length === ofOther.size);
      expect(addressesOf(one).every((address) => contains(one, address))).toBe(true);
      expect(contains(other, addressAt(one, 0))).toBe(ofOther.has(addressAt(one, 0)));
    }),
  );
});

test("settings are refused exactly where two of the sites' ranges, the link's network and the service address meet", () => {
  fc.assert(
    fc.property(meeting, (drawn) => {
      const { la, sg, network, vip } = drawn;
      const meet = [
        overlap(la, sg) && "crossborder:sites.sg.cidr",
        overlap(la, network) && "crossborder:link.network",
        overlap(sg, network) && "crossborder:link.network",
        ...[la, sg, network].map((range) => contains(range, vip) && "crossborder:ha.vip"),
      ].filter((key) => key !== false);
      const named = errorsOf(withAddresses(drawn)).map((sentence) => sentence.split(" is ")[0]);
      expect(named).toEqual(meet);
    }),
  );
});

test("whatever settings are taken, nothing of one site has an address of the other's, the link's or the service's", () => {
  fc.assert(
    fc.property(apart, (drawn) => {
      const raw = withAddresses(drawn);
      fc.pre(errorsOf(raw).length === 0);
      const { sites, link } = parseSettings(raw);
      const { la, sg } = sites;
      const planned = [
        ...planMachines(la!.cidr, { ...la!.gcp!, gateways: 2 }).gateways,
        ...planGateways(sg!.cidr, 2),
      ].map(({ privateAddress }) => privateAddress);
      const ofTheLink = [addressAt(link.network, 1), addressAt(link.network, 2)];
      const all = [...planned, ...ofTheLink, drawn.vip];
      expect(new Set(all).size).toBe(7);
    }),
  );
});
