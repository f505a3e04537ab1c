import { VirtualClock } from "@waybill/base";
import { beforeEach, describe, expect, test } from "vitest";
import {
  type Credential,
  KerberosClient,
  KerberosError,
  type Principal,
  parsePrincipal,
  stringToKey,
  TicketFlags,
} from "../../src/index.ts";
import { mutate, seeded } from "../support/mutations.ts";
import { stormRounds, stormTimeout } from "../support/storm.ts";
import { type Draft, inMemory, TinyKdc } from "../support/tiny-kdc.ts";

const clock = new VirtualClock();
const alice = parsePrincipal("alice@LAB.TEST");
const service = parsePrincipal("host/kvm01@LAB.TEST");
const mallory = { nameType: 1, nameString: ["mallory"] };
let kdc: TinyKdc;
let client: KerberosClient;

beforeEach(() => {
  kdc = new TinyKdc("LAB.TEST", clock);
  kdc.accounts.set("alice", "pw").set("host/kvm01", "pw").set("cifs/kvm02", "pw");
  client = new KerberosClient({ transport: inMemory(kdc), clock });
});

const login = (principal: Principal = alice) => client.login({ principal, password: "pw" });

/** Each is a lie a KDC, or somebody in its place, could tell. */
const lies: [string, (draft: Draft) => void][] = [
  ["another nonce", ({ enc }) => (enc.nonce ^= 1)],
  ["another client", ({ rep }) => (rep.cname = mallory)],
  ["another client realm", ({ rep }) => (rep.crealm = "EVIL.TEST")],
  ["another service in the ticket", ({ rep }) => (rep.ticket = { ...rep.ticket, sname: mallory })],
  ["a ticket of another realm", ({ rep }) => (rep.ticket = { ...rep.ticket, realm: "EVIL.TEST" })],
  ["another service in the sealed part", ({ enc }) => (enc.sname = mallory)],
  ["another message type", ({ rep }) => (rep.msgType = 15)],
  ["another protocol version", ({ rep }) => (rep.pvno = 4)],
  ["a ticket that ends before it begins", ({ enc }) => (enc.starttime = enc.endtime + 1000)],
  ["a life longer than asked for", ({ enc }) => (enc.endtime = Date.UTC(2100, 0, 1))],
];

describe("replies that do not fit the request (RFC 4120 3.1.5, 3.3.4)", () => {
  test.each(lies)("AS-REP with %s", async (_lie, tamper) => {
    kdc.tamper = tamper;
    await expect(login()).rejects.toMatchObject({ code: "KDC_REPLY_MODIFIED" });
  });

  test.each(lies)("TGS-REP with %s", async (_lie, tamper) => {
    const tgt = await login();
    kdc.tamper = tamper;
    await expect(client.getTicket({ tgt, server: service })).rejects.toMatchObject({
      code: "KDC_REPLY_MODIFIED",
    });
    expect(client.cache.size).toBe(0);
  });

  test("TGS-REP with a session key of a type nobody asked for", async () => {
    const tgt = await login();
    kdc.tamper = ({ enc }) => (enc.key = { keytype: 23, keyvalue: new Uint8Array(16) });
    await expect(client.getTicket({ tgt, server: service })).rejects.toMatchObject({
      code: "KDC_REPLY_MODIFIED",
    });
  });
});

describe("the request's checksum in the reply (RFC 6806 11)", () => {
  test("promised by the flag and left out", async () => {
    kdc.tamper = ({ enc }) => (enc.encryptedPaData = []);
    await expect(login()).rejects.toMatchObject({ code: "KDC_REPLY_MODIFIED" });
  });

  test("made over another request", async () => {
    const realHandle = kdc.handle.bind(kdc);
    // Somebody in the middle takes the last byte's etype out of the list of what may be used.
    kdc.handle = (request) => {
      const changed = new Uint8Array(request);
      const last = changed.length - 1;
      changed[last] = changed[last] === 19 ? 18 : (changed[last] ?? 0);
      return realHandle(changed);
    };
    await expect(login()).rejects.toMatchObject({ code: "KDC_REPLY_MODIFIED" });
  });

  test("a KDC that does not know it need not send it", async () => {
    kdc.tamper = ({ enc }) => {
      enc.flags = (enc.flags & ~TicketFlags.encPaRep) >>> 0;
      enc.encryptedPaData = undefined;
    };
    expect((await login()).client).toMatchObject({ components: ["alice"] });
  });
});

describe("clock skew", () => {
  test.each([-7_200_000, 7_200_000])(
    "a client %i ms off takes the KDC's time, for TGS requests too",
    async (offset) => {
      const skewed = new KerberosClient({
        transport: inMemory(kdc),
        clock: { now: () => clock.now() + offset },
      });
      const tgt = await skewed.login({ principal: alice, password: "pw" });
      expect(tgt.authTime).toBe(clock.now());
      const ticket = await skewed.getTicket({ tgt, server: service });
      expect(await skewed.getTicket({ tgt, server: service })).toBe(ticket);
    },
  );
});

describe("mutated replies", () => {
  /** A ticket or a KerberosError, round after round. */
  async function storm(rounds: number, attempt: (round: number) => Promise<Credential>): Promise<void> {
    const { stackTraceLimit } = Error;
    // Most rounds throw, and the stack is what costs.
    Error.stackTraceLimit = 0;
    let tickets = 0;
    try {
      for (let round = 0; round < rounds; round++) {
        try {
          await attempt(round);
          tickets++;
        } catch (error) {
          if (!(error instanceof KerberosError)) throw error;
        }
      }
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
    expect(tickets).toBeGreaterThan(0);
    expect(tickets).toBeLessThan(rounds / 4);
  }

  test("every one is a ticket or a KerberosError, also when the mutation is sealed", {
    timeout: stormTimeout,
  }, async () => {
    const next = seeded(0x5eed);
    const keys = [stringToKey(18, "pw", "LAB.TESTalice")];
    const tgt = await login();
    const realHandle = kdc.handle.bind(kdc);
    await storm(stormRounds, (round) => {
      const whole = round % 4 < 2;
      kdc.handle = whole ? (request) => mutate(realHandle(request), next) : realHandle;
      kdc.garble = whole ? (part) => part : (part) => mutate(part, next);
      return round % 2 === 0
        ? client.login({ principal: alice, keys })
        : client.getTicket({ tgt, server: service }, { fresh: true });
    });
  });

  // Passwords are slow on purpose, and mutated hints make each a new one.
  test("so is what is said to one who has a password", { timeout: stormTimeout }, async () => {
    const next = seeded(0x5eed);
    const realHandle = kdc.handle.bind(kdc);
    kdc.handle = (request) => mutate(realHandle(request), next);
    await storm(Math.ceil(stormRounds / 100), () => login());
  });
});

describe("what is learned from errors nobody signed", () => {
  test("a false clock in an error is forgotten when the login fails", async () => {
    const realHandle = kdc.handle.bind(kdc);
    const future = { now: () => clock.now() + 86_400_000 };
    const liar = new TinyKdc("LAB.TEST", future);
    liar.accounts.set("alice", "other");
    const tgt = await login();
    kdc.handle = (request) => liar.handle(request);
    await expect(login()).rejects.toMatchObject({ code: "KDC_ERR_PREAUTH_FAILED" });
    kdc.handle = realHandle;
    expect((await client.getTicket({ tgt, server: service })).server).toMatchObject({
      components: ["host", "kvm01"],
    });
  });

  test("a ticket from elsewhere works with a clock that is wrong: the KDC's counts", async () => {
    const tgt = await login();
    const slow = new KerberosClient({
      transport: inMemory(kdc),
      clock: { now: () => clock.now() - 7_200_000 },
    });
    expect((await slow.getTicket({ tgt, server: service })).client).toMatchObject({ components: ["alice"] });
  });
});

describe("the log", () => {
  test("tells proof, tickets and refusals, and never a secret", async () => {
    const lines: string[] = [];
    const write = (event: string, facts: unknown): void =>
      void lines.push(`${event} ${JSON.stringify(facts)}`);
    const log = { debug: write, info: write, warn: write, error: write };
    const talking = new KerberosClient({ transport: inMemory(kdc), clock, log });
    const tgt = await talking
      .login({ principal: alice, password: "pw-that-nobody-may-see" })
      .catch(() => login());
    await talking.getTicket({ tgt, server: service });
    await talking.getTicket({ tgt, server: parsePrincipal("no/such@LAB.TEST") }).catch(() => {});
    const text = lines.join("\n");
    expect(lines.map((line) => line.split(" ")[0])).toEqual([
      "kerberos.proof",
      "kerberos.ticket",
      "kerberos.refused",
    ]);
    expect(text).not.toContain("pw-that-nobody-may-see");
    expect(text).not.toContain(Buffer.from(tgt.key.keyvalue).toString("hex"));
  });
});
