/** ReturnValue of the methods of Hyper-V's WMI provider (MicrosoftDocs/win32, HyperV_v2, one page per method). */
export const ReturnValue = {
  completed: 0,
  jobStarted: 4096,
  failed: 32768,
  accessDenied: 32769,
  notSupported: 32770,
  unknown: 32771,
  timeout: 32772,
  invalidParameter: 32773,
  systemInUse: 32774,
  invalidState: 32775,
  incorrectDataType: 32776,
  systemNotAvailable: 32777,
  outOfMemory: 32778,
  notCompatible: 32784,
} as const;

/** ReturnValue of the methods that Hyper-V inherits from CIM, such as CheckVirtualSystemIsMigratableToHost. */
export const CimReturnValue = {
  completed: 0,
  notSupported: 1,
  failed: 2,
  timeout: 3,
  invalidParameter: 4,
  invalidState: 5,
  incompatibleParameters: 6,
} as const;

const names: ReadonlyMap<number, string> = new Map([
  [0, "completed"],
  [1, "not supported"],
  [2, "failed"],
  [3, "timed out"],
  [4, "invalid parameter"],
  [5, "invalid state"],
  [6, "incompatible parameters"],
  [4096, "job started"],
  [4097, "invalid state transition"],
  [4099, "busy"],
  [32768, "failed"],
  [32769, "access denied"],
  [32770, "not supported"],
  [32771, "status is unknown"],
  [32772, "timed out"],
  [32773, "invalid parameter"],
  [32774, "the system is in use"],
  [32775, "invalid state for this operation"],
  [32776, "incorrect data type"],
  [32777, "the system is not available"],
  [32778, "out of memory"],
  [32784, "not compatible"],
]);

export function describeReturnValue(value: number): string {
  return names.get(value) ?? `code ${value}`;
}
