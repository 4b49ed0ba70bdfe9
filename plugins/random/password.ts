import { randomInt } from "node:crypto";

/** The classes of characters and their alphabets, as the official provider has them. */
const alphabets = {
  lower: "abcdefghijklmnopqrstuvwxyz",
  upper: "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
  numeric: "0123456789",
  special: "!@#$%&*()-_=+[]{}<>:?",
} as const;

export interface PasswordInputs {
  readonly length: number;
  /** Whether these classes occur. @default true */
  readonly lower?: boolean;
  readonly upper?: boolean;
  readonly numeric?: boolean;
  /** The older name of `numeric`. */
  readonly number?: boolean;
  readonly special?: boolean;
  /** How many characters of a class there are at least. @default 0 */
  readonly minLower?: number;
  readonly minUpper?: number;
  readonly minNumeric?: number;
  readonly minSpecial?: number;
  /** Special characters to use instead of the usual ones. */
  readonly overrideSpecial?: string;
}

interface CharacterClass {
  readonly alphabet: string;
  readonly used: boolean;
  readonly atLeast: number;
}

function classes(inputs: PasswordInputs): CharacterClass[] {
  const numeric = inputs.numeric ?? inputs.number ?? true;
  return [
    { alphabet: alphabets.lower, used: inputs.lower ?? true, atLeast: inputs.minLower ?? 0 },
    { alphabet: alphabets.upper, used: inputs.upper ?? true, atLeast: inputs.minUpper ?? 0 },
    { alphabet: alphabets.numeric, used: numeric, atLeast: inputs.minNumeric ?? 0 },
    {
      alphabet: inputs.overrideSpecial || alphabets.special,
      used: inputs.special ?? true,
      atLeast: inputs.minSpecial ?? 0,
    },
  ];
}

/** Why no password can be made from these inputs, or undefined when one can. */
export function passwordComplaint(inputs: PasswordInputs): string | undefined {
  const minima = classes(inputs).reduce((sum, { atLeast }) => sum + atLeast, 0);
  if (minima > inputs.length) {
    return `the minima of the character classes add up to ${minima}, more than the length of ${inputs.length}`;
  }
  if (!classes(inputs).some(({ used }) => used)) return "at least one class of characters must be allowed";
  return undefined;
}

/** Makes a password from the operating system's source of randomness, every character drawn evenly. */
export function makePassword(inputs: PasswordInputs): string {
  const draw = (alphabet: string): string => alphabet[randomInt(alphabet.length)]!;
  const all = classes(inputs)
    .filter(({ used }) => used)
    .map(({ alphabet }) => alphabet)
    .join("");
  const characters = classes(inputs).flatMap(({ alphabet, atLeast }) =>
    Array.from({ length: atLeast }, () => draw(alphabet)),
  );
  while (characters.length < inputs.length) characters.push(draw(all));
  // Fisher and Yates: the guaranteed characters must not always stand in front.
  for (let last = characters.length - 1; last > 0; last--) {
    const other = randomInt(last + 1);
    [characters[last], characters[other]] = [characters[other]!, characters[last]!];
  }
  return characters.join("");
}

/** Every input with the value that it has when it is left out, as the state records it. */
export function passwordDefaults(inputs: PasswordInputs): PasswordInputs {
  const numeric = inputs.numeric ?? inputs.number ?? true;
  return {
    lower: true,
    upper: true,
    special: true,
    minLower: 0,
    minUpper: 0,
    minNumeric: 0,
    minSpecial: 0,
    ...inputs,
    numeric,
    number: numeric,
  };
}
