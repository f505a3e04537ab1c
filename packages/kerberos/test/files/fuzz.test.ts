import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { concatBytes } from "@waybill/base";
import { describe, expect, it } from "vitest";
import { KerberosError } from "../../src/errors.ts";
import { ByteReader } from "../../src/files/byte-reader.ts";
import { ByteWriter } from "../../src/files/byte-writer.ts";
import {
  encodeCachePrincipal,
  parseCacheCredential,
  parseCachePrincipal,
} from "../../src/files/ccache-format.ts";
import {
  defaultEncTypes,
  encodeCredentialCache,
  encodeKeytab,
  openCredentialCache,
  parseCredentialCache,
  parseEncTypeList,
  parseKeytab,
  parseKrb5Conf,
} from "../../src/index.ts";
import { storm, stormAsync, stormTimeout } from "../support/storm.ts";
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

describe("mutated files give a value or a KerberosError with an offset, nothing else", () => {
  it.each<[string, Uint8Array, (bytes: Uint8Array) => unknown]>([
    ["keytab 0x502", keytab, parseKeytab],
    ["keytab 0x501", native, parseKeytab],
    ["ccache 3", version3, parseCredentialCache],
    ["ccache 4", version4, parseCredentialCache],
    ["krb5.conf", Buffer.from(conf), (bytes) => parseKrb5Conf(Buffer.from(bytes).toString("latin1"))],
  ])("%s", { timeout: stormTimeout }, (_, seed, parse) => {
    storm([seed], (bytes) => {
      try {
        parse(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(KerberosError);
        expect((error as KerberosError).facts.offset).toBeTypeOf("number");
        throw error;
      }
    });
  });

  it("encryption type lists", { timeout: stormTimeout }, () => {
    const lists = ["aes256-cts, aes128-cts -rc4 +DEFAULT", "aes rc4 des3-cbc-sha1"].map((text) =>
      Buffer.from(text),
    );
    const read = (bytes: Uint8Array) =>
      parseEncTypeList(Buffer.from(bytes).toString("latin1"), defaultEncTypes);
    storm(lists, read, { leastRefused: 0 });
  });
});

describe("mutated answers of a KCM daemon", () => {
  const what = { code: "KCM_FAILED", what: "the KCM reply" };
  const principal = new ByteWriter();
  encodeCachePrincipal(principal, sampleCache.principal);
  const principalBytes = principal.finish();
  // What stands behind a cache's header and principal is its credentials; the daemon sends them one by one.
  const one = encodeCredentialCache({
    ...sampleCache,
    credentials: sampleCache.credentials.slice(0, 1),
    config: [],
  });
  const none = encodeCredentialCache({ ...sampleCache, credentials: [], config: [] });
  const credential = one.subarray(none.length);

  it("principals and credentials", { timeout: stormTimeout }, () => {
    storm([principalBytes], (bytes) => parseCachePrincipal(new ByteReader(bytes, what)));
    storm([credential], (bytes) => parseCacheCredential(new ByteReader(bytes, what), 4));
  });

  it("whole conversations, frames included", { timeout: stormTimeout }, async () => {
    const directory = await mkdtemp(join(tmpdir(), "waybill-kcm-"));
    const socket = join(directory, "kcm");
    const frame = (body: Uint8Array) =>
      new ByteWriter()
        .uint32(body.length + 4)
        .uint32(0)
        .uint32(0)
        .bytes(body)
        .finish();
    const seed = concatBytes(
      frame(Buffer.from("default\0")),
      frame(principalBytes),
      frame(new Uint8Array(16)),
      frame(credential),
      frame(new Uint8Array(4)),
    );
    let answers = seed;
    // Everything at once and the end: what is missing is missing for good.
    const daemon = createServer((peer) => {
      peer.on("error", () => {});
      peer.once("data", () => peer.end(answers));
    });
    await new Promise<void>((resolve) => daemon.listen(socket, resolve));
    try {
      expect((await openCredentialCache("KCM:", { kcmSocket: socket }).read()).credentials).toHaveLength(1);
      const read = async (bytes: Uint8Array) => {
        answers = bytes;
        return await openCredentialCache("KCM:", { kcmSocket: socket }).read();
      };
      await stormAsync([seed], read);
    } finally {
      daemon.close();
      await rm(directory, { recursive: true });
    }
  });
});
