import { VirtualClock } from "@waybill/base";
import { describe, expect, it } from "vitest";
import {
  managedPasswordDue,
  managedPasswordText,
  newManagedPassword,
  rollManagedPassword,
} from "../src/editor/managed-password.ts";
import { MemoryDirectory, verifyPassword } from "../src/index.ts";
import { addObject } from "../src/ldap-backend/add-object.ts";
import { encodeManagedPasswordBlob } from "../src/ldap-backend/managed-password-blob.ts";
import { requesterOf } from "../src/rights/requester.ts";

const dn = "CN=web,CN=Managed Service Accounts,DC=lab,DC=test";
const text = (value: string): Uint8Array => new TextEncoder().encode(value);

describe("managed passwords", () => {
  it("are whole UTF-16 text whatever the dice say", () => {
    for (const octet of [0, 0xd8, 0xdc, 0xdf, 0xff]) {
      const password = newManagedPassword({
        bytes: (count: number) => new Uint8Array(count).fill(octet),
      } as never);
      expect(Buffer.from(managedPasswordText(password), "utf16le")).toEqual(Buffer.from(password));
      expect(managedPasswordText(password).normalize("NFC")).toBe(managedPasswordText(password));
    }
  });

  it("lie in the blob where MS-ADTS section 2.2.19 says", () => {
    const blob = Buffer.from(
      encodeManagedPasswordBlob({
        current: new Uint8Array(256).fill(1),
        previous: new Uint8Array(256).fill(2),
        changesIn: 3_600_000,
      }),
    );
    const at = (offset: number): number => blob.readUInt16LE(offset);
    expect([at(0), blob.readUInt32LE(4), at(8), at(10)]).toEqual([1, blob.length, 16, 274]);
    expect(blob.subarray(at(8), at(8) + 258)).toEqual(Buffer.from([...Array(256).fill(1), 0, 0]));
    expect(blob.subarray(at(10), at(10) + 258)).toEqual(Buffer.from([...Array(256).fill(2), 0, 0]));
    expect([at(12), at(14), blob.length]).toEqual([532, 540, 548]);
    expect(blob.readBigUInt64LE(at(12))).toBe(36_000_000_000n);
    expect(blob.readBigUInt64LE(at(14))).toBe(33_000_000_000n);
  });

  it("change when they are due, and the keys with them; nobody else sets them", () => {
    const clock = new VirtualClock();
    const directory = new MemoryDirectory({ realm: "LAB.TEST", clock });
    const administrator = requesterOf(directory, directory.bySam("Administrator")!);
    const context = { requester: administrator, permissive: false, confidential: true, sdFlags: 7 };
    const attributes = [
      { type: "objectClass", values: [text("msDS-GroupManagedServiceAccount")] },
      { type: "sAMAccountName", values: [text("web$")] },
      { type: "msDS-ManagedPasswordInterval", values: [text("10")] },
    ];
    directory.change((editor) => addObject(editor, { dn, attributes }, context));
    const before = directory.object(directory.idOfDn(dn)!)!;
    expect(managedPasswordDue(before)).toBe(clock.now() + 10 * 24 * 3_600_000);
    const after = directory.change((editor) => rollManagedPassword(editor, before));
    const [current, previous] = after.attributes.get("msds-managedpassword")!;
    expect(previous).toEqual(before.attributes.get("msds-managedpassword")![0]);
    const account = directory.bySam("web$")!;
    expect(account.keySets.map(({ kvno }) => kvno)).toEqual([2, 1]);
    expect(verifyPassword(account, managedPasswordText(current as Uint8Array))).toBe(true);
    expect(() => directory.setPassword("web$", "Adm1n-chosen!")).toThrow(/made by the domain alone/);
  });
});
