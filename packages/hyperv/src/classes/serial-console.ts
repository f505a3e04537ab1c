import { boolean, required, string, uint32, uint64 } from "../schema/property.ts";
import { type Instance, method, wmiClass } from "../schema/wmi-class.ts";
import { waybillNamespace } from "../schema/wmi-reference.ts";

/**
 * The first serial port of a machine, Waybill's own class: WMI v2 has none that a client could read and write. One
 * instance for each machine.
 *
 * A client opens the console and then keeps asking for output on one connection, each question waiting a while for
 * something to be said, and writes on another. Offsets count bytes since the opening, separately for either
 * direction: whoever did not get an answer asks again with the same offset, and nothing is lost or doubled.
 */
export const WaybillSerialConsole = wmiClass("Waybill_SerialConsole", {
  namespace: waybillNamespace,
  keys: ["VirtualSystemIdentifier"],
  properties: { VirtualSystemIdentifier: required(string), ElementName: string },
  methods: {
    OpenConsole: method({ TakeOver: boolean }, { SessionID: string }),
    /** Answers what was said from Offset on, after at most Wait milliseconds. */
    ReadConsole: method(
      { SessionID: required(string), Offset: required(uint64), Wait: uint32 },
      {
        /** Later than asked for when the oldest bytes had to make room. */
        Offset: uint64,
        /** Base64. */
        Data: string,
        /** Given once nothing follows: see `ConsoleEndReason`. */
        EndReason: string,
        MovedTo: string,
        TakenBy: string,
      },
    ),
    /** Offset of the answer: up to where bytes were taken; what is beyond is to be sent again. */
    WriteConsole: method(
      { SessionID: required(string), Offset: required(uint64), Data: required(string) },
      { Offset: uint64 },
    ),
    CloseConsole: method({ SessionID: required(string) }, {}),
  },
});
export type WaybillSerialConsole = Instance<typeof WaybillSerialConsole>;
