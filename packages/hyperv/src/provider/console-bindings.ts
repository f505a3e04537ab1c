import { WaybillSerialConsole } from "../classes/serial-console.ts";
import { HyperVError } from "../errors.ts";
import { ReturnValue } from "../registry/return-codes.ts";
import { bindClass, type ClassBinding, type MethodCall } from "./class-binding.ts";

const completed = { ReturnValue: ReturnValue.completed };

function machineOf({ keys }: MethodCall<unknown>): string {
  const [name] = Object.keys(keys).filter((key) => key.toLowerCase() === "virtualsystemidentifier");
  if (name !== undefined) return keys[name] ?? "";
  throw new HyperVError("the reference names no virtual machine", {
    code: "VM_REFERENCE_INVALID",
    family: "caller",
    hresult: 0x80070057,
  });
}

/** The serial ports of the machines. */
export const consoleBindings: readonly ClassBinding[] = [
  bindClass(WaybillSerialConsole, {
    instances: async ({ host, caller }) =>
      (await host.listVirtualMachines(caller)).map(({ id, name }) => ({
        VirtualSystemIdentifier: id,
        ElementName: name,
      })),
    methods: {
      OpenConsole: async (call) => ({
        ...completed,
        SessionID: await call.host.openConsole(call.caller, machineOf(call), call.input.TakeOver === true),
      }),
      ReadConsole: async ({ host, caller, input }) => {
        const { SessionID, Offset, Wait } = input;
        const { offset, bytes, end } = await host.readConsole(caller, SessionID, Offset, Wait ?? 0);
        return {
          ...completed,
          Offset: offset,
          Data: Buffer.from(bytes).toString("base64"),
          EndReason: end?.reason,
          MovedTo: end?.to,
          TakenBy: end?.by,
        };
      },
      WriteConsole: async ({ host, caller, input }) => {
        const { SessionID, Offset, Data } = input;
        return { ...completed, Offset: await host.writeConsole(caller, SessionID, Offset, bytesOf(Data)) };
      },
      CloseConsole: async ({ host, caller, input }) => {
        await host.closeConsole(caller, input.SessionID);
        return completed;
      },
    },
  }),
];

function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, "base64");
  // Buffer takes whatever it finds: only what it would write itself is base64.
  if (bytes.toString("base64") === text) return new Uint8Array(bytes);
  throw new HyperVError("Data is not base64", {
    code: "WMI_VALUE_INVALID",
    family: "caller",
    hresult: 0x80070057,
    remedy: "Send the bytes in base64, padded, in one line.",
  });
}
