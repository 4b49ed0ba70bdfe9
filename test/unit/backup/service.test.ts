import { offeredBy, servicesOf, usedBy } from "../../../components/backup/service";
import { parseSettings } from "../../../settings/parse";
import { validSettings } from "../settings/fixtures";
import { rawServices, services } from "./fixtures";

test("what a service leaves out is filled in: both sites, on the gateway, by a port of its own", () => {
  expect(services).toEqual([
    {
      name: "postgres",
      localPort: 15432,
      listen: "gateway",
      endpoints: { la: { address: "127.0.0.1", port: 5432 }, sg: { address: "127.0.0.1", port: 5432 } },
    },
    {
      name: "vault",
      localPort: 8300,
      listen: "site",
      endpoints: { sg: { address: "10.20.0.30", port: 8200 } },
    },
  ]);
});

test("their order is that of their names, not of the settings", () => {
  const { postgres, vault } = rawServices;
  const turned = parseSettings({ ...validSettings(), services: { vault, postgres }, backup: {} });
  expect(servicesOf(turned)).toEqual(services);
});

test("a site uses what the other has, and offers what it has", () => {
  const names = (of: typeof usedBy, site: string) => of(site, services).map(({ name }) => name);
  expect(names(usedBy, "la")).toEqual(["postgres", "vault"]);
  expect(names(usedBy, "sg")).toEqual(["postgres"]);
  expect(names(offeredBy, "la")).toEqual(["postgres"]);
  expect(names(offeredBy, "sg")).toEqual(["postgres", "vault"]);
});
