import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of one test file, and OpenSSL at work in it: what hosts have, and the judge of what we issue. */
export class Workshop {
  readonly directory = mkdtempSync(join(tmpdir(), "crossborder-pki-"));

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  write(name: string, content: string): string {
    writeFileSync(join(this.directory, name), content);
    return name;
  }

  openssl(...args: string[]): string {
    return execFileSync("openssl", args, { cwd: this.directory, encoding: "utf8", stdio: "pipe" });
  }

  /** A request for a new key. @param algorithm Options of `openssl genpkey`. @default P-256 */
  request(algorithm = ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], ...options: string[]): string {
    this.openssl("genpkey", "-algorithm", ...algorithm, "-out", "key.pem");
    return this.requestAgain(...options);
  }

  /** Another request for the same key. */
  requestAgain(...options: string[]): string {
    return this.openssl("req", "-new", "-key", "key.pem", "-subj", "/CN=whoever", ...options);
  }

  /** What `openssl verify` finds wrong with a leaf, as a peer that trusts these authorities sees it at a time. */
  verify(authorities: string, leaf: string, name: string, at: Date): string {
    this.write("authorities.pem", authorities);
    this.write("leaf.pem", leaf);
    const seconds = String(Math.floor(at.getTime() / 1000));
    const judge = (purpose: string) =>
      spawnSync(
        "openssl",
        ["verify", "-x509_strict", "-attime", seconds, "-purpose", purpose, "-verify_hostname", name].concat([
          "-CAfile",
          "authorities.pem",
          "leaf.pem",
        ]),
        { cwd: this.directory, encoding: "utf8" },
      );
    return ["sslserver", "sslclient"]
      .map(judge)
      .map(({ status, stderr }) => (status === 0 ? "" : stderr))
      .join("");
  }

  /** A certificate in words. */
  text(certificate: string): string {
    this.write("certificate.pem", certificate);
    return this.openssl("x509", "-in", "certificate.pem", "-noout", "-text");
  }
}

/** The value below a heading of `openssl x509 -text`. */
export function below(text: string, heading: string): string | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  const index = lines.findIndex((line) => line.startsWith(heading));
  return index < 0 ? undefined : lines[index + 1];
}

export const NOW = new Date("2026-01-15T12:00:00.500Z");

/** A time so many days after NOW. */
export function daysLater(days: number): Date {
  return new Date(NOW.getTime() + days * 86_400_000);
}
