/** A stack file with the settings turned on that are commented out in it: those whose `#` no single space follows. */
export function withAllSettings(text: string): string {
  return text.replaceAll(/^( +)#(?=\S| {2})/gm, "$1");
}
