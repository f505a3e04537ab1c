import { join } from "node:path";
import { toHex } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  entriesFromPassword,
  findKeys,
  formatEncType,
  formatPrincipal,
  mergeKeytabs,
  newestKvno,
  parsePrincipal,
  readKeytab,
  stringToKey,
  writeKeytab,
} from "../../src/index.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { run } from "../support/processes.ts";
import { epoch, sampleKeytab } from "./samples.ts";

let realm: MitRealm;
beforeAll(async () => {
  realm = await MitRealm.start({
    config: "supported_enctypes = aes256-cts:normal aes128-cts:normal aes256-sha2:normal",
    principals: [
      { name: "alice", password: "alice-password", attributes: "+requires_preauth" },
      { name: "host/kvm01.mit.test" },
    ],
  });
});
afterAll(() => realm.stop());

const host = parsePrincipal("host/kvm01.mit.test@MIT.TEST");
const alice = parsePrincipal("alice@MIT.TEST");

describe("keytabs and MIT's programs", () => {
  it("klist shows every entry of a keytab we write", async () => {
    const path = join(realm.directory, "ours");
    await writeKeytab(path, sampleKeytab);
    const shown = await run("klist", ["-e", "-K", "-k", path], { env: realm.env });
    for (const { principal, kvno, key } of sampleKeytab.entries) {
      const enctype = key.keytype === 23 ? "DEPRECATED:arcfour-hmac" : formatEncType(key.keytype);
      const line = `${kvno} ${formatPrincipal(principal, { display: true })} (${enctype})  (0x${toHex(key.keyvalue)})`;
      expect(unescaped(shown)).toContain(line);
    }
  });

  it("we read what kadmin exports, and find the newest of two versions", async () => {
    const path = join(realm.directory, "exported");
    await realm.kadmin(`ktadd -k ${path} host/kvm01.mit.test`);
    const first = newestKvno(await readKeytab(path), host);
    await realm.kadmin(`ktadd -k ${path} host/kvm01.mit.test`);
    const keytab = await readKeytab(path);
    expect(newestKvno(keytab, host)).toBe((first ?? 0) + 1);
    expect(findKeys(keytab, { principal: host }).map((entry) => entry.key.keytype)).toEqual([
      18, 17, 20, 18, 17, 20,
    ]);
  });

  it("ktutil makes the keys we make of the same password and salt", async () => {
    const path = join(realm.directory, "ktutil");
    const lines = ["aes256-cts", "aes128-cts", "aes256-sha2", "aes128-sha2"].flatMap((name) => [
      `addent -password -p ${formatPrincipal(alice)} -k 7 -e ${name} -s "LAB.TESTalice"`,
      "secret",
    ]);
    await run("ktutil", [], { env: realm.env, input: [...lines, `wkt ${path}`, "quit", ""].join("\n") });
    const { entries } = await readKeytab(path);
    expect(entries.map(({ kvno, key }) => ({ kvno, key }))).toEqual(
      [18, 17, 20, 19].map((etype) => ({ kvno: 7, key: stringToKey(etype, "secret", "LAB.TESTalice") })),
    );
  });

  it("we read a keytab from which ktutil and kadmin deleted entries", async () => {
    const path = join(realm.directory, "holes");
    await writeKeytab(path, {
      entries: [1, 2, 3].flatMap((kvno) =>
        [18, 17].map((etype) => ({
          principal: host,
          kvno,
          key: stringToKey(etype, "x", `${kvno}`),
          timestamp: epoch,
        })),
      ),
    });
    await realm.kadmin(`ktremove -k ${path} host/kvm01.mit.test 2`);
    const { entries } = await readKeytab(path);
    expect(entries.map((entry) => entry.kvno)).toEqual([1, 1, 3, 3]);
  });

  it("kinit logs in with a keytab we made of a password, merged into another", async () => {
    const path = join(realm.directory, "login");
    const entries = entriesFromPassword({
      principals: [alice],
      password: "alice-password",
      kvno: 1,
      account: { kind: "principal" },
      timestamp: epoch,
    });
    await writeKeytab(path, mergeKeytabs(sampleKeytab, { entries }));
    const cache = join(realm.directory, "cc-login");
    await run("kinit", ["-k", "-t", path, "-c", cache, "alice"], { env: realm.env });
    expect(await run("klist", ["-c", cache], { env: realm.env })).toContain("krbtgt/MIT.TEST@MIT.TEST");
  });
});

/** klist quotes the spaces of a name. */
function unescaped(text: string): string {
  return text.replaceAll("\\ ", " ");
}
