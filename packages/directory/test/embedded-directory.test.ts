import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EmbeddedDirectory } from "../src/index.ts";

describe("EmbeddedDirectory", () => {
  let path: string;
  let directory: EmbeddedDirectory;
  beforeEach(() => {
    path = mkdtempSync(join(tmpdir(), "waybill-directory-"));
    directory = EmbeddedDirectory.create(join(path, "state"), {
      realm: "LAB.TEST",
      administratorPassword: "Passw0rd!",
    });
  });
  afterEach(async () => {
    await directory.close();
    rmSync(path, { recursive: true });
  });

  it("keeps everything over closing and opening", async () => {
    const alice = directory.createUser({
      name: "alice",
      password: "Secret1!",
      upn: "alice@lab.test",
      groups: ["Hyper-V Administrators"],
    });
    const kvm01 = directory.createComputer({ name: "KVM01", migration: true });
    directory.setDelegation("KVM01", { to: ["cifs/kvm02"], protocol: "any" });
    await directory.close();
    directory = EmbeddedDirectory.open(join(path, "state"));
    expect(directory.bySam("alice")).toEqual(alice);
    expect(directory.byUpn("ALICE@lab.test")).toEqual(alice);
    expect(directory.byDn(alice.dn)).toEqual(alice);
    expect(directory.bySpn("cifs/kvm01")).toEqual({
      ...kvm01,
      allowedToDelegateTo: ["cifs/kvm02"],
      userAccountControl: 0x1001000,
    });
    expect(
      directory
        .groupsOf(alice)
        .map((group) => group.samAccountName)
        .sort(),
    ).toEqual(["Domain Users", "Hyper-V Administrators", "Users"]);
    expect(directory.domain.sid).toMatch(/^S-1-5-21-/);
  });

  it("is readable by its owner alone", () => {
    expect(statSync(join(path, "state")).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, "state", "directory.mdb")).mode & 0o777).toBe(0o600);
  });

  it("takes back a transaction that throws, caches included", () => {
    directory.createUser({ name: "alice" });
    expect(() =>
      directory.change((editor) => {
        editor.createUser({ name: "bob" });
        editor.setFlags("alice", { notDelegated: true });
        expect(directory.bySam("alice")?.userAccountControl).toBe(0x100200);
        throw new RangeError("stop");
      }),
    ).toThrow("stop");
    expect(directory.bySam("bob")).toBeUndefined();
    expect(directory.bySam("alice")?.userAccountControl).toBe(0x200);
    directory.createUser({ name: "carol" });
    expect(directory.bySam("alice")?.userAccountControl).toBe(0x200);
  });

  it("follows renamed and deleted objects in names, indexes and groups", () => {
    directory.createGroup({ name: "Operators" });
    directory.createUser({ name: "alice" });
    directory.addMember("Operators", "alice");
    directory.change((editor) =>
      editor.rename("CN=alice,CN=Users,DC=lab,DC=test", "CN=Alice Smith", "CN=Computers,DC=lab,DC=test"),
    );
    const alice = directory.bySam("alice")!;
    expect(alice.dn).toBe("CN=Alice Smith,CN=Computers,DC=lab,DC=test");
    expect(directory.byDn("CN=alice,CN=Users,DC=lab,DC=test")).toBeUndefined();
    expect([...directory.membersOf(directory.groupBySam("Operators")!)]).toEqual([alice]);
    directory.delete("alice");
    expect([...directory.membersOf(directory.groupBySam("Operators")!)]).toEqual([]);
    expect(directory.bySid(alice.sid)).toBeUndefined();
  });

  it("locks accounts after wrong passwords and forgets them after the window", () => {
    const clock = { time: 1_800_000_000_000, now: () => clock.time };
    const strict = EmbeddedDirectory.create(
      join(path, "strict"),
      { realm: "LAB.TEST", lockout: { threshold: 3, duration: 60_000, observationWindow: 60_000 } },
      { clock },
    );
    const { sid } = strict.createUser({ name: "alice", password: "x" });
    strict.recordLogonFailure(sid);
    strict.recordLogonFailure(sid);
    expect(strict.bySid(sid)?.lockoutTime).toBeUndefined();
    clock.time += 61_000;
    strict.recordLogonFailure(sid);
    expect(strict.bySid(sid)?.badPasswordCount).toBe(1);
    strict.recordLogonFailure(sid);
    strict.recordLogonFailure(sid);
    expect(strict.bySid(sid)?.lockoutTime).toBe(clock.time);
    strict.recordLogonSuccess(sid);
    expect(strict.bySid(sid)).toMatchObject({ badPasswordCount: 0, logonCount: 1, lockoutTime: undefined });
    return strict.close();
  });

  it("refuses a second domain and an empty place", () => {
    expect(() => EmbeddedDirectory.open(join(path, "nothing"))).toThrow(/there is no domain/);
  });

  it("shows another opener's changes", async () => {
    const other = EmbeddedDirectory.open(join(path, "state"));
    expect(other.bySam("alice")).toBeUndefined();
    directory.createUser({ name: "alice", attributes: { extensionAttribute1: "new name in the list" } });
    other.refresh();
    expect(other.bySam("alice")?.samAccountName).toBe("alice");
    await other.close();
  });
});
