import * as pulumi from "@pulumi/pulumi";
import { makeSites } from "../../../components/sites/make";
import type { LoadedSettings } from "../../../settings/load";
import { parseSettings } from "../../../settings/parse";
import { tencentSettings } from "../settings/fixtures";
import { connectionTo } from "./fixtures";
import { named, recordRegistrations, valueOf } from "./recorder";

test("a site on Tencent Cloud is made beside one that exists, and each knows the other's address", async () => {
  const registrations = await recordRegistrations((type) =>
    type.endsWith(":Eip") ? { publicIp: "203.0.113.20" } : {},
  );
  const settings = {
    ...parseSettings(tencentSettings({ image: "img-ours" })),
    stack: "prod",
    connections: { "la-gw1": connectionTo("la") },
  } as LoadedSettings;
  const [la, sg] = makeSites(settings, (host) => ({
    ...{ user: "deploy", authorizedKey: "ssh-ed25519 AAAA", userData: "#cloud-config" },
    connectionTo: ({ address }) => address.apply((dialled) => connectionTo(host, { host: dialled })),
  }));
  await Promise.all([valueOf(la!.gateways[0]!.connection), valueOf(sg!.gateways[0]!.connection)]);
  expect(await Promise.all([la, sg].map((site) => valueOf(site!.publicAddress)))).toEqual([
    "198.51.100.10",
    "203.0.113.20",
  ]);
  const all = await registrations();
  expect(named(all, "sg").type).toBe("crossborder:index:TencentSite");
  const { ingresses } = named(all, "sg-network-rules").inputs as { ingresses: { cidrBlock: string }[] };
  expect(ingresses.map(({ cidrBlock }) => cidrBlock)).toContain("198.51.100.10/32");
  expect(named(all, "sg-routes-peer").inputs["destinationCidrBlock"]).toBe("10.10.0.0/24");
  expect(await pulumi.isSecret(sg!.gateways[0]!.connection)).toBe(true);
});
