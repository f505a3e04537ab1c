import { createDomain, type NewDomain } from "../editor/create-domain.ts";
import type { EditorOptions } from "../editor/object-editor.ts";
import { DirectoryError } from "../errors.ts";
import { domainSettingsKey } from "../reader/domain-from-store.ts";
import { LmdbStore } from "../store/lmdb-store.ts";
import { WritableDirectory } from "../writable-directory.ts";

/**
 * A domain in an LMDB store on disk. Several processes may have it open; changes of one are seen by the others at
 * their next turn of the event loop, and are synced to disk before the changing call returns.
 */
export class EmbeddedDirectory extends WritableDirectory {
  readonly #lmdb: LmdbStore;

  private constructor(lmdb: LmdbStore, options: EditorOptions) {
    super(lmdb, options);
    this.#lmdb = lmdb;
  }

  /** @throws DirectoryError NO_DOMAIN when the directory holds none, STORE_UNWRITABLE when it is somebody else's. */
  static open(path: string, options: EditorOptions = {}): EmbeddedDirectory {
    // Looking for one must not make a folder.
    const store = LmdbStore.exists(path) ? new LmdbStore(path) : undefined;
    if (store?.setting(domainSettingsKey) === undefined) {
      void store?.close();
      throw new DirectoryError(`there is no domain in ${path}`, {
        code: "NO_DOMAIN",
        family: "caller",
        facts: { path },
        remedy: "Create one with: waybill dc init --state DIR --realm REALM --password-file FILE",
      });
    }
    return new EmbeddedDirectory(store, options);
  }

  /** @throws DirectoryError ALREADY_EXISTS when there is one. */
  static create(path: string, domain: NewDomain, options: EditorOptions = {}): EmbeddedDirectory {
    const directory = new EmbeddedDirectory(new LmdbStore(path), options);
    try {
      directory.change((editor) => createDomain(editor, domain));
    } catch (error) {
      void directory.close();
      throw error;
    }
    return directory;
  }

  /** Sees other processes' changes at once instead of at the next turn of the event loop. */
  refresh(): void {
    this.#lmdb.refresh();
  }

  async close(): Promise<void> {
    await this.#lmdb.close();
  }
}
