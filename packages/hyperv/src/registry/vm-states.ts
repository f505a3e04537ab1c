/** EnabledState of Msvm_ComputerSystem, by Waybill's names. */
export const EnabledState = {
  running: 2,
  off: 3,
  stopping: 4,
  saved: 6,
  paused: 9,
  starting: 10,
} as const;

export type VmState = keyof typeof EnabledState | "unknown";

/** Transitional values of EnabledState that Hyper-V also reports, as the state they lead to or leave. */
const transitional: ReadonlyMap<number, VmState> = new Map([
  [32768, "paused"],
  [32769, "saved"],
  [32770, "starting"],
  [32773, "stopping"],
  [32774, "stopping"],
  [32776, "paused"],
  [32777, "starting"],
]);

export function vmStateOf(value: number | undefined): VmState {
  for (const [name, state] of Object.entries(EnabledState)) if (state === value) return name as VmState;
  return transitional.get(value ?? -1) ?? "unknown";
}

/** RequestedState of Msvm_ComputerSystem.RequestStateChange. `shutdown` asks the guest, `off` pulls the plug. */
export const RequestedState = {
  running: 2,
  off: 3,
  shutdown: 4,
  saved: 6,
  paused: 9,
  restart: 10,
  reset: 11,
} as const;

export type VmRequest = keyof typeof RequestedState;

export function vmRequestOf(value: number): VmRequest | undefined {
  for (const [name, state] of Object.entries(RequestedState)) if (state === value) return name as VmRequest;
  return undefined;
}

/** OperationalStatus of a managed element, and Hyper-V's additions to it. */
export const OperationalStatus = {
  ok: 2,
  degraded: 3,
  predictiveFailure: 5,
  inService: 11,
  migratingVirtualMachine: 32774,
} as const;

export const HealthState = { ok: 5, minor: 20, critical: 25 } as const;
