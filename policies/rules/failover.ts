import { group, isAbsent, shown, UNKNOWN } from "../inputs";
import { called, type ResourceRule } from "../rule";

/** Names in Cloud DNS whose answers depend on a policy. */
const TYPE = "gcp:dns/recordSet:RecordSet";

export const usersFailOver: ResourceRule = {
  name: "users-fail-over",
  description: "In production, a name that routes users has a health check and no geofence.",
  check: (resource, { production }) => {
    const policy = resource.inputs["routingPolicy"];
    if (!production || resource.type !== TYPE || isAbsent(policy) || policy === UNKNOWN) return [];
    const { healthCheck, enableGeoFencing } = group(policy);
    const fenced = enableGeoFencing === true;
    return [
      ...(isAbsent(healthCheck)
        ? [
            `${called(resource)}: routingPolicy.healthCheck is left out; in production it must be a health check: ` +
              "users would be sent to a site that is dead.",
          ]
        : []),
      ...(fenced
        ? [
            `${called(resource)}: routingPolicy.enableGeoFencing is ${shown(enableGeoFencing)}; in production it must be false: ` +
              "users of a site that is dead would be left with it.",
          ]
        : []),
    ];
  },
};
