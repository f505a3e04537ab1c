import { type ErrorDetails, WaybillError } from "@waybill/base";
import { formatHresult } from "@waybill/wsman";

export interface HyperVErrorDetails extends ErrorDetails {
  /** The HRESULT Windows would show, unsigned. */
  readonly hresult?: number | undefined;
  /** The method's ReturnValue, when that is what refused. */
  readonly returnValue?: number | undefined;
}

/** A refusal or failure of the virtualization surface: a bad value, an unknown object, a method that returned an error. */
export class HyperVError extends WaybillError {
  readonly hresult: number | undefined;
  readonly returnValue: number | undefined;

  constructor(message: string, details: HyperVErrorDetails) {
    const { hresult, returnValue } = details;
    super(message, {
      ...details,
      facts: {
        ...details.facts,
        ...(hresult === undefined ? {} : { hresult: formatHresult(hresult) }),
        ...(returnValue === undefined ? {} : { returnValue }),
      },
    });
    this.hresult = hresult;
    this.returnValue = returnValue;
  }
}

/** A value on the wire that is not what its class declares. `path` reads `Msvm_MigrationJob.PercentComplete`. */
export function invalidValue(path: string, why: string): HyperVError {
  return new HyperVError(`${path}: ${why}`, {
    code: "WMI_VALUE_INVALID",
    family: "peer",
    hresult: 0x80070057,
    facts: { path },
  });
}
