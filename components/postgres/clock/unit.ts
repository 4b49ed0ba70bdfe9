import { join } from "node:path";
import { familyOf } from "../../host/families";
import type { OsFamily } from "../../host/host";
import type { HostFile, Unit } from "../../host/manifest";
import { programFile } from "../../host/program";
import { LIBRARY } from "../paths";

const PACE_UNIT = "crossborder-postgres-clock-pace.service";
const PACE_UNIT_FILE = `/etc/systemd/system/${PACE_UNIT}`;
const PACE_PROGRAM = `${LIBRARY}/clock-pace`;

/** Polling of every source, as powers of two: 8 to 32 s. After a disturbance a clock is in doubt until it was measured anew. */
const SHORTEST_POLL = 3;
const LONGEST_POLL = 5;
/** An error above this is stepped at any time, s; chrony slews a smaller one in seconds (83,333 ppm, chrony.conf(5)). */
const STEP_SECONDS = 0.1;

/**
 * What makes chrony quick enough for the clock gate. Where time comes from is the host's own: a cloud's image names the cloud's
 * server, and that stays.
 *
 * It is said to the chrony that runs, each time that it starts, and in no file of its configuration: polling belongs to each
 * source, in a line that isn't ours, and Debian's own `makestep 1 3` stands after the directory of drop-ins, so that it wins.
 */
export function renderClockPace(family: OsFamily): { readonly files: HostFile[]; readonly units: Unit[] } {
  const { chrony } = familyOf(family).units;
  const unit = `[Unit]
Description=Has chrony measure often
After=${chrony}
Wants=${chrony}
PartOf=${chrony}

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${PACE_PROGRAM} ${SHORTEST_POLL} ${LONGEST_POLL} ${STEP_SECONDS}
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
`;
  return {
    files: [
      programFile(PACE_PROGRAM, join(__dirname, "clock_pace.sh")),
      { path: PACE_UNIT_FILE, content: unit, mode: "0644" },
      // A chrony that was stopped and starts again has forgotten it.
      {
        path: `/etc/systemd/system/${chrony}.d/crossborder.conf`,
        content: `[Unit]\nWants=${PACE_UNIT}\n`,
        mode: "0644",
      },
    ],
    // chrony itself is the host's, also when this goes.
    units: [{ name: PACE_UNIT, watches: [PACE_PROGRAM, PACE_UNIT_FILE], onChange: "restart" }],
  };
}
