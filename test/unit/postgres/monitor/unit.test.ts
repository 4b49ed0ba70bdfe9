import { collectorParameters } from "../../../../components/postgres/conflicts/parameters";
import { monitorSqlFile } from "../../../../components/postgres/monitor/access";
import { renderMonitors, type MonitorInputs } from "../../../../components/postgres/monitor/unit";
import { settingsOf } from "../fixtures";

const inputs: MonitorInputs = {
  site: "la",
  host: "la-gw1",
  family: "debian",
  peer: "sg",
  settings: settingsOf(),
  paired: false,
  textfileDirectory: "/var/lib/prometheus/node-exporter",
  webhook: "https://example.org/hooks/t0ken",
};

test("configurations and units", () => {
  const { files, units, teardown } = renderMonitors(inputs);
  const rendered = files.filter(({ path }) => !path.endsWith(".py"));
  expect({ rendered, units, teardown }).toMatchSnapshot();
});

test("a pair is told how the database is, and where one site writes, it is the one that serves", () => {
  const pairOf = (set: Record<string, unknown>) =>
    renderMonitors({ ...inputs, paired: true, settings: settingsOf(set) }).files.filter(({ path }) =>
      path.includes("pair-beat"),
    );
  expect(pairOf({})).toMatchSnapshot();
  expect(pairOf({})[0]!.content).toContain('"followsRole": false');
  expect(pairOf({ writers: "primary" })[0]!.content).toContain('"followsRole": true');
});

test("the programs are installed side by side, and each service is restarted when what it runs changed", () => {
  const { files, units } = renderMonitors({ ...inputs, paired: true });
  const programs = files.filter(({ path }) => path.endsWith(".py"));
  expect(programs.map(({ path }) => path)).toEqual(
    ["site_report", "reporting", "clock_gate", "conflict_log", "wal_bound", "pair_beat"].map(
      (name) => `/usr/local/lib/crossborder/postgres/${name}.py`,
    ),
  );
  const paths = new Set(files.map(({ path }) => path));
  for (const { watches } of units) for (const path of watches) expect(paths).toContain(path);
});

test("the webhook's URL is in files that only root can read", () => {
  for (const { content, mode } of renderMonitors(inputs).files) {
    if (content.includes("t0ken")) expect(mode).toBe("0600");
  }
  expect(() => renderMonitors({ ...inputs, webhook: "http://example.org" })).toThrow(/not an https URL/);
});

test("what the server's configuration and the database have to have", () => {
  expect(collectorParameters()).toMatchObject({
    logging_collector: "on",
    log_destination: "jsonlog",
    lc_messages: "C",
    "pglogical.conflict_log_level": "log",
  });
  expect(monitorSqlFile()).toMatchSnapshot();
});
