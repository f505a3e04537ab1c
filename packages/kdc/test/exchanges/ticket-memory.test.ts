import { type EncryptionKey, EncTicketPart, encrypt, KeyUsage, randomKey } from "@waybill/kerberos";
import { describe, expect, it } from "vitest";
import { TicketMemory } from "../../src/exchanges/ticket-memory.ts";

const name = { nameType: 1, nameString: ["alice"] };
const times = { authtime: 1_700_000_000_000, endtime: 1_700_036_000_000 };

function sealed(key: EncryptionKey): { readonly cipher: Uint8Array; readonly plain: Uint8Array } {
  const transited = { trType: 1, contents: new Uint8Array(0) };
  const plain = EncTicketPart.encode({
    flags: 0,
    key: randomKey(18),
    crealm: "LAB.TEST",
    cname: name,
    transited,
    ...times,
  });
  return { plain, cipher: encrypt(key, KeyUsage.ticket, plain) };
}

/** As when it is shown for the second time, which is when tickets begin to be kept. */
function openTwice(
  memory: TicketMemory,
  cipher: Uint8Array,
  plain: Uint8Array,
  key: EncryptionKey,
): ReturnType<TicketMemory["open"]> {
  memory.open(cipher, plain, key);
  return memory.open(cipher, plain, key);
}

describe("tickets opened lately", () => {
  const key = randomKey(18);

  it("are kept from the second time on", () => {
    const memory = new TicketMemory();
    const { cipher, plain } = sealed(key);
    expect(memory.open(cipher, plain, key).part.cname).toEqual(name);
    expect(memory.find(cipher, key)).toBeUndefined();
    memory.open(cipher, plain, key);
    expect(memory.find(cipher, key)?.part.cname).toEqual(name);
  });

  it("are found by their octets, as they were decoded", () => {
    const memory = new TicketMemory();
    const { cipher, plain } = sealed(key);
    expect(memory.find(cipher, key)).toBeUndefined();
    const opened = openTwice(memory, cipher, plain, key);
    expect(memory.find(Uint8Array.from(cipher), key)).toBe(opened);
  });

  it("are others with any octet changed, also one far from the end", () => {
    const memory = new TicketMemory();
    const { cipher, plain } = sealed(key);
    openTwice(memory, cipher, plain, key);
    for (const at of [0, 20, cipher.length - 13, cipher.length - 1]) {
      const changed = Uint8Array.from(cipher);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(memory.find(changed, key)).toBeUndefined();
    }
  });

  it("are forgotten with the key they were opened with", () => {
    const memory = new TicketMemory();
    const { cipher, plain } = sealed(key);
    openTwice(memory, cipher, plain, key);
    expect(memory.find(cipher, { ...key })).toBeUndefined();
  });

  it("do not change with the buffers they came in", () => {
    const memory = new TicketMemory();
    const { cipher, plain } = sealed(key);
    const arrived = Uint8Array.from(cipher);
    openTwice(memory, arrived, plain, key);
    arrived.fill(0);
    plain.fill(0);
    expect(memory.find(cipher, key)?.part.cname).toEqual(name);
  });

  it("are forgotten when many others came after them, unless they are shown again", () => {
    const memory = new TicketMemory();
    const used = sealed(key);
    const left = sealed(key);
    openTwice(memory, used.cipher, used.plain, key);
    openTwice(memory, left.cipher, left.plain, key);
    const crowd = sealed(key);
    for (let index = 0; index < 5000; index++) {
      const cipher = Uint8Array.from(crowd.cipher);
      new DataView(cipher.buffer).setUint32(cipher.length - 4, index);
      openTwice(memory, cipher, crowd.plain, key);
      if (index % 500 === 0) memory.find(used.cipher, key);
    }
    expect(memory.find(used.cipher, key)).toBeDefined();
    expect(memory.find(left.cipher, key)).toBeUndefined();
  });
});
