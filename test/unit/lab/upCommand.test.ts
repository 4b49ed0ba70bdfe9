import { UsageError } from "../../../lab/commands/command";
import { up } from "../../../lab/commands/up";
import { bringUp } from "../../../lab/up";

jest.mock("../../../lab/up", () => ({ bringUp: jest.fn() }));

const bringUpMock = jest.mocked(bringUp);

beforeEach(() => {
  bringUpMock.mockReset().mockResolvedValue({ booted: [], repairs: [], outdated: [] });
  jest.spyOn(process.stderr, "write").mockReturnValue(true);
});

afterEach(() => jest.restoreAllMocks());

test.each([
  [[], { slowdown: 1, gatewayMemoryMiB: 512 }],
  [["--slowdown", "4"], { slowdown: 4, gatewayMemoryMiB: 512 }],
  [["--slowdown", "16", "--memory", "4096"], { slowdown: 16, gatewayMemoryMiB: 4096 }],
])("`up %j` brings the machines to that make", async (args, make) => {
  expect(await up.run(args)).toBe(0);
  expect(bringUpMock).toHaveBeenCalledWith(expect.anything(), make);
});

test.each([
  [["--slowdown", "0"], "--slowdown 0: a number from 1 to 16"],
  [["--slowdown", "17"], "--slowdown 17: a number from 1 to 16"],
  [["--slowdown", "1.5"], "--slowdown 1.5: a whole number"],
  [["--memory", "256"], "--memory 256: a number from 512 to 4096"],
  [["--memory", "8192"], "--memory 8192: a number from 512 to 4096"],
])("`up %j` is refused before anything is touched", async (args, said) => {
  await expect(up.run(args)).rejects.toThrow(UsageError);
  await expect(up.run(args)).rejects.toThrow(said);
  expect(bringUpMock).not.toHaveBeenCalled();
});
