import { describe, test } from "vitest";
import { decrypt, encrypt, randomKey, supportedEncTypes, verifyChecksum } from "../../src/crypto/index.ts";
import { storm, stormTimeout } from "../support/storm.ts";

describe("mutated ciphertexts and checksums", () => {
  test.each(supportedEncTypes.map(({ name, etype }) => [name, etype] as const))(
    "%s",
    { timeout: stormTimeout },
    (_, etype) => {
      const key = randomKey(etype);
      const seeds = [0, 1, 16, 40].map((length) => encrypt(key, 2, new Uint8Array(length)));
      storm(seeds, (bytes) => decrypt(key, 2, bytes), { leastRefused: 0.9 });
      const cksumtype = etype;
      storm(seeds, (checksum) => verifyChecksum(key, 6, checksum, { cksumtype, checksum }), {
        leastRefused: 0,
      });
    },
  );
});
