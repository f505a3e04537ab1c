import { mkdir, stat } from "node:fs/promises";
import { dirname, isAbsolute, join, normalize, sep } from "node:path";
import { placeVm, type VmDefinition } from "@waybill/qemu";
import { HostError, Hresult } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";

export interface MachineFilesOptions {
  /** Folders that definitions may name files in; the first one receives disks that travel here. */
  readonly storage: readonly string[];
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
}

/** The files that definitions name, as far as this host lets them. */
export class MachineFiles {
  readonly #journal: Journal;
  readonly #storage: readonly string[];
  readonly #runAs: MachineFilesOptions["runAs"];

  constructor(journal: Journal, { storage, runAs }: MachineFilesOptions) {
    this.#journal = journal;
    this.#storage = storage;
    this.#runAs = runAs;
  }

  /**
   * Refuses definitions that name files outside the storage folders: whoever may define a VM must not be able
   * to read this host's other files through it.
   *
   * @throws HostError `PATH_NOT_ALLOWED`, `FILE_IN_USE`
   */
  check(definition: VmDefinition): void {
    for (const path of filesOf(definition)) {
      const other = this.#journal
        .vms()
        .find((vm) => vm.id !== definition.uuid && writableDisks(vm.definition).includes(path));
      if (other !== undefined) {
        throw new HostError(`${definition.name} names ${path}, which is a disk of another machine here`, {
          code: "FILE_IN_USE",
          family: "caller",
          hresult: Hresult.accessDenied,
          facts: { path },
          remedy: "Give each machine disks of its own.",
        });
      }
      const inside = this.#storage.some((folder) => isInside(folder, path));
      if (inside) continue;
      throw new HostError(`${definition.name} names ${path}, which is outside this host's storage folders`, {
        code: "PATH_NOT_ALLOWED",
        family: "caller",
        hresult: Hresult.accessDenied,
        facts: { path },
        remedy: `Put the file below one of ${this.#storage.join(", ")}, or add its folder to "storage".`,
      });
    }
  }

  /** @throws HostError `FILE_MISSING` naming the first file that this host does not have. */
  async checkPresent(definition: VmDefinition, except: ReadonlySet<string> = new Set()): Promise<void> {
    for (const path of filesOf(definition)) {
      if (except.has(path) || (await stat(path).catch(() => undefined)) !== undefined) continue;
      throw new HostError(`this host does not have ${path}`, {
        code: "FILE_MISSING",
        family: "environment",
        hresult: Hresult.notFound,
        facts: { path },
        remedy: "Put the file there, use storage that both hosts share, or move the disks too (--storage).",
      });
    }
  }

  /** The definition with the disks that travel at their places on this host. */
  placeArriving(definition: VmDefinition, travelling: ReadonlySet<string>): VmDefinition {
    const folder = join(this.#storage[0] ?? "/var/lib/waybill", definition.name);
    const disks: Record<string, string> = {};
    for (const disk of definition.disks) {
      if (travelling.has(disk.id)) disks[disk.id] = join(folder, `${disk.id}.${disk.format}`);
    }
    return placeVm(definition, { disks });
  }

  /** Makes the folder of an arriving disk. */
  async makeFolder(path: string): Promise<void> {
    await mkdir(dirname(path), {
      recursive: true,
      mode: this.#runAs === undefined ? 0o700 : 0o711,
    });
  }
}

function filesOf(definition: VmDefinition): string[] {
  const { boot, firmware, disks } = definition;
  return [
    ...disks.map((disk) => disk.path),
    ...(boot === undefined ? [] : [boot.kernel, ...(boot.initrd === undefined ? [] : [boot.initrd])]),
    ...(firmware.kind === "uefi" ? [firmware.code, firmware.variables] : []),
  ];
}

function writableDisks({ disks }: VmDefinition): string[] {
  return disks.filter(({ readOnly }) => !readOnly).map(({ path }) => path);
}

function isInside(folder: string, path: string): boolean {
  return (
    isAbsolute(path) &&
    normalize(path) === path &&
    path.startsWith(folder.endsWith(sep) ? folder : folder + sep)
  );
}
