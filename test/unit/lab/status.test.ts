import { type LabStatus, type MachineStatus, renderMachines, stuckDevices } from "../../../lab/status";

test("a device whose queues the kernel found stuck is named with how often; others are not", () => {
  const counts = `/sys/class/net/eth1/queues/tx-0/tx_timeout:12
/sys/class/net/eth2/queues/tx-0/tx_timeout:1
/sys/class/net/eth2/queues/tx-1/tx_timeout:2
`;
  expect(stuckDevices(counts)).toEqual({ eth1: 12, eth2: 3 });
  expect(stuckDevices("")).toEqual({});
});

test("the machines' time is spoken of when it is slowed", () => {
  const up: MachineStatus = { state: "up", port: 2200, memoryMiB: 700, stuck: {} };
  const found: LabStatus = {
    link: { state: "absent" },
    ...{ backup: null, ha: null, postgres: null, ocean: null, faults: [] },
    machines: { la: up, sg: up, wan: up },
    slowdown: 4,
  };
  expect(renderMachines(found)).toMatch(/^ {2}time {8}runs 4 times slower in the machines$/m);
  expect(renderMachines({ ...found, slowdown: 1 })).not.toContain("time");
});
