import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { debianSources } from "../../../lab/image/apt";

let etc: string;
beforeEach(() => {
  etc = mkdtempSync(path.join(tmpdir(), "apt-"));
  mkdirSync(path.join(etc, "sources.list.d"));
});
afterEach(() => rmSync(etc, { recursive: true }));

const put = (name: string, content: string): void => writeFileSync(path.join(etc, name), content);

describe("the image's sources of packages", () => {
  it("are this machine's own mirrors of the release, in either format, without other vendors' repositories", () => {
    put(
      "sources.list",
      "deb [signed-by=/k.gpg] https://mirror.example/debian bookworm main contrib\n# deb http://x bookworm main\ndeb-src http://mirror.example/debian bookworm main\n",
    );
    put("sources.list.d/vendor.list", "deb https://vendor.example/apt stable main\n");
    put(
      "sources.list.d/debian.sources",
      "Types: deb\n# a comment\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n\nTypes: deb\nURIs: http://vendor.example\nSuites: nodistro\nComponents: main\n",
    );
    put("sources.list.d/old.sources.disabled", "Types: deb\nURIs: x\nSuites: bookworm\nComponents: main\n");
    expect(debianSources(etc)).toEqual({
      list: "deb [signed-by=/k.gpg] https://mirror.example/debian bookworm main contrib\n",
      deb822:
        "Types: deb\nURIs: http://mirror.example/security\nSuites: bookworm-security\nComponents: main\n",
    });
  });

  it("leave out what is switched off", () => {
    put(
      "sources.list.d/a.sources",
      "Types: deb\nURIs: http://a\nSuites: bookworm\nComponents: main\nEnabled: no\n",
    );
    expect(debianSources(etc).deb822).not.toContain("http://a\n");
  });

  it("are Debian's public mirrors where this machine has none", () => {
    put("sources.list", "deb http://ubuntu.example/ubuntu noble main\n");
    expect(debianSources(etc)).toMatchObject({ list: "", deb822: expect.stringContaining("deb.debian.org") });
  });
});
