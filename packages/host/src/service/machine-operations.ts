import type { HyperVHost, VirtualMachine, VmRequest } from "@waybill/hyperv";
import { parseVmDefinition } from "@waybill/qemu";
import type { AuditAction } from "../audit/audit-log.ts";
import { HostError, Hresult } from "../errors.ts";
import type { VmRecord } from "../journal/journal.ts";
import type { CallerAccess } from "./caller-access.ts";
import { definitionOf } from "./definition-request.ts";
import { done, type HostServiceParts } from "./host-service.ts";
import { presentVm } from "./present.ts";
import { exists, invalid, moving } from "./refusals.ts";
import { demandOwner } from "./vm-manager.ts";

type MachineOperations = Pick<
  HyperVHost,
  "listVirtualMachines" | "requestVmState" | "defineVirtualMachine" | "removeVirtualMachine"
>;

const actions: Readonly<Record<VmRequest, AuditAction>> = {
  running: "start",
  off: "stop",
  shutdown: "stop",
  saved: "stop",
  paused: "pause",
  restart: "reset",
  reset: "reset",
};

/** The machines of a host: seen, defined, started and stopped. */
export function machineOperations(parts: HostServiceParts, access: CallerAccess): MachineOperations {
  async function changeState(vm: VmRecord, request: VmRequest): Promise<void> {
    const { vms, journal } = parts;
    if (request === "running") {
      journal.changeVm(vm.id, { wanted: "running", note: undefined });
      const machine = await vms.start(vm);
      if ((await machine.status()).running) return;
      // A move may have begun since; if it is ours and stays here, a migration that QEMU completed is void.
      if (access.busy(vm.id)) throw moving(vm.name);
      demandOwner(journal.vm(vm.id) ?? vm);
      await machine.resume({ reclaim: true });
      return;
    }
    const machine = await vms.machine(vm.id);
    if (machine === undefined) {
      if (request === "off" || request === "shutdown") return;
      throw invalid(
        `${vm.name} is not running`,
        `Start it first: waybill vm start ${vm.name} --host ${parts.host}.`,
      );
    }
    switch (request) {
      case "paused":
        journal.changeVm(vm.id, { wanted: "paused" });
        return await machine.pause();
      case "reset":
      case "restart":
        return await machine.reset();
      case "saved":
        throw new HostError("saving a machine's state to disk is not supported", {
          code: "NOT_SUPPORTED",
          family: "caller",
          hresult: Hresult.invalidArgument,
          remedy: "Pause it, stop it, or move it.",
        });
      default:
        journal.changeVm(vm.id, { wanted: "stopped" });
        await machine.stop({ mode: request === "off" ? "force" : "graceful" });
        await vms.forget(vm.id);
    }
  }

  async function present(vm: VmRecord): Promise<VirtualMachine> {
    return presentVm(vm, await parts.vms.state(vm), access.busy(vm.id), true);
  }

  return {
    async listVirtualMachines(caller) {
      const { caller: person } = access.session(caller);
      const { authorizer, journal } = parts;
      const visible = journal.vms().filter((vm) => authorizer.allows(person, "list", vm.name));
      return await Promise.all(visible.map((vm) => present(vm)));
    },

    async requestVmState(caller, vmId, request) {
      const vm = access.vm(caller, vmId, "operate");
      demandOwner(vm);
      if (access.busy(vm.id)) throw moving(vm.name);
      await changeState(vm, request);
      access.audit(caller, actions[request], vm.name);
      return done;
    },

    async defineVirtualMachine(caller, request) {
      access.demand(caller, "define", request.name);
      const { journal, vms } = parts;
      const definition = parseVmDefinition(definitionOf(request));
      if (definition.name !== request.name)
        throw invalid(
          "the document describes a machine of another name",
          "Use the name that the document gives.",
        );
      vms.files.check(definition);
      vms.place(definition);
      const existing = journal.vm(definition.uuid) ?? journal.vmByName(definition.name);
      if (existing !== undefined && (existing.id !== definition.uuid || existing.custody.state !== "owner")) {
        throw exists(existing.name);
      }
      if (existing !== undefined && (await vms.machine(existing.id)) !== undefined)
        throw exists(existing.name);
      journal.commit({
        vms: [
          {
            id: definition.uuid,
            name: definition.name,
            definition,
            custody: { state: "owner" },
            wanted: "stopped",
            updated: Date.now(),
          },
        ],
      });
      access.audit(caller, "define", definition.name);
      return { ...done, vmId: definition.uuid };
    },

    async removeVirtualMachine(caller, vmId) {
      const vm = access.vm(caller, vmId, "define");
      demandOwner(vm);
      const { vms, journal } = parts;
      if ((await vms.machine(vm.id)) !== undefined) {
        throw new HostError(`${vm.name} is running, and a running machine cannot be removed`, {
          code: "VM_RUNNING",
          family: "caller",
          hresult: Hresult.failed,
          remedy: `Stop it first: waybill vm stop ${vm.name} --host ${parts.host}.`,
        });
      }
      journal.commit({ removedVms: [vm.id] });
      await vms.forget(vm.id);
      access.audit(caller, "remove", vm.name);
      return done;
    },
  };
}
