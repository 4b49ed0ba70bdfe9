import type { Difference, Version } from "../providers/postgres/compare";

/**
 * Up to when each side has seen the other, µs since 1970 by the writer's clock: the newest beat of the one that the other
 * has. Replication keeps the order of commits, so everything that was committed before that beat has been seen. null when no
 * beat ever arrived.
 */
export interface Knowledge {
  readonly sourceKnowsTargetUntil: number | null;
  readonly targetKnowsSourceUntil: number | null;
}

/** What can't be decided by time, and is put to the operator as a whole. */
export type Question = "unordered" | "deleted-on-source" | "deleted-on-target";

/** Which side's state of a key stands: its row, or that it has none. */
export type Standing = "source" | "target";

export interface Decision {
  readonly difference: Difference;
  readonly stands: Standing;
  /** The version that is overridden though the other side never decided so with knowledge of it; null when none is. */
  readonly lost: Version | null;
  /** Whether the operator, not time, decided. */
  readonly asked: boolean;
}

/** The plan of a resynchronisation. `a` of each difference is the source, which goes on being written, `b` the target. */
export interface Plan {
  readonly decided: readonly Decision[];
  readonly open: Readonly<Record<Question, readonly Difference[]>>;
}

/** For each question, whose state stands. */
export type Answers = Readonly<Partial<Record<Question, Standing>>>;

/** Whether the other side has seen a version: it came from there, or is older than the newest beat that arrived there. */
function knownBeyond(version: Version, seenUntil: number | null): boolean | undefined {
  if (version.written === "elsewhere") return true;
  if (version.written === null || version.committedAt === null || seenUntil === null) return undefined;
  return version.committedAt <= seenUntil;
}

type Verdict = { readonly stands: Standing; readonly lost: Version | null } | { readonly question: Question };

function judgeBoth(a: Version, b: Version, knowledge: Knowledge): Verdict {
  if (a.committedAt === null || b.committedAt === null) return { question: "unordered" };
  return b.committedAt > a.committedAt
    ? { stands: "target", lost: knownBeyond(a, knowledge.targetKnowsSourceUntil) ? null : a }
    : { stands: "source", lost: knownBeyond(b, knowledge.sourceKnowsTargetUntil) ? null : b };
}

function judge({ a, b }: Difference, knowledge: Knowledge): Verdict {
  if (a && b) return judgeBoth(a, b, knowledge);
  if (b) {
    // On the target only: new there, or deleted on the source.
    const known = knownBeyond(b, knowledge.sourceKnowsTargetUntil);
    if (known === undefined) return { question: "deleted-on-source" };
    return { stands: known ? "source" : "target", lost: null };
  }
  // On the source only: new there, or deleted on the target. A deletion leaves nothing behind that could be told from a row
  // that the target lost (its disk, an older backup), so what the target may have deleted is never deleted unasked.
  if (a && knownBeyond(a, knowledge.targetKnowsSourceUntil) === false)
    return { stands: "source", lost: null };
  return { question: "deleted-on-target" };
}

/** Decides what time can decide, and sorts the rest by what has to be asked. Answers decide what they answer. */
export function plan(differences: readonly Difference[], knowledge: Knowledge, answers: Answers = {}): Plan {
  const decided: Decision[] = [];
  const open: Record<Question, Difference[]> = {
    unordered: [],
    "deleted-on-source": [],
    "deleted-on-target": [],
  };
  for (const difference of differences) {
    const verdict = judge(difference, knowledge);
    if (!("question" in verdict)) {
      decided.push({ difference, ...verdict, asked: false });
      continue;
    }
    const stands = answers[verdict.question];
    if (stands === undefined) open[verdict.question].push(difference);
    else
      decided.push({
        difference,
        stands,
        lost: stands === "source" ? difference.b : difference.a,
        asked: true,
      });
  }
  return { decided, open };
}

/**
 * Decides for rows that differ while both sides see each other: the newer version stands, and a row stands against none,
 * because it was made anew after the delete that the other side saw last.
 * @param prefer A side whose state stands whatever the times say.
 */
export function planRepair(differences: readonly Difference[], prefer?: Standing): Plan {
  const answers = prefer && { unordered: prefer };
  const decided = differences.flatMap((difference): Decision[] => {
    const { a, b } = difference;
    const newest =
      !a || !b ? (a ? "source" : "target") : plan([difference], nothingKnown, answers).decided[0]?.stands;
    const stands = prefer ?? newest;
    return stands === undefined
      ? []
      : [{ difference, stands, lost: stands === "source" ? b : a, asked: prefer !== undefined }];
  });
  const unordered = differences.filter((one) => !decided.some(({ difference }) => difference === one));
  return { decided, open: { unordered, "deleted-on-source": [], "deleted-on-target": [] } };
}

const nothingKnown: Knowledge = { sourceKnowsTargetUntil: null, targetKnowsSourceUntil: null };
