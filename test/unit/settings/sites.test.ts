import { parseSettings } from "../../../settings/parse";
import { warnings } from "../../../settings/rules";
import { errorsOf, gcpSettings, tencentSettings, validSettings } from "./fixtures";

type Sites = Record<"la" | "sg", Record<string, unknown>>;

/** Valid settings with something added to each site. */
function withSites(la: object, sg: object): Record<string, unknown> {
  const settings = validSettings();
  const sites = settings["sites"] as Sites;
  return { ...settings, sites: { la: { ...sites.la, ...la }, sg: { ...sites.sg, ...sg } } };
}

test("sites are in service, and their hosts are the first machines, unless the settings say otherwise", () => {
  expect(parseSettings(validSettings()).sites["la"]).toMatchObject({ outOfService: false, machines: {} });
  expect(warnings(parseSettings(validSettings()))).toEqual([]);
});

test.each([
  ["la", gcpSettings({ gateways: 2 })],
  ["sg", tencentSettings({ gateways: 2 })],
])("a second gateway of %s is a warning that says what it doesn't do", (site, raw) => {
  expect(warnings(parseSettings(raw))).toContain(
    `crossborder:sites.${site} has a second gateway, ${site}-gw2, to which nothing is deployed yet: the link, the backup path and the ` +
      `database are on ${site}-gw1 alone, and nothing of them moves to ${site}-gw2 when ${site}-gw1 fails.`,
  );
});

test("a site that is out of service is a warning that names its hosts, and what it means", () => {
  expect(warnings(parseSettings(withSites({}, { outOfService: true })))).toEqual([
    "crossborder:sites.sg.outOfService is true: sg-gw1 is left as it is, by a destroy too; the link and replication are " +
      "not measured.",
  ]);
});

test("both sites out of service are refused", () => {
  expect(errorsOf(withSites({ outOfService: true }, { outOfService: true }))).toEqual([
    "crossborder:sites.sg.outOfService is true, and so is crossborder:sites.la.outOfService; it must be false for one site " +
      "at least.",
  ]);
});

test("only a site's own hosts have machines' numbers", () => {
  expect(errorsOf(withSites({ machines: { gw1: 2 } }, {}))).toEqual([]);
  expect(errorsOf(withSites({ machines: { gw7: 2 } }, {}))).toEqual([
    "crossborder:sites.la.machines has gw7, which is no host of the site; its hosts are gw1.",
  ]);
  expect(errorsOf(withSites({}, { machines: { gw1: 0 } }))).toEqual([
    "crossborder:sites.sg.machines.gw1 is 0; it must be a whole number of a machine's number from 1 to 9999.",
  ]);
});
