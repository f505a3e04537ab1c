import { createDomain, type NewDomain } from "../editor/create-domain.ts";
import {
  type DelegationSettings,
  DirectoryEditor,
  type NewComputer,
  type NewGroup,
  type NewUser,
} from "../editor/directory-editor.ts";
import type { AttributeSettings, EditorOptions } from "../editor/object-editor.ts";
import type { Account, Group } from "../model/account.ts";
import type { UserAccountControlFlag } from "../model/user-account-control.ts";
import { DirectoryReader } from "../reader/directory-reader.ts";
import { MemoryStore } from "../store/memory-store.ts";

export interface MemoryDirectoryOptions extends Partial<NewDomain>, EditorOptions {}

/**
 * A whole domain in memory, ready in milliseconds: for tests, for what-if, and for what was loaded from LDAP or
 * LDIF. Changes apply at once. Accounts are named by sAMAccountName, with or without a computer's `$`.
 *
 * @example
 * const directory = new MemoryDirectory({ realm: "LAB.TEST" });
 * directory.createUser({ name: "alice", password: "…" });
 * directory.createComputer({ name: "KVM01", migration: true });
 * directory.setDelegation("KVM01", { to: ["cifs/kvm02.lab.test"], protocol: "any" });
 */
export class MemoryDirectory extends DirectoryReader {
  readonly memory: MemoryStore;
  readonly editor: DirectoryEditor;

  /** @param store a store that holds a domain already; by default a new domain is made. */
  constructor(options: MemoryDirectoryOptions = {}, store?: MemoryStore) {
    const memory = store ?? new MemoryStore();
    super(memory);
    this.memory = memory;
    this.editor = new DirectoryEditor(memory, { ...options, lazyKeys: options.lazyKeys ?? true });
    if (store === undefined) createDomain(this.editor, { ...options, realm: options.realm ?? "LAB.TEST" });
  }

  createUser(user: NewUser): Account {
    return this.editor.createUser(user);
  }

  /** Usual SPNs and random keys unless told otherwise. */
  createComputer(computer: NewComputer): Account {
    return this.editor.createComputer(computer);
  }

  createGroup(group: NewGroup): Group {
    return this.editor.createGroup(group);
  }

  addMember(group: string, ...members: readonly string[]): void {
    for (const member of members) this.editor.addMember(group, member);
  }

  removeMember(group: string, ...members: readonly string[]): void {
    for (const member of members) this.editor.removeMember(group, member);
  }

  setDelegation(account: string, settings: DelegationSettings): Account {
    return this.editor.setDelegation(account, settings);
  }

  setFlags(account: string, flags: Partial<Readonly<Record<UserAccountControlFlag, boolean>>>): Account {
    return this.editor.setFlags(account, flags);
  }

  setAttributes(account: string, settings: AttributeSettings): Account {
    return this.editor.setAttributes(account, settings);
  }

  setPassword(account: string, password: string, options?: { mustChange?: boolean; rc4?: boolean }): Account {
    return this.editor.setPassword(account, password, options);
  }

  addSpn(account: string, ...spns: readonly string[]): Account {
    return this.editor.addSpn(account, ...spns);
  }

  removeSpn(account: string, ...spns: readonly string[]): Account {
    return this.editor.removeSpn(account, ...spns);
  }

  delete(account: string): void {
    this.editor.delete(account);
  }
}
