import { z } from "zod";
import { run } from "../lab/sessions";
import type { Session } from "../providers/ssh/session";
import type { Path, PathSample } from "./checker/paths";
import { directory, lifetimeSeconds } from "./workload/programs";

/** Where the backup path's keeper writes its latest look. */
const stateFile = "/run/crossborder-backup/state.json";

/** Between two looks, in seconds; the keeper itself looks every second. */
const intervalSeconds = 0.5;

/** The way that new connections take in each state of the keeper. */
const pathOf: Readonly<Record<string, Path>> = {
  standby: "tunnel",
  "standby-unhealthy": "tunnel",
  active: "backup",
  held: "backup",
  down: "none",
};

const notes = `${directory}/paths`;

// Without a process for each look: on an emulated processor these would be a load of their own. The pipe gives nothing, ever.
const notesScript = `exec 3<> <(:)
while :; do
  state=
  IFS= read -r -d '' state 2>/dev/null <${stateFile}
  now=$EPOCHREALTIME
  echo "$((\${now/[.,]/} / 1000)) \${state//$'\\n'/}"
  read -r -t ${intervalSeconds} -u 3
done
`;

const keeperLook = z.object({ state: z.string(), calm: z.boolean() });

/** What a gateway's keeper saw last. */
export async function readKeeper(session: Session): Promise<z.infer<typeof keeperLook>> {
  return keeperLook.parse(JSON.parse(await run(session, `cat ${stateFile}`)));
}

/** Has a gateway note which path its services take. The notes are lost when its power is. */
export async function startNotes(session: Session): Promise<void> {
  await run(session, `install -d -m 0700 ${directory}; cat >${notes}.sh`, { stdin: notesScript });
  await run(
    session,
    `setsid timeout ${lifetimeSeconds} bash ${notes}.sh >${notes} 2>&1 </dev/null & echo $! >${notes}.pid`,
  );
}

/** Ends the notes and reads them; none when the gateway was off since. */
export async function finishNotes(session: Session, site: string): Promise<PathSample[]> {
  const end = `[ ! -e ${notes}.pid ] || kill -TERM -$(cat ${notes}.pid) 2>/dev/null`;
  return parsePaths(await run(session, `${end}; cat ${notes} 2>/dev/null || true`), site);
}

/** Reads the notes. Looks at a keeper that has said nothing yet, or half a line, are left out. */
export function parsePaths(text: string, site: string): PathSample[] {
  return text.split("\n").flatMap((line) => {
    const [, at, state] = /^(\d+) .*"state": ?"([a-z-]+)"/.exec(line) ?? [];
    const path = pathOf[state ?? ""];
    return state === undefined || path === undefined ? [] : [{ site, at: Number(at), path, state }];
  });
}
