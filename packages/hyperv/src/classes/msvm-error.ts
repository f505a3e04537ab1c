import { arrayOf, string, uint16, uint32 } from "../schema/property.ts";
import { type Instance, wmiClass } from "../schema/wmi-class.ts";

/** One error (HyperV_v2/msvm-error). Only ever embedded: in GetError, GetErrorEx and CheckSystemCompatibilityInfo. */
export const MsvmError = wmiClass("Msvm_Error", {
  keys: [],
  superclasses: ["CIM_Error"],
  properties: {
    ErrorType: uint16,
    OtherErrorType: string,
    OwningEntity: string,
    MessageID: string,
    Message: string,
    MessageArguments: arrayOf(string),
    PerceivedSeverity: uint16,
    ProbableCause: uint16,
    ProbableCauseDescription: string,
    RecommendedActions: arrayOf(string),
    ErrorSource: string,
    ErrorSourceFormat: uint16,
    CIMStatusCode: uint32,
    CIMStatusCodeDescription: string,
  },
});
export type MsvmError = Instance<typeof MsvmError>;

/** CIM_Error.ErrorType. */
export const ErrorTypeNumber = {
  other: 1,
  communications: 2,
  software: 4,
  environment: 6,
  security: 7,
  oversubscription: 8,
} as const;
