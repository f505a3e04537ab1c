import { createDomain, type NewDomain } from "../editor/create-domain.ts";
import type { EditorOptions } from "../editor/object-editor.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { WritableDirectory } from "../writable-directory.ts";

export interface MemoryDirectoryOptions extends Partial<NewDomain>, EditorOptions {}

/**
 * A whole domain in memory, ready in milliseconds: for tests, for what-if, and for what was loaded from LDAP or
 * LDIF. Changes apply at once.
 *
 * @example
 * const directory = new MemoryDirectory({ realm: "LAB.TEST" });
 * directory.createUser({ name: "alice", password: "…" });
 * directory.createComputer({ name: "KVM01", migration: true });
 * directory.setDelegation("KVM01", { to: ["cifs/kvm02.lab.test"], protocol: "any" });
 */
export class MemoryDirectory extends WritableDirectory {
  /** @param store a store that holds a domain already; by default a new domain is made. */
  constructor(options: MemoryDirectoryOptions = {}, store?: MemoryStore) {
    super(store ?? new MemoryStore(), { ...options, lazyKeys: options.lazyKeys ?? true });
    if (store === undefined) {
      this.change((editor) => createDomain(editor, { ...options, realm: options.realm ?? "LAB.TEST" }));
    }
  }
}
