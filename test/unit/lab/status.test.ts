import { stuckDevices } from "../../../lab/status";

test("a device whose queues the kernel found stuck is named with how often; others are not", () => {
  const counts = `/sys/class/net/eth1/queues/tx-0/tx_timeout:12
/sys/class/net/eth2/queues/tx-0/tx_timeout:1
/sys/class/net/eth2/queues/tx-1/tx_timeout:2
`;
  expect(stuckDevices(counts)).toEqual({ eth1: 12, eth2: 3 });
  expect(stuckDevices("")).toEqual({});
});
