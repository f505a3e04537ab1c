import type { CallOptions } from "@waybill/wsman";
import { ComputerSystem, PlannedComputerSystem } from "../classes/computer-system.ts";
import { resourceClasses } from "../classes/resource-choice.ts";
import { VirtualSystemManagementService } from "../classes/services.ts";
import { realizedSystemType, VirtualSystemSettingData } from "../classes/virtual-system-setting-data.ts";
import { WaybillVirtualMachineDocument } from "../classes/waybill-classes.ts";
import { fromComputerSystem, isVirtualMachine, toDefinition } from "../mapping/virtual-machine.ts";
import type { VirtualMachine, VmDefinitionRequest } from "../model/virtual-machine.ts";
import { RequestedState, type VmRequest } from "../registry/vm-states.ts";
import type { AnyWmiClass, EmbeddedChoice } from "../schema/wmi-class.ts";
import { virtualizationNamespace } from "../schema/wmi-reference.ts";
import { type HostAccess, vmReference } from "./host-access.ts";
import type { JobHandle } from "./job-handle.ts";
import { wqlText } from "./wmi-session.ts";

/** The virtual machines of a host. */
export class VirtualMachines {
  readonly #access: HostAccess;

  constructor(access: HostAccess) {
    this.#access = access;
  }

  /** All VMs, without their settings: one query. Planned ones, which wait for a migration to arrive, on request. */
  async list(options: CallOptions & { readonly planned?: boolean } = {}): Promise<readonly VirtualMachine[]> {
    const systems = await this.#access.session.select(ComputerSystem, undefined, options);
    const planned =
      options.planned === true
        ? await this.#access.session.select(PlannedComputerSystem, undefined, options)
        : [];
    return [...systems, ...planned].filter(isVirtualMachine).map((system) => fromComputerSystem(system));
  }

  /** One VM without its settings: one query. @throws HyperVError as {@link VirtualMachines.get} */
  async find(nameOrId: string, options: CallOptions = {}): Promise<VirtualMachine> {
    return fromComputerSystem(await this.#system(nameOrId, options));
  }

  async #system(nameOrId: string, options: CallOptions): Promise<ComputerSystem> {
    const text = wqlText(nameOrId);
    const found = await this.#access.session.select(
      ComputerSystem,
      `Name = ${text} or ElementName = ${text}`,
      options,
    );
    const systems = found.filter(isVirtualMachine);
    const [system] = systems;
    if (system === undefined) {
      throw this.#access.missing(
        "VM_UNKNOWN",
        `there is no virtual machine ${nameOrId} that you may see on ${this.#access.host}`,
      );
    }
    if (systems.length > 1) {
      const ids = systems.map((each) => each.Name).join(", ");
      throw this.#access.missing(
        "VM_NAME_AMBIGUOUS",
        `several virtual machines are called ${nameOrId}: ${ids}`,
      );
    }
    return system;
  }

  /**
   * One VM with its settings, by name or id.
   * @throws HyperVError `VM_UNKNOWN`, or `VM_NAME_AMBIGUOUS` when several have the name.
   */
  async get(nameOrId: string, options: CallOptions = {}): Promise<VirtualMachine> {
    const system = await this.#system(nameOrId, options);
    const type = wqlText(realizedSystemType);
    const where = `VirtualSystemIdentifier = ${wqlText(system.Name)} and VirtualSystemType = ${type}`;
    const [settings] = await this.#access.session.select(VirtualSystemSettingData, where, options);
    return fromComputerSystem(system, settings, await this.#resourcesOf(system.Name, options));
  }

  async #resourcesOf(vmId: string, options: CallOptions): Promise<readonly EmbeddedChoice[]> {
    const query = `select * from CIM_ResourceAllocationSettingData where InstanceID like ${wqlText(`Microsoft:${vmId}%`)}`;
    const elements = await this.#access.session.query(virtualizationNamespace, query, options);
    const choices: EmbeddedChoice[] = [];
    for (const instance of elements) {
      const schema: AnyWmiClass | undefined = resourceClasses.find(
        (each) => each.className === instance.name,
      );
      if (schema !== undefined) choices.push({ class: schema.className, value: schema.read(instance) });
    }
    if (await this.#access.isWaybill(options)) {
      const where = `VirtualSystemIdentifier = ${wqlText(vmId)}`;
      for (const value of await this.#access.session.select(WaybillVirtualMachineDocument, where, options)) {
        choices.push({ class: WaybillVirtualMachineDocument.className, value });
      }
    }
    return choices;
  }

  /** Starts, stops, pauses… a VM. Undefined when it is done at once, else the job that does it. */
  async requestState(
    vmId: string,
    request: VmRequest,
    options: CallOptions = {},
  ): Promise<JobHandle | undefined> {
    const input = { RequestedState: RequestedState[request] };
    const output = await this.#access.session.invoke(
      ComputerSystem,
      vmReference(vmId),
      "RequestStateChange",
      input,
      options,
    );
    return this.#access.outcome(output, `${request} of the virtual machine`);
  }

  /** Defines a VM; the id is known when the host answered without a job. */
  async define(
    definition: VmDefinitionRequest,
    options: CallOptions = {},
  ): Promise<{ readonly id?: string | undefined; readonly job?: JobHandle | undefined }> {
    const service = await this.#access.service(VirtualSystemManagementService, options);
    const input = toDefinition(definition);
    const output = await this.#access.session.invoke(
      VirtualSystemManagementService,
      service,
      "DefineSystem",
      input,
      options,
    );
    const job = this.#access.outcome(output, "the definition of the virtual machine");
    return { id: output.ResultingSystem?.keys.Name, job };
  }

  async remove(vmId: string, options: CallOptions = {}): Promise<JobHandle | undefined> {
    const service = await this.#access.service(VirtualSystemManagementService, options);
    const input = { AffectedSystem: vmReference(vmId) };
    const output = await this.#access.session.invoke(
      VirtualSystemManagementService,
      service,
      "DestroySystem",
      input,
      options,
    );
    return this.#access.outcome(output, "the removal of the virtual machine");
  }
}
