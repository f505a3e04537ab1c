import { fromHex, fromUtf8, utf8 } from "@waybill/base";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { storm, stormTimeout } from "../../kerberos/test/support/storm.ts";
import {
  AccessMask,
  type Ace,
  AceType,
  type Acl,
  accessCheck,
  actOnBehalfDescriptor,
  DirectoryError,
  decodeSecurityDescriptor,
  encodeSecurityDescriptor,
  formatSddl,
  fullControl,
  parseSddl,
  type SecurityDescriptor,
} from "../src/index.ts";

const domainSid = "S-1-5-21-1004336348-1177238915-682003330";
const anyUint32 = fc.integer({ min: 0, max: 0xffffffff });
const anySid = fc.oneof(
  fc.constantFrom("S-1-1-0", "S-1-5-32-544", "S-1-5-10", `${domainSid}-512`, `${domainSid}-525`),
  fc.array(anyUint32, { minLength: 1, maxLength: 15 }).map((parts) => `S-1-5-${parts.join("-")}`),
);
const anyGuid = fc.uuid();
const plainAce = fc.record({
  type: fc.constantFrom<number>(AceType.accessAllowed, AceType.accessDenied, AceType.systemAudit),
  flags: fc.constantFrom(0, 1, 2, 0x13, 0xdf),
  mask: anyUint32,
  sid: anySid,
});
const objectAce = fc.record(
  {
    type: fc.constantFrom<number>(AceType.accessAllowedObject, AceType.accessDeniedObject),
    flags: fc.constantFrom(0, 0x10),
    mask: anyUint32,
    sid: anySid,
    objectType: anyGuid,
    inheritedObjectType: anyGuid,
  },
  { requiredKeys: ["type", "flags", "mask", "sid"] },
);
const anyAcl: fc.Arbitrary<Acl> = fc
  .array(fc.oneof<fc.Arbitrary<Ace>[]>(plainAce, objectAce), { maxLength: 8 })
  .map((aces) => ({
    revision: aces.some(({ type }) => type >= 5) ? 4 : 2,
    aces,
  }));
const anyDescriptor: fc.Arbitrary<SecurityDescriptor> = fc
  .record({ owner: anySid, group: anySid, dacl: anyAcl, sacl: anyAcl }, { requiredKeys: [] })
  .map((parts) => ({
    ...parts,
    control: 0x8000 | (parts.dacl === undefined ? 0 : 0x1004) | (parts.sacl === undefined ? 0 : 0x10),
  }));

describe("security descriptors (MS-DTYP 2.4.6)", () => {
  it("read back as they were written", () => {
    fc.assert(
      fc.property(anyDescriptor, (descriptor) => {
        expect(decodeSecurityDescriptor(encodeSecurityDescriptor(descriptor))).toEqual(descriptor);
      }),
    );
  });

  it("keep entries of unknown types as they are", () => {
    const ace = { type: 0x42, flags: 0, mask: 7, sid: "", opaque: Uint8Array.of(1, 2, 3, 4) };
    const descriptor = { control: 0x8004, dacl: { revision: 4, aces: [ace] } };
    expect(decodeSecurityDescriptor(encodeSecurityDescriptor(descriptor))).toEqual(descriptor);
  });

  it("damaged ones give our own error and nothing else", () => {
    const good = actOnBehalfDescriptor([`${domainSid}-1104`]);
    fc.assert(
      fc.property(
        fc.nat(good.length),
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }),
        (cut, edits) => {
          const bytes = good.slice(0, cut);
          for (const [at, value] of edits) if (at < bytes.length) bytes[at] = value;
          try {
            decodeSecurityDescriptor(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DirectoryError);
          }
        },
      ),
    );
  });
});

describe("SDDL (MS-DTYP 2.5.1)", () => {
  it("reads back as it was written", () => {
    fc.assert(
      fc.property(anyDescriptor, (descriptor) => {
        const text = formatSddl(descriptor, domainSid);
        // Nothing at all has no SDDL.
        fc.pre(text !== "");
        const read = parseSddl(text, domainSid);
        expect(formatSddl(read, domainSid)).toBe(text);
        const { owner, group, dacl, sacl } = descriptor;
        expect(read).toMatchObject({
          ...(owner === undefined ? {} : { owner }),
          ...(group === undefined ? {} : { group }),
          ...(dacl === undefined ? {} : { dacl }),
          ...(sacl === undefined ? {} : { sacl }),
        });
      }),
    );
  });

  it.each([
    // The two forms Microsoft's documents and tools use for resource-based delegation.
    ["O:SYD:(A;;0xf01ff;;;S-1-5-21-1-2-3-1104)", AceType.accessAllowed, fullControl],
    ["O:BAD:(A;;CCDCLCSWRPWPDTLOCRSDRCWDWO;;;S-1-5-21-1-2-3-1104)", AceType.accessAllowed, fullControl],
    ["D:PAI(OA;CIIO;CR;00299570-246d-11d0-a768-00aa006e0529;;DA)", AceType.accessAllowedObject, 0x100],
    ["D:(D;;GA;;;WD)", AceType.accessDenied, 0x10000000],
  ])("%s", (text, type, mask) => {
    expect(parseSddl(text, domainSid).dacl?.aces[0]).toMatchObject({ type, mask });
  });

  it.each([
    "",
    "X:",
    "D:(A;;GA;;;)",
    "D:(A;;QQ;;;WD)",
    "D:(A;;GA;;;WD",
    "O:BAO:BA",
    "O:DA D:",
    "D:(XA;;GA;;;WD;(1==1))",
    "D:(A;;GA;12;;WD)",
  ])("refuses %s", (text) => {
    expect(() => parseSddl(text)).toThrow(DirectoryError);
  });
});

describe("SDDL from anybody", () => {
  it("of any length", () => {
    const text = `O:BAD:${"(A;;RP;;;S-1-5-21-1-2-3-1104)".repeat(20_000)}`;
    expect(parseSddl(text).dacl?.aces.length).toBe(20_000);
    expect(() => parseSddl(`D:${"x".repeat(300_000)}`)).toThrow(DirectoryError);
  });

  it("gives a descriptor or our own error", () => {
    const pieces = fc.constantFrom(
      "O:",
      "D:",
      "S:",
      "BA",
      "(A;;GA;;;WD)",
      "PAI",
      "(",
      ")",
      ";",
      "S-1-5-32-544",
      " ",
      "XX",
      "0x1",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(pieces).map((parts) => parts.join("")),
        ),
        (text) => {
          try {
            parseSddl(text, domainSid);
          } catch (error) {
            expect(error).toBeInstanceOf(DirectoryError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the access check (MS-DTYP 2.5.3.2)", () => {
  const allow = (sid: string, mask: number, more: Partial<Ace> = {}): Ace => ({
    type: AceType.accessAllowed,
    flags: 0,
    mask,
    sid,
    ...more,
  });
  const check = (aces: Ace[], mask: number, type?: string) =>
    accessCheck({ control: 0, dacl: { revision: 4, aces } }, ["S-1-5-21-1", "S-1-1-0"], mask, type);

  it("adds up grants, and the first entry to speak decides", () => {
    expect(check([allow("S-1-1-0", 1), allow("S-1-5-21-1", 2)], 3)).toBe(true);
    expect(check([allow("S-1-1-0", 1)], 3)).toBe(false);
    expect(check([allow("S-1-1-0", 1, { type: AceType.accessDenied }), allow("S-1-5-21-1", 1)], 1)).toBe(
      false,
    );
    expect(check([allow("S-1-5-21-1", 1), allow("S-1-1-0", 1, { type: AceType.accessDenied })], 1)).toBe(
      true,
    );
    expect(check([allow("S-1-5-21-9", 1)], 1)).toBe(false);
  });

  it("reads generic rights, skips inherit-only entries and conditions", () => {
    expect(check([allow("S-1-1-0", AccessMask.genericAll)], AccessMask.controlAccess)).toBe(true);
    expect(check([allow("S-1-1-0", 1, { flags: 8 })], 1)).toBe(false);
    expect(check([allow("S-1-1-0", 1, { type: AceType.accessAllowedCallback })], 1)).toBe(false);
  });

  it("counts entries about another right only for that right", () => {
    const right = "00299570-246d-11d0-a768-00aa006e0529";
    const ace = allow("S-1-1-0", AccessMask.controlAccess, {
      type: AceType.accessAllowedObject,
      objectType: right,
    });
    expect(check([ace], AccessMask.controlAccess, right)).toBe(true);
    expect(check([ace], AccessMask.controlAccess)).toBe(false);
  });

  it("without a DACL allows everything, with an empty one nothing", () => {
    expect(accessCheck({ control: 0 }, [], 1)).toBe(true);
    expect(check([], 1)).toBe(false);
  });

  it("reads a descriptor written by rbcd.py of Impacket 0.10", () => {
    // O:BA, revision 4, one full-control entry for S-1-5-21-1-2-3-1104; built by that script's create_empty_sd and create_allow_ace.
    const bytes = fromHex(
      "0100048040000000000000000000000014000000 04002c0001000000 00002400ff010f00 010500000000000515000000010000000200000003000000500400000102000000000005200000 0020020000",
    );
    const descriptor = decodeSecurityDescriptor(bytes);
    expect(descriptor.owner).toBe("S-1-5-32-544");
    expect(accessCheck(descriptor, ["S-1-5-21-1-2-3-1104"], AccessMask.controlAccess)).toBe(true);
  });
});

describe("mutated descriptors are read or refused by name", () => {
  const text = `O:BAG:DUD:PAI(A;CI;RPWP;;;WD)(OA;;CR;00299570-246d-11d0-a768-00aa006e0529;;S-1-5-10)S:(AU;SA;GA;;;SY)`;

  it("as octets", { timeout: stormTimeout }, () => {
    storm([encodeSecurityDescriptor(parseSddl(text, domainSid))], decodeSecurityDescriptor);
  });

  it("as SDDL", { timeout: stormTimeout }, () => {
    storm([utf8(text)], (bytes) => parseSddl(fromUtf8(bytes), domainSid));
  });
});
