import { cryptoProfileNames, cryptoProfiles } from "../../components/link/ipsec/profiles";
import type { SettingsRule } from "../rule";

const strong = cryptoProfileNames.filter((name) => !cryptoProfiles[name].weak);

/** The settings let weak algorithms pass with an acknowledgement. Production has none. */
export const cryptoIsStrong: SettingsRule = {
  name: "no-legacy-crypto",
  description: "In production, the link's algorithms aren't weak, acknowledged or not.",
  check: ({ link }, { production }) =>
    production && cryptoProfiles[link.ipsec.profile].weak
      ? [
          `crossborder:link.ipsec.profile is ${link.ipsec.profile}, whose algorithms are weak; ` +
            `in production it must be one of ${strong.join(", ")}, whatever acknowledgeWeakCrypto says.`,
        ]
      : [],
};
