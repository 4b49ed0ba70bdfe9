import type { Coordinates } from "../../components/sites/site";

/** Speed of light in vacuum, km/s: exact, by the definition of the metre (SI). */
const SPEED_OF_LIGHT_KM_PER_S = 299_792.458;

/** Group index of refraction of standard single-mode fibre at 1,550 nm (ITU-T G.652 fibres lie between 1.462 and 1.469). */
const FIBRE_GROUP_INDEX = 1.468;

/** Mean radius of the Earth, km (IUGG R1). The sphere errs by at most 0.6 % from the ellipsoid. */
const EARTH_RADIUS_KM = 6371.0088;

/** The shortest round trips that physics allows between two places. */
export interface RttFloor {
  /** Round trip at the speed of light in vacuum, ms. Nothing is faster. */
  readonly vacuum: number;
  /** Round trip in fibre laid along the great circle, ms. Real cables are longer, so real paths are slower. */
  readonly fibre: number;
  /** Along the great circle, km. */
  readonly distanceKm: number;
}

function radians(degrees: number): number {
  return (degrees * Math.PI) / 180;
}

/** Length of the great circle between two places, km (haversine, which keeps its precision for near places). */
export function greatCircleKm(a: Coordinates, b: Coordinates): number {
  const halfLatitude = radians(b.latitude - a.latitude) / 2;
  const halfLongitude = radians(b.longitude - a.longitude) / 2;
  const haversine =
    Math.sin(halfLatitude) ** 2 +
    Math.cos(radians(a.latitude)) * Math.cos(radians(b.latitude)) * Math.sin(halfLongitude) ** 2;
  return 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(haversine)));
}

/** The floors under any round-trip budget between two places. */
export function rttFloorMs(a: Coordinates, b: Coordinates): RttFloor {
  const distanceKm = greatCircleKm(a, b);
  const vacuum = ((2 * distanceKm) / SPEED_OF_LIGHT_KM_PER_S) * 1000;
  return { vacuum, fibre: vacuum * FIBRE_GROUP_INDEX, distanceKm };
}
