import { SettingsDefineState, VirtualSystemSettingDataComponent } from "../classes/associations.ts";
import { ComputerSystem, PlannedComputerSystem } from "../classes/computer-system.ts";
import { resourceClasses } from "../classes/resource-choice.ts";
import { VirtualSystemManagementService } from "../classes/services.ts";
import { VirtualSystemSettingData } from "../classes/virtual-system-setting-data.ts";
import { WaybillVirtualMachineDocument } from "../classes/waybill-classes.ts";
import { HyperVError } from "../errors.ts";
import {
  fromDefinition,
  settingsId,
  toComputerSystem,
  toResourceSettings,
  toSystemSettings,
} from "../mapping/virtual-machine.ts";
import type { VirtualMachine } from "../model/virtual-machine.ts";
import { CimReturnValue, ReturnValue } from "../registry/return-codes.ts";
import { EnabledState, HealthState, OperationalStatus, vmRequestOf } from "../registry/vm-states.ts";
import type { AnyWmiClass, Instance } from "../schema/wmi-class.ts";
import type { WmiReference } from "../schema/wmi-reference.ts";
import { bindClass, type ClassBinding, type MethodCall, type ProviderCall } from "./class-binding.ts";
import { outcomeOf } from "./job-bindings.ts";

/** The keys of a service that runs on the host: the same for all services of Hyper-V. */
export function serviceKeys(hostName: string, className: string, name: string) {
  return {
    SystemCreationClassName: ComputerSystem.className,
    SystemName: hostName,
    CreationClassName: className,
    Name: name,
  };
}

/** @throws HyperVError `VM_REFERENCE_INVALID` when the reference has no name. */
export function vmIdIn(keys: Readonly<Record<string, string>>): string {
  const name = keys.Name;
  if (name !== undefined && name !== "") return name;
  throw new HyperVError("the reference names no virtual machine", {
    code: "VM_REFERENCE_INVALID",
    family: "caller",
    hresult: 0x80070057,
  });
}

/** The hosting computer is itself a computer system, told apart by its name. */
function hostingComputer(hostName: string): ComputerSystem {
  return {
    CreationClassName: ComputerSystem.className,
    Name: hostName,
    ElementName: hostName,
    Caption: "Hosting Computer System",
    Description: "Microsoft Hosting Computer System",
    EnabledState: EnabledState.running,
    HealthState: HealthState.ok,
    OperationalStatus: [OperationalStatus.ok],
    Status: "OK",
  };
}

async function machines({ host, caller }: ProviderCall): Promise<readonly VirtualMachine[]> {
  return await host.listVirtualMachines(caller);
}

async function requestStateChange(call: MethodCall<{ readonly RequestedState: number }>) {
  const request = vmRequestOf(call.input.RequestedState);
  if (request === undefined) return { ReturnValue: ReturnValue.invalidParameter };
  return outcomeOf(await call.host.requestVmState(call.caller, vmIdIn(call.keys), request));
}

function resourceBinding<C extends AnyWmiClass>(schema: C): ClassBinding {
  return bindClass(schema, {
    instances: async (call) =>
      (await machines(call)).flatMap((vm) =>
        toResourceSettings(vm)
          .filter((setting) => setting.class === schema.className)
          .map((setting) => setting.value as Instance<C>),
      ),
  });
}

function resourceReferences(vm: VirtualMachine): readonly WmiReference[] {
  return toResourceSettings(vm).flatMap((setting) => {
    const schema = resourceClasses.find((candidate) => candidate.className === setting.class);
    return schema === undefined ? [] : [schema.referenceTo(setting.value as Instance<typeof schema>)];
  });
}

function settingsReference(vm: VirtualMachine): WmiReference {
  return VirtualSystemSettingData.referenceBy({ InstanceID: settingsId(vm.id) });
}

/** Virtual machines, their settings, and the service that defines them. */
export const vmBindings: readonly ClassBinding[] = [
  bindClass(ComputerSystem, {
    instances: async (call) => [
      hostingComputer(call.host.hostName),
      ...(await machines(call)).filter((vm) => vm.planned !== true).map(toComputerSystem),
    ],
    methods: { RequestStateChange: requestStateChange },
  }),
  bindClass(PlannedComputerSystem, {
    instances: async (call) =>
      (await machines(call)).filter((vm) => vm.planned === true).map(toComputerSystem),
    methods: {
      // A planned machine is realized by its migration and by nobody else.
      RequestStateChange: () => Promise.resolve({ ReturnValue: ReturnValue.invalidState }),
    },
  }),
  bindClass(VirtualSystemSettingData, {
    instances: async (call) => (await machines(call)).map(toSystemSettings),
  }),
  ...resourceClasses.map(resourceBinding),
  bindClass(SettingsDefineState, {
    instances: async (call) =>
      (await machines(call)).map((vm) => ({
        ManagedElement: ComputerSystem.referenceTo(toComputerSystem(vm)),
        SettingData: settingsReference(vm),
      })),
  }),
  bindClass(VirtualSystemSettingDataComponent, {
    instances: async (call) =>
      (await machines(call)).flatMap((vm) =>
        resourceReferences(vm).map((part) => ({
          GroupComponent: settingsReference(vm),
          PartComponent: part,
        })),
      ),
  }),
  bindClass(WaybillVirtualMachineDocument, {
    instances: async (call) =>
      (await machines(call)).flatMap(({ id, document }) =>
        document === undefined
          ? []
          : [{ VirtualSystemIdentifier: id, Format: document.format, Text: document.text }],
      ),
  }),
  bindClass(VirtualSystemManagementService, {
    instances: ({ host }) =>
      Promise.resolve([
        {
          ...serviceKeys(host.hostName, VirtualSystemManagementService.className, "vmms"),
          ElementName: "Hyper-V Virtual System Management Service",
          Status: "OK",
          HealthState: HealthState.ok,
          Started: true,
        },
      ]),
    methods: {
      DefineSystem: async ({ host, caller, input }) => {
        const definition = fromDefinition(input.SystemSettings, input.ResourceSettings ?? []);
        if (definition.name === "") return { ReturnValue: CimReturnValue.invalidParameter };
        const outcome = await host.defineVirtualMachine(caller, definition);
        const { vmId } = outcome;
        const system = { CreationClassName: ComputerSystem.className, Name: vmId ?? "" };
        const resulting = vmId === undefined ? {} : { ResultingSystem: ComputerSystem.referenceTo(system) };
        return { ...outcomeOf(outcome), ...resulting };
      },
      DestroySystem: async ({ host, caller, input }) =>
        outcomeOf(await host.removeVirtualMachine(caller, vmIdIn(input.AffectedSystem.keys))),
    },
  }),
];
