import { isIPv4 } from "node:net";
import type { TextRule } from "./field-reader.ts";

const matching = (pattern: RegExp, needs: string): TextRule => ({
  needs,
  test: (value) => pattern.test(value),
});

/** What text may look like before any of it comes near QEMU's command line. */
export const textRules = {
  name: matching(
    /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
    "letters, digits, '.', '_', '-' (at most 63) are needed",
  ),
  id: matching(/^[a-z][a-z0-9-]{0,31}$/, "a lower-case identifier is needed"),
  uuid: matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "a lower-case UUID is needed"),
  machine: matching(/^[a-z0-9][a-z0-9._-]{0,47}$/, "a machine type is needed"),
  cpuModel: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a CPU model is needed"),
  cpuFeature: matching(/^[+-][a-z0-9][a-z0-9._-]{0,31}$/, "a CPU feature is needed, as +name or -name"),
  mac: matching(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/, "a unicast MAC address in lower case is needed"),
  interface: matching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/, "an interface name is needed"),
  serial: matching(/^[A-Za-z0-9_.+-]{1,20}$/, "a serial number of at most 20 letters and digits is needed"),
  ipv4: { needs: "an IPv4 address is needed", test: (value) => isIPv4(value) },
  path: {
    needs: "an absolute path without '..' and control characters is needed",
    test: (value) =>
      value.startsWith("/") &&
      value.length <= 4095 &&
      !hasControlCharacters(value) &&
      !value.split("/").includes(".."),
  },
  commandLine: {
    needs: "a kernel command line of at most 2047 printable characters is needed",
    test: (value) => value.length <= 2047 && !hasControlCharacters(value),
  },
} as const satisfies Record<string, TextRule>;

export function hasControlCharacters(value: string): boolean {
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x20 || unit === 0x7f) return true;
  }
  // An unpaired surrogate would become a different file name on its way out.
  return /\p{Surrogate}/u.test(value);
}
