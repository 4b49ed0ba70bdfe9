import * as fc from "fast-check";
import { greatCircleKm, rttFloorMs } from "../../../providers/probes/physics";

const losAngeles = { latitude: 34.0522, longitude: -118.2437 };
const singapore = { latitude: 1.3521, longitude: 103.8198 };

const place = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
});

test("Los Angeles to Singapore: 14,121 km, 94.2 ms in vacuum, 138 ms in fibre", () => {
  const floor = rttFloorMs(losAngeles, singapore);
  expect(floor.distanceKm).toBeCloseTo(14_121, -1);
  expect(floor.vacuum).toBeCloseTo(94.2, 1);
  expect(floor.fibre).toBeCloseTo(138.3, 1);
});

test("a quarter of a meridian is 10,008 km, and antipodes are half the circumference apart", () => {
  expect(greatCircleKm({ latitude: 0, longitude: 0 }, { latitude: 90, longitude: 0 })).toBeCloseTo(
    10_007.6,
    0,
  );
  expect(greatCircleKm({ latitude: 0, longitude: 0 }, { latitude: 0, longitude: 180 })).toBeCloseTo(
    20_015.1,
    0,
  );
});

test("the distance is symmetric, never negative, never above half the circumference, and never NaN", () => {
  fc.assert(
    fc.property(place, place, (a, b) => {
      const there = greatCircleKm(a, b);
      expect(there).toBeGreaterThanOrEqual(0);
      expect(there).toBeLessThanOrEqual(20_015.2);
      expect(greatCircleKm(b, a)).toBeCloseTo(there, 6);
    }),
  );
});

test("the same place has no floor", () => {
  expect(rttFloorMs(singapore, singapore)).toEqual({ vacuum: 0, fibre: 0, distanceKm: 0 });
});
