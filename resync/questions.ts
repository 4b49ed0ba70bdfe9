import { createInterface } from "node:readline/promises";
import type { Difference } from "../providers/postgres/compare";
import type { Answers, Question } from "./plan";
import type { Sites } from "./record";
import type { Operator } from "./resync";

/** What is asked, in words that say what each answer does. */
export function wording(question: Question, count: number, { source, target }: Sites): string {
  const rows = count === 1 ? "1 row" : `${count} rows`;
  return {
    unordered: `${rows} have two versions, and when one of them was written is not kept any more. "source" keeps those of ${source}, "target" those of ${target}`,
    "deleted-on-source": `${rows} are on ${target} only, and whether ${source} has seen and deleted them can't be told. "source" removes them, "target" brings them to ${source}`,
    "deleted-on-target": `${rows} are on ${source} only, and ${target} has had them: it deleted them, or lost them with a disk. "source" brings them back to ${target}, "target" deletes them on ${source}`,
  }[question];
}

function listed(rows: readonly Difference[]): string {
  return rows.map(({ table, key }) => `  ${table.name} ${key}`).join("\n");
}

/** Asks at a terminal what the command line did not answer; without a terminal what is not answered stops. */
export function operatorAt(
  terminal: boolean,
  sites: Sites,
  given: { readonly answers: Answers; readonly leaveOut: boolean },
): Operator {
  const say = (text: string): void => void process.stderr.write(`${text}\n`);
  const ask = async (text: string, choices: readonly string[]): Promise<string | undefined> => {
    if (!terminal) return undefined;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      const answer = (await lines.question(`${text}\n${choices.join(" / ")} / stop: `)).trim();
      return choices.includes(answer) ? answer : undefined;
    } finally {
      lines.close();
    }
  };
  return {
    say,
    decide: async (question, rows) => {
      const answered = given.answers[question];
      if (answered) return answered;
      say(listed(rows));
      const text = wording(question, rows.length, sites);
      const answer = await ask(text, ["source", "target"]);
      if (answer === undefined && !terminal) say(`${text}. Answer with --${question} source or target`);
      return answer as "source" | "target" | undefined;
    },
    leaveOut: async (refusals) => {
      say(refusals.map(({ table, key, why }) => `  ${table} ${key}: ${why}`).join("\n"));
      const text = `${refusals.length} rows of ${sites.target} can't be taken by ${sites.source}. "leave-out" records them and goes on without them`;
      if (given.leaveOut) return true;
      if (!terminal) say(`${text}. Answer with --leave-out`);
      return (await ask(text, ["leave-out"])) !== undefined;
    },
  };
}
