import { parseArgs } from "node:util";
import type { Direction } from "../../drills/faults";
import type { OceanChange } from "../network/water";
import { openOcean, presets } from "../ocean";
import { existingLab, type LabCommand, numberOption, UsageError } from "./command";

function directionOption(text: string | undefined): Direction | undefined {
  if (text === undefined || text === "la-sg" || text === "sg-la") return text;
  throw new UsageError(`--direction ${text}: la-sg or sg-la is wanted`);
}

export const ocean: LabCommand = {
  summary: "show or change the delay, jitter and loss between the sites",
  help: `usage: npm run lab -- ocean [preset] [options]

Without arguments: what the ocean does now, and the round trip that it makes. What is not named stays as it is.

presets:
  default          84 ms, no jitter, no loss: what \`up\` sets
  seed             84 ms ± 3
  real             160 ms

options:
  --rtt <ms>       round trip between the sites' public addresses, 0 to 5000
  --jitter <ms>    standard deviation of the round trip, 0 to 1000
  --loss <percent> packets lost, each way, 0 to 100
  --direction la-sg|sg-la   change one way only; --rtt then sets the half of that way
  --reorder        let jitter make packets overtake each other; --no-reorder (the default of presets) keeps their order
  --calibrate      measure again what the lab itself takes, and set 84 ms
  --heal           end every fault that is in force
`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      allowNegative: true,
      options: {
        rtt: { type: "string" },
        jitter: { type: "string" },
        loss: { type: "string" },
        direction: { type: "string" },
        reorder: { type: "boolean" },
        calibrate: { type: "boolean" },
        heal: { type: "boolean" },
      },
    });
    const [name, ...more] = positionals;
    const preset = name === undefined ? undefined : presets[name];
    if (more.length > 0 || (name !== undefined && !preset)) {
      throw new UsageError(
        `there is no ocean "${positionals.join(" ")}": ${Object.keys(presets).join(", ")}`,
      );
    }
    const given: OceanChange = {
      rttMs: numberOption("rtt", values.rtt, 0, 5000),
      jitterMs: numberOption("jitter", values.jitter, 0, 1000),
      lossPercent: numberOption("loss", values.loss, 0, 100),
      reorder: values.reorder,
    };
    const wanted = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    const change: OceanChange = { ...preset, ...wanted };
    const direction = directionOption(values.direction);
    const opened = await openOcean(existingLab());
    try {
      if (values.calibrate) await opened.calibrate();
      if (values.heal) await opened.heal();
      if (Object.keys(change).length > 0) await opened.set({ ...change, direction });
      const water = await opened.read();
      for (const way of ["la-sg", "sg-la"] as const) {
        const { delayMs, jitterMs, lossPercent, reorder } = water[way];
        process.stdout.write(
          `${way}  delay ${delayMs.toFixed(1)} ms  jitter ${jitterMs.toFixed(1)} ms  loss ${lossPercent.toFixed(1)} %  ` +
            `${reorder ? "may reorder" : "keeps order"}\n`,
        );
      }
      for (const fault of await opened.faults()) process.stdout.write(`fault  ${fault}\n`);
      const rtt = await opened.rtt().then(
        (ms) => `${ms.toFixed(1)} ms`,
        () => "no answer",
      );
      process.stdout.write(`round trip, measured: ${rtt}\n`);
      return 0;
    } finally {
      opened.close();
    }
  },
};
