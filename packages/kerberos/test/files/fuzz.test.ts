import { describe, expect, it } from "vitest";
import { KerberosError } from "../../src/errors.ts";
import {
  encodeCredentialCache,
  encodeKeytab,
  parseCredentialCache,
  parseKeytab,
  parseKrb5Conf,
} from "../../src/index.ts";
import { mutate, seeded } from "../support/mutations.ts";
import { sampleCache, sampleKeytab } from "./samples.ts";

const conf = `[libdefaults]
  default_realm = LAB.TEST
  q = "a\\nb"
[realms]
  LAB.TEST = {
    kdc = dc1.lab.test
    s* = {
      t = 1
    }*
  }
[domain_realm]*
  .lab.test = LAB.TEST
`;
const keytab = encodeKeytab(sampleKeytab);
const native = Uint8Array.from(keytab, (octet, index) => (index === 1 ? 1 : octet));
const version3 = encodeCredentialCache(sampleCache, 3);
const version4 = encodeCredentialCache(sampleCache);

/** Mutations of each seed; `WAYBILL_FUZZ_RUNS` for more. */
const rounds = Number(process.env.WAYBILL_FUZZ_RUNS ?? 100_000);

describe("mutated files give a value or a KerberosError with an offset, nothing else", () => {
  it.each<[string, Uint8Array, (bytes: Uint8Array) => unknown]>([
    ["keytab 0x502", keytab, parseKeytab],
    ["keytab 0x501", native, parseKeytab],
    ["ccache 3", version3, parseCredentialCache],
    ["ccache 4", version4, parseCredentialCache],
    ["krb5.conf", Buffer.from(conf), (bytes) => parseKrb5Conf(Buffer.from(bytes).toString("latin1"))],
  ])("%s", { timeout: 120_000 }, (_, seed, parse) => {
    const next = seeded(0x5eed);
    let refused = 0;
    for (let round = 0; round < rounds; round++) {
      const bytes = mutate(seed, next);
      try {
        parse(bytes);
      } catch (error) {
        if (!(error instanceof KerberosError) || typeof error.facts.offset !== "number") {
          throw new Error(`round ${round}: ${Buffer.from(bytes).toString("hex")}`, { cause: error });
        }
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(rounds / 20);
  });
});
