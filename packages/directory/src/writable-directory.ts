import { DirectoryEditor } from "./editor/directory-editor.ts";
import { recordLogonFailure, recordLogonSuccess } from "./editor/logon-record.ts";
import type { DelegationSettings, NewComputer, NewGroup, NewUser } from "./editor/new-principals.ts";
import type { AttributeSettings, EditorOptions } from "./editor/object-editor.ts";
import { createTrust, type NewTrust, removeTrust } from "./editor/trust-editor.ts";
import type { Account, Group } from "./model/account.ts";
import type { Trust } from "./model/trust.ts";
import type { UserAccountControlFlag } from "./model/user-account-control.ts";
import { DirectoryReader } from "./reader/directory-reader.ts";
import type { ObjectStore } from "./store/store.ts";

/**
 * A directory that can be changed. Every method is one transaction; `change` makes one of many steps. Accounts and
 * groups are named by sAMAccountName (a computer's `$` may be left out), SID or DN.
 */
export class WritableDirectory extends DirectoryReader {
  readonly #objects: ObjectStore;
  readonly #options: EditorOptions;

  constructor(store: ObjectStore, options: EditorOptions = {}) {
    super(store);
    this.#objects = store;
    this.#options = options;
  }

  /** All of the changes or, when `work` throws, none. They are as durable as the store when this returns. */
  change<T>(work: (editor: DirectoryEditor) => T): T {
    return this.#objects.transact((writer) => work(new DirectoryEditor(writer, this.#options)));
  }

  createUser(user: NewUser): Account {
    return this.change((editor) => editor.createUser(user));
  }

  /** Usual SPNs and random keys unless told otherwise. */
  createComputer(computer: NewComputer): Account {
    return this.change((editor) => editor.createComputer(computer));
  }

  createGroup(group: NewGroup): Group {
    return this.change((editor) => editor.createGroup(group));
  }

  addMember(group: string, ...members: readonly string[]): void {
    this.change((editor) => {
      for (const member of members) editor.addMember(group, member);
    });
  }

  removeMember(group: string, ...members: readonly string[]): void {
    this.change((editor) => {
      for (const member of members) editor.removeMember(group, member);
    });
  }

  setDelegation(account: string, settings: DelegationSettings): Account {
    return this.change((editor) => editor.setDelegation(account, settings));
  }

  setFlags(account: string, flags: Partial<Readonly<Record<UserAccountControlFlag, boolean>>>): Account {
    return this.change((editor) => editor.setFlags(account, flags));
  }

  setAttributes(account: string, settings: AttributeSettings): Account {
    return this.change((editor) => editor.setAttributes(account, settings));
  }

  /** A new key generation; older ones are kept for tickets still out. */
  setPassword(account: string, password: string, options?: { mustChange?: boolean; rc4?: boolean }): Account {
    return this.change((editor) => editor.setPassword(account, password, options));
  }

  addSpn(account: string, ...spns: readonly string[]): Account {
    return this.change((editor) => editor.addSpn(account, ...spns));
  }

  removeSpn(account: string, ...spns: readonly string[]): Account {
    return this.change((editor) => editor.removeSpn(account, ...spns));
  }

  delete(account: string): void {
    this.change((editor) => editor.delete(account));
  }

  /** A trust with another realm, and the account that goes with it. */
  createTrust(trust: NewTrust): Trust {
    return this.change((editor) => createTrust(editor, trust));
  }

  removeTrust(partner: string): void {
    this.change((editor) => removeTrust(editor, partner));
  }

  /** Counts a wrong password; locks the account when the domain's threshold is reached. */
  recordLogonFailure(sid: string): Account {
    return this.change((editor) => recordLogonFailure(editor, sid));
  }

  /** Forgets wrong passwords and notes the logon. */
  recordLogonSuccess(sid: string): Account {
    return this.change((editor) => recordLogonSuccess(editor, sid));
  }
}
