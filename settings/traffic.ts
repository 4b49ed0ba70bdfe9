import { z } from "zod";
import { name, oneOf, text, whole } from "./fields";
import { PROJECT, PROJECT_ID } from "./gcp";

const ZONE = "the name of a public managed zone of Cloud DNS, such as example-com";
const NAME = "a DNS name in lower case, without a dot at its end, such as app.example.com";
const LOCATION = "a region of Google Cloud such as asia-southeast1";
const PATH = "a path that starts with /";

const matching = (allowed: string, pattern: RegExp) => text(allowed).regex(pattern, { error: allowed });

const check = z.strictObject({
  protocol: oneOf(["tcp", "http", "https"])
    .default("tcp")
    .describe(
      "What a check does at `port`: connect, or ask and be answered 200. Certificates aren't looked at.",
    ),
  path: matching(PATH, /^\/[!-~]{0,1023}$/)
    .optional()
    .describe("What is asked for by `http` and `https`. Without it: `/`."),
  // Google checks addresses on the Internet no more often.
  intervalSeconds: whole(30, 300, "seconds")
    .default(30)
    .describe("Time between two checks of one prober. Two that fail in a row take a site out."),
});

/** The name that users know. Cloud DNS sends each of them to a site that is well. */
export const traffic = z.strictObject({
  project: matching(PROJECT, PROJECT_ID)
    .optional()
    .describe("Google Cloud project of the zone. Without it: that of the first site made on Google Cloud."),
  zone: matching(ZONE, /^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/).describe(
    "Name of the public managed zone, which exists; the program makes none.",
  ),
  name: matching(
    NAME,
    /^(?=.{1,253}$)[a-z0-9_]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+$/,
  ).describe("The users' name, inside the zone. Its A record becomes the program's."),
  port: whole(1, 65535, "a TCP port")
    .default(443)
    .describe(
      "TCP port of the users' service, on each site's first gateway. It is open to everybody at both sites.",
    ),
  ttlSeconds: whole(5, 86400, "seconds")
    .default(60)
    .describe("How long resolvers keep an answer, and so how long users stay where they are."),
  locations: z
    .record(name("a site's name"), text(LOCATION), { error: "regions of Google Cloud by site" })
    .default({})
    .describe(
      "Where a site counts as standing: users go to the nearest. Without it: its region, or the one nearest to its `coordinates`.",
    ),
  split: z
    .record(name("a site's name"), whole(1, 1000, "shares"), { error: "shares by site" })
    .optional()
    .describe("Each site's share of the users, who are then sent by these alone and not by place."),
  drain: name("a site's name").optional().describe("Maintenance: no new users are sent to this site."),
  check: check.prefault({}).describe("How it is told whether a site is well."),
});
