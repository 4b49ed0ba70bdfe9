import type { IpsecSettings } from "../../settings/schema";

type Psk = IpsecSettings["psk"];

/**
 * The settings that a rotation of the pre-shared key still has to pass through, each a deployment of its own: both ends
 * accept old and new; both send new; both drop old. A rotation that was interrupted goes on where it stopped.
 * @example rotationSteps({ send: 1, accept: [] })
 *   // [{ send: 1, accept: [2] }, { send: 2, accept: [1] }, { send: 2, accept: [] }]
 */
export function rotationSteps({ send, accept }: Psk): Psk[] {
  if (accept.some((number) => number < send)) return [{ send, accept: [] }];
  const next = accept.find((number) => number > send);
  const switched: Psk[] = [
    { send: next ?? send + 1, accept: [send] },
    { send: next ?? send + 1, accept: [] },
  ];
  return next === undefined ? [{ send, accept: [send + 1] }, ...switched] : switched;
}
