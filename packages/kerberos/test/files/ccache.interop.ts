import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromUtf8, sleep } from "@waybill/base";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  type DirCache,
  decrypt,
  encodeCredentialCache,
  findKeys,
  formatPrincipal,
  fromCachedCredential,
  KeyUsage,
  openCredentialCache,
  parseCredentialCache,
  parsePrincipal,
  readKeytab,
  toCachedCredential,
} from "../../src/index.ts";
import { heimdalPrograms } from "../support/heimdal-programs.ts";
import { MitRealm } from "../support/mit-realm.ts";
import { run, startDaemon } from "../support/processes.ts";
import { sampleCache } from "./samples.ts";

let realm: MitRealm;
const tgs = "krbtgt/MIT.TEST@MIT.TEST";
const host = "host/kvm01.mit.test@MIT.TEST";
const services = Array.from({ length: 200 }, (_, index) => `HTTP/web${index}.mit.test@MIT.TEST`);
const login = (cache: string, name = "alice") =>
  run("kinit", ["-f", "-r", "7d", "-c", cache, name], { env: realm.env, input: `${name}-password\n` });
/** The same by Heimdal's programs. */
const heimdalRun = async (program: string, args: readonly string[], input = "") => {
  const { bin, lib } = await heimdalPrograms();
  return await run(join(bin, program), args, { env: { ...realm.env, LD_LIBRARY_PATH: lib }, input });
};
const heimdalLogin = (cache: string, name = "alice") =>
  heimdalRun("kinit.heimdal", ["--password-file=STDIN", "-c", cache, name], `${name}-password\n`);
const at = (name: string) => join(realm.directory, name);

/** Does each over and over at once, until it is enough or one fails; when it returns, all have ended. */
async function together(
  enough: () => boolean,
  works: readonly ((failed: AbortSignal) => Promise<void>)[],
): Promise<void> {
  const failed = new AbortController();
  await Promise.all(
    works.map(async (work) => {
      try {
        while (!failed.signal.aborted && !enough()) await work(failed.signal);
      } catch (error) {
        failed.abort(error);
      }
    }),
  );
  failed.signal.throwIfAborted();
}

beforeAll(async () => {
  realm = await MitRealm.start({
    principals: [
      { name: "alice", password: "alice-password", attributes: "+requires_preauth" },
      { name: "host/kvm01.mit.test" },
      ...services.map((name) => ({ name: name.replace("@MIT.TEST", "") })),
    ],
  });
  await realm.kadmin("addprinc -pw bob-password bob");
});
afterAll(() => realm.stop());

describe("FILE caches and MIT's programs", () => {
  it("we read what kinit and kvno leave, down to the ticket's session key", async () => {
    const cache = openCredentialCache(at("theirs"));
    await login(cache.name);
    await run("kvno", ["-c", cache.name, host], { env: realm.env });
    const contents = await cache.read();
    expect(formatPrincipal(contents.principal)).toBe("alice@MIT.TEST");
    expect(contents.credentials.map(({ server }) => formatPrincipal(server))).toEqual([tgs, host]);
    expect(contents.config.find(({ name }) => name === "fast_avail")).toMatchObject({ about: tgs });
    expect(fromUtf8(contents.config.find(({ name }) => name === "pa_type")!.value)).toBe("2");

    const [, cached] = contents.credentials;
    const credential = fromCachedCredential(cached!);
    await realm.kadmin(`ktadd -norandkey -k ${at("host.keytab")} host/kvm01.mit.test`);
    const keytab = await readKeytab(at("host.keytab"));
    const { encPart } = credential.ticket;
    const [entry] = findKeys(keytab, { kvno: encPart.kvno, etype: encPart.etype });
    const opened = decrypt(entry!.key, KeyUsage.ticket, encPart.cipher);
    expect(Buffer.from(opened).includes(Buffer.from(credential.key.keyvalue))).toBe(true);
    expect(toCachedCredential(credential)).toMatchObject({
      ticket: cached!.ticket,
      endTime: cached!.endTime,
    });
  });

  it("what we write again is the same, octet for octet, but for what was removed", async () => {
    await login(at("again"));
    const content = new Uint8Array(await readFile(at("again")));
    const contents = parseCredentialCache(content);
    expect(parseCredentialCache(encodeCredentialCache(contents))).toEqual(contents);
    expect(encodeCredentialCache(contents).length).toBe(content.length);
  });

  it.each([3, 4] as const)(
    "klist shows and kvno uses and extends a cache we write in version %i",
    async (version) => {
      await login(at("source"));
      const path = at(`ours-${version}`);
      const ours = openCredentialCache(path);
      await writeFile(path, encodeCredentialCache(await openCredentialCache(at("source")).read(), version), {
        mode: 0o600,
      });
      const shown = await run("klist", ["-e", "-f", "-C", "-c", path], { env: realm.env });
      expect(shown).toContain("Default principal: alice@MIT.TEST");
      expect(shown).toContain(`config: fast_avail(${tgs}) = yes`);
      expect(shown).toMatch(/renew until .*Flags: FRIA/s);
      await run("kvno", ["-c", path, host], { env: realm.env });
      const { credentials } = await ours.read();
      expect(credentials.map(({ server }) => formatPrincipal(server))).toEqual([tgs, host]);
      await ours.add({ ...credentials[1]!, server: parsePrincipal("cifs/kvm01.mit.test@MIT.TEST") });
      expect(await run("klist", ["-c", path], { env: realm.env })).toContain("cifs/kvm01.mit.test@MIT.TEST");
    },
  );

  it("klist shows the KDC's time offset, addresses and odd names of a cache we write", async () => {
    await openCredentialCache(at("sample")).write(sampleCache);
    const shown = await run("klist", ["-a", "-n", "-C", "-c", at("sample")], { env: realm.env });
    expect(shown).toContain("Addresses: 192.0.2.1");
    expect(shown).toContain("config: start_realm = LAB.TEST");
  });

  it("MIT's programs, Heimdal's and ours change one cache at once: no reader finds half of it, no ticket is lost", async () => {
    const cache = openCredentialCache(at("shared"));
    await login(cache.name);
    await run("kvno", ["-c", cache.name, host], { env: realm.env });
    const ticket = (await cache.read()).credentials[1]!;
    const theirs = services.slice(0, 40);
    const waiting = theirs.slice();
    const ours: string[] = [];
    let reads = 0;
    const addOne = async () => {
      const name = `cifs/ours-${ours.length}.mit.test@MIT.TEST`;
      ours.push(name);
      await cache.add({ ...ticket, server: parsePrincipal(name) });
    };
    const kvno = (service: string) => run("kvno", ["-q", "-c", cache.name, service], { env: realm.env });
    const kgetcred = (service: string) => heimdalRun("kgetcred", ["-c", cache.name, service]);
    const enough = () => waiting.length === 0 && ours.length >= 50 && reads >= 6;
    await together(enough, [
      addOne,
      addOne,
      ...[kvno, kvno, kgetcred].map((get) => async () => {
        const service = waiting.pop();
        if (service === undefined) await sleep(20);
        else await get(service);
      }),
      async () => {
        await run("klist", ["-c", cache.name], { env: realm.env });
        await cache.read();
        reads++;
      },
    ]);
    const there = (await cache.read()).credentials.map(({ server }) => formatPrincipal(server));
    expect([...ours, ...theirs].filter((name) => !there.includes(name))).toEqual([]);
    expect(there).toHaveLength(2 + ours.length + theirs.length);
    const shown = await run("klist", ["-c", cache.name], { env: realm.env });
    expect(ours.filter((name) => !shown.includes(name))).toEqual([]);
  });

  it.each([
    ["MIT's", login],
    ["Heimdal's", heimdalLogin],
  ])(
    "a login by %s kinit while we add tickets stays, and has what was added after it",
    async (whose, logIn) => {
      const cache = openCredentialCache(at(`relogin-${whose}`));
      await login(cache.name);
      await run("kvno", ["-c", cache.name, host], { env: realm.env });
      const ticket = (await cache.read()).credentials[1]!;
      const added: { readonly name: string; readonly begun: number }[] = [];
      let number = 0;
      let rounds = 0;
      const addOne = async () => {
        const name = `cifs/new-${number++}.mit.test@MIT.TEST`;
        const begun = performance.now();
        await cache.add({ ...ticket, server: parsePrincipal(name) });
        added.push({ name, begun });
      };
      const logInAndLook = async (failed: AbortSignal) => {
        const name = rounds % 2 === 0 ? "bob" : "alice";
        await logIn(cache.name, name);
        const loggedIn = performance.now();
        const since = () => added.filter(({ begun }) => begun > loggedIn);
        while (since().length < 3) await sleep(1, failed);
        const mustBeThere = since();
        const { principal, credentials } = await cache.read();
        expect(formatPrincipal(principal)).toBe(`${name}@MIT.TEST`);
        const there = credentials.map(({ server }) => formatPrincipal(server));
        expect(there).toEqual(expect.arrayContaining([tgs, ...mustBeThere.map((one) => one.name)]));
        const shown = await run("klist", ["-c", cache.name], { env: realm.env });
        expect(shown).toContain(`Default principal: ${name}@MIT.TEST`);
        rounds++;
      };
      await together(() => rounds >= 25, [addOne, addOne, logInAndLook]);
    },
  );

  it("kvno finds the ticket that we add behind one that has expired", async () => {
    const cache = openCredentialCache(at("expired"));
    await login(cache.name);
    await run("kvno", ["-c", cache.name, host], { env: realm.env });
    const contents = await cache.read();
    const ticket = contents.credentials[1]!;
    const expired = { ...ticket, authTime: 1000, startTime: 1000, endTime: 2000 };
    await cache.write({ ...contents, credentials: [contents.credentials[0]!, expired] });
    const cachedOnly = () => run("kvno", ["--cached-only", "-c", cache.name, host], { env: realm.env });
    await expect(cachedOnly()).rejects.toThrow();
    await cache.add(ticket);
    expect(await cachedOnly()).toContain("kvno = ");
    expect((await cache.read()).credentials.slice(1)).toEqual([ticket]);
  });

  it("a copy made while MIT appends is never torn for long", async () => {
    const cache = openCredentialCache(at("busy"));
    await login(cache.name);
    let asked = 0;
    let rounds = 0;
    const enough = () => asked >= 6 && rounds >= 40;
    await together(enough, [
      async () => {
        asked++;
        await run("kvno", ["-c", cache.name, host], { env: realm.env });
      },
      async () => {
        expect((await cache.read()).credentials.length).toBeGreaterThan(0);
        rounds++;
      },
    ]);
    await copyFile(at("busy"), at("copy"));
    expect(await run("klist", ["-c", at("copy")], { env: realm.env })).toContain(host);
  });
});

describe("DIR caches and MIT's programs", () => {
  it("we list what kinit makes, and klist follows the primary cache we choose", async () => {
    const name = `DIR:${at("collection")}`;
    const dir = openCredentialCache(name) as DirCache;
    const env = { ...realm.env, KRB5CCNAME: name };
    await dir.write(sampleCache);
    expect(await run("klist", [], { env })).toContain("Default principal: alice@LAB.TEST");
    await dir.destroy();
    for (const user of ["alice", "bob"]) {
      await run("kinit", [user], { env, input: `${user}-password\n` });
    }
    const caches = await dir.caches();
    const owners = await Promise.all(
      caches.map(async (cache) => formatPrincipal((await cache.read()).principal)),
    );
    expect(owners.sort()).toEqual(["alice@MIT.TEST", "bob@MIT.TEST"]);
    for (const cache of caches) {
      await dir.setPrimary(cache);
      const owner = formatPrincipal((await dir.read()).principal);
      expect(await run("klist", [], { env })).toContain(`Default principal: ${owner}`);
    }
  });
});

describe("KCM: Heimdal's daemon, filled by MIT's kinit", () => {
  it("is read by us", async () => {
    // The daemon listens in /run, whatever it is told: it gets a /run of its own.
    const command = `mount --bind ${realm.kcmDirectory} /run && exec /usr/sbin/kcm --no-name-constraints`;
    const args = ["--mount", "sh", "-c", command];
    const daemon = startDaemon("unshare", args, { env: realm.env, log: at("kcm.log") });
    try {
      const env = { ...realm.env, KRB5CCNAME: "KCM:" };
      const cache = openCredentialCache("KCM:", { kcmSocket: realm.kcmSocket });
      for (let attempt = 0; ; attempt++) {
        const code = await cache.read().then(
          () => "none",
          (error: { code: string }) => error.code,
        );
        if (code === "CCACHE_NOT_FOUND") break;
        if (attempt === 1200) throw new Error(`the KCM daemon does not answer: ${code}`);
        await sleep(50);
      }
      await run("kinit", ["alice"], { env, input: "alice-password\n" });
      await run("kvno", [host], { env });
      const contents = await cache.read();
      expect(formatPrincipal(contents.principal)).toBe("alice@MIT.TEST");
      expect(contents.credentials.map(({ server }) => formatPrincipal(server)).sort()).toEqual([host, tgs]);
      expect(contents.config.some(({ name }) => name === "fast_avail")).toBe(true);
      expect(fromCachedCredential(contents.credentials[0]!).ticket.realm).toBe("MIT.TEST");
      const missing = openCredentialCache("KCM:nobody", { kcmSocket: realm.kcmSocket });
      await expect(missing.read()).rejects.toMatchObject({ code: "CCACHE_NOT_FOUND" });
    } finally {
      await daemon.stop();
    }
  });
});
