import type { ConsoleEnd, HyperVHost } from "@waybill/hyperv";
import { openConsole } from "@waybill/qemu";
import type { AuditRecord } from "../audit/audit-log.ts";
import type { Caller } from "../authorization/caller.ts";
import type { SerialLine } from "../console/console-session.ts";
import type { LineEvents } from "../console/console-sessions.ts";
import type { VmRecord } from "../journal/journal.ts";
import type { CallerAccess } from "./caller-access.ts";
import type { HostServiceParts } from "./host-service.ts";
import { invalid } from "./refusals.ts";
import { demandOwner } from "./vm-manager.ts";

type ConsoleOperations = Pick<HyperVHost, "openConsole" | "readConsole" | "writeConsole" | "closeConsole">;

/** The machines' serial ports, for whoever has the right to sit at them. */
export function consoleOperations(parts: HostServiceParts, access: CallerAccess): ConsoleOperations {
  const { journal, vms, authorizer, consoles, audit, logger } = parts;

  function record(
    { principal, assertedBy, transitedServices }: Caller,
    vm: string,
    outcome: AuditRecord["outcome"],
    more: Pick<AuditRecord, "code" | "detail"> = {},
  ): void {
    const delegatingHost = transitedServices.at(-1);
    const who = { person: principal, assertedBy, delegatingHost };
    audit.write({ action: "console", outcome, ...who, vm, ...more });
  }

  /** The machine's journal says by now where it went, if it did: QEMU ends after that is written. */
  function whyEnded(vm: VmRecord): ConsoleEnd {
    const custody = journal.vm(vm.id)?.custody;
    if (custody?.state === "surrendered") return { reason: "moved", to: custody.to };
    if (custody?.state === "owner") return { reason: "stopped" };
    const move = journal
      .migrations()
      .filter(({ vm: moved, role, state }) => moved === vm.id && role === "source" && state === "done")
      .toSorted((left, right) => left.updated - right.updated)
      .at(-1);
    return move === undefined ? { reason: "stopped" } : { reason: "moved", to: move.peer };
  }

  async function connect(vm: VmRecord, { said, ended }: LineEvents): Promise<SerialLine> {
    const machine = await vms.machine(vm.id);
    if (machine === undefined)
      throw invalid(
        `${vm.name} is not running`,
        `Start it first: waybill vm start ${vm.name} --host ${parts.host}.`,
      );
    const socket = await openConsole(machine, { timeout: 5000 });
    socket.on("data", (bytes: Buffer) => said(new Uint8Array(bytes)));
    socket.on("error", () => {});
    socket.on("close", () => ended(whyEnded(vm)));
    return {
      write: (bytes) => void socket.write(bytes),
      get backlog() {
        return socket.writableLength;
      },
      close: () => void socket.destroy(),
    };
  }

  /** Who goes on with a session: its owner, who must still have the right. */
  function person(caller: Parameters<CallerAccess["person"]>[0], session: string): string {
    const current = access.person(caller);
    authorizer.demand(current, "console", consoles.owner(current.principal, session).vm.name);
    return current.principal;
  }

  return {
    async openConsole(caller, vmId, takeOver) {
      const current = access.person(caller);
      const vm = access.vm(caller, vmId, "list");
      if (!authorizer.allows(current, "console", vm.name))
        record(current, vm.name, "refused", { code: "ACCESS_DENIED" });
      authorizer.demand(current, "console", vm.name);
      demandOwner(vm);
      return await consoles.open({
        person: current.principal,
        vm: { id: vm.id, name: vm.name },
        takeOver,
        connect: async (events) => {
          const line = await connect(vm, events);
          try {
            // Nobody sits at a console that the trail does not show.
            record(current, vm.name, "opened");
          } catch (error) {
            line.close();
            throw error;
          }
          return line;
        },
        onEnd: ({ traffic: { typed, said } }, { reason, to, by }) => {
          const detail = [reason, to, by].filter((word) => word !== undefined).join(" ");
          try {
            record(current, vm.name, "closed", { detail: `${detail}; ${typed} bytes typed, ${said} said` });
          } catch (error) {
            logger.error("console-end-not-recorded", { vm: vm.name, error });
          }
        },
      });
    },

    async readConsole(caller, session, offset, wait) {
      return await consoles.read(person(caller, session), session, offset, wait);
    },

    async writeConsole(caller, session, offset, bytes) {
      const owner = person(caller, session);
      const { vm } = consoles.owner(owner, session);
      // Between two hosts nobody reads: what is typed now is for the machine where it goes on.
      const moving = journal.vm(vm.id)?.custody.state !== "owner";
      return consoles.write(owner, session, offset, moving ? new Uint8Array() : bytes);
    },

    async closeConsole(caller, session) {
      consoles.close(access.person(caller).principal, session);
    },
  };
}
