/** Which of several numbered secrets is in use, and which others are accepted from the peer beside it. */
export interface Numbers {
  readonly use: number;
  readonly accept: readonly number[];
}

/**
 * What a rotation still has to pass through, each a deployment of its own: both ends accept old and new; both use the
 * new; both drop the old. A rotation that was interrupted goes on where it stopped.
 * @example rotationSteps({ use: 1, accept: [] })
 *   // [{ use: 1, accept: [2] }, { use: 2, accept: [1] }, { use: 2, accept: [] }]
 */
export function rotationSteps({ use, accept }: Numbers): Numbers[] {
  if (accept.some((number) => number < use)) return [{ use, accept: [] }];
  const next = accept.find((number) => number > use);
  const switched: Numbers[] = [
    { use: next ?? use + 1, accept: [use] },
    { use: next ?? use + 1, accept: [] },
  ];
  return next === undefined ? [{ use, accept: [use + 1] }, ...switched] : switched;
}
