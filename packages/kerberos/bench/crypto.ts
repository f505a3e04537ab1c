import { createCipheriv, createHmac } from "node:crypto";
import { pathToFileURL } from "node:url";
import { cbc } from "@noble/ciphers/aes.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256, sha384 } from "@noble/hashes/sha2.js";
import { systemRandom } from "@waybill/base";
import {
  checksum,
  decrypt,
  encrypt,
  enctypeInfo,
  formatEncType,
  randomKey,
  stringToKey,
} from "../src/crypto/index.ts";
import { independentTypes } from "../test/crypto/independent.ts";

/** One measurement: microseconds per call, the median of several rounds of each contender run by turns. */
export interface CryptoBenchRow {
  readonly operation: string;
  /** This package, the key object being used again. */
  readonly held: number;
  /** This package with a key object never seen before: everything is derived anew. */
  readonly fresh: number | undefined;
  /** The same work with a new node:crypto object for each call, derivation excluded. */
  readonly node: number | undefined;
  /** The same work on @noble/ciphers and @noble/hashes; for encryption, derivation excluded. */
  readonly noble: number | undefined;
}

interface Contenders {
  readonly operation: string;
  readonly held: () => unknown;
  readonly fresh?: () => unknown;
  readonly node?: () => unknown;
  readonly noble?: () => unknown;
}

export interface CryptoBenchOptions {
  /** How long each contender runs in each round, in milliseconds. Default: 20. */
  readonly slice?: number;
  /** Default: 9. */
  readonly rounds?: number;
}

/** Sealing and opening tickets, checksums and string-to-key, beside plain node:crypto and noble in one run. */
export function benchCrypto(options: CryptoBenchOptions = {}): readonly CryptoBenchRow[] {
  return [...sealing(), ...passwords()].map((contenders) => measure(contenders, options));
}

function sealing(): Contenders[] {
  const usage = 2;
  return [18, 20, 17, 19].flatMap((etype) => {
    const other = independentTypes.get(etype);
    if (other === undefined) return [];
    const key = randomKey(etype);
    const fresh = () => ({ ...key });
    return [200, 1500].flatMap((size): Contenders[] => {
      const plain = systemRandom.bytes(size);
      const sealed = encrypt(key, usage, plain);
      const name = `${formatEncType(etype)}, ${size} octets`;
      const hash = etype === 20 ? "sha384" : etype === 19 ? "sha256" : "sha1";
      return [
        {
          operation: `encrypt ${name}`,
          held: () => encrypt(key, usage, plain),
          fresh: () => encrypt(fresh(), usage, plain),
          node: () => nodeEncrypt(hash, key.keyvalue, plain),
          noble: () => nobleEncrypt(hash, key.keyvalue, plain),
        },
        {
          operation: `decrypt ${name}`,
          held: () => decrypt(key, usage, sealed),
          fresh: () => decrypt(fresh(), usage, sealed),
        },
        {
          operation: `checksum ${name}`,
          held: () => checksum(key, usage, plain),
          fresh: () => checksum(fresh(), usage, plain),
          noble: () => other.checksum(key.keyvalue, usage, plain),
        },
      ];
    });
  });
}

function passwords(): Contenders[] {
  return [18, 20].map((etype) => ({
    operation: `string-to-key ${formatEncType(etype)}, default iterations`,
    held: () => stringToKey(etype, "password", "LAB.TESTalice"),
    noble: () =>
      independentTypes
        .get(etype)
        ?.stringToKey("password", "LAB.TESTalice", enctypeInfo(etype).defaultIterations),
  }));
}

type HashName = "sha1" | "sha256" | "sha384";

/** What a plain implementation does for each message once it has the keys, ciphertext stealing left out. */
function nodeEncrypt(hash: HashName, key: Uint8Array, plain: Uint8Array): Uint8Array {
  const padded = withConfounder(plain);
  const cipher = createCipheriv(`aes-${key.length * 8}-cbc`, key, zeroVector).setAutoPadding(false);
  const mac = createHmac(hash, key).update(padded).digest();
  return Buffer.concat([cipher.update(padded), cipher.final(), mac.subarray(0, 12)]);
}

function nobleEncrypt(hash: HashName, key: Uint8Array, plain: Uint8Array): Uint8Array {
  const padded = withConfounder(plain);
  const mac = hmac(nobleHashes[hash], key, padded);
  return Buffer.concat([cbc(key, zeroVector, { disablePadding: true }).encrypt(padded), mac.subarray(0, 12)]);
}

const zeroVector = new Uint8Array(16);
const nobleHashes = { sha1, sha256, sha384 };

function withConfounder(plain: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((plain.length + 16) / 16) * 16);
  padded.set(systemRandom.bytes(16));
  padded.set(plain, 16);
  return padded;
}

function measure(contenders: Contenders, { slice = 20, rounds = 9 }: CryptoBenchOptions): CryptoBenchRow {
  const { operation, held, fresh, node, noble } = contenders;
  const works = [held, fresh, node, noble];
  const times: number[][] = works.map(() => []);
  // The first round warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [index, work] of works.entries()) {
      if (work !== undefined) times[index]?.push(timePerCall(work, slice));
    }
  }
  const [heldTime = 0, freshTime, nodeTime, nobleTime] = times.map((list) => median(list.slice(1)));
  return { operation, held: heldTime, fresh: freshTime, node: nodeTime, noble: nobleTime };
}

function timePerCall(work: () => unknown, slice: number): number {
  const start = performance.now();
  let calls = 0;
  let now = start;
  while (now - start < slice) {
    const batch = Math.max(1, Math.min(calls, 500));
    for (let index = 0; index < batch; index++) work();
    calls += batch;
    now = performance.now();
  }
  return ((now - start) * 1000) / calls;
}

function median(values: readonly number[]): number | undefined {
  return [...values].sort((left, right) => left - right)[values.length >> 1];
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const shown = (value: number | undefined): string =>
    (value === undefined ? "–" : value.toFixed(2)).padStart(10);
  process.stdout.write(`${"µs per call".padEnd(56)}      held     fresh      node     noble\n`);
  for (const { operation, held, fresh, node, noble } of benchCrypto()) {
    process.stdout.write(`${operation.padEnd(54)}${[held, fresh, node, noble].map(shown).join("")}\n`);
  }
}
