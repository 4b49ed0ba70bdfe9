import { rotationSteps } from "../../../components/link/rotation";

test("both accept, both send, both drop", () => {
  expect(rotationSteps({ send: 1, accept: [] })).toEqual([
    { send: 1, accept: [2] },
    { send: 2, accept: [1] },
    { send: 2, accept: [] },
  ]);
});

test("an interrupted rotation goes on where it stopped", () => {
  expect(rotationSteps({ send: 1, accept: [2] })).toEqual([
    { send: 2, accept: [1] },
    { send: 2, accept: [] },
  ]);
  expect(rotationSteps({ send: 2, accept: [1] })).toEqual([{ send: 2, accept: [] }]);
});
