import { type ErrorDetails, WaybillError } from "@waybill/base";

export interface HostErrorDetails extends ErrorDetails {
  /** The HRESULT a Hyper-V host would answer with, as an unsigned number. */
  readonly hresult?: number;
}

/** A refusal or failure of a virtualization host. */
export class HostError extends WaybillError {
  readonly hresult: number | undefined;

  constructor(message: string, details: HostErrorDetails) {
    super(message, details);
    this.hresult = details.hresult;
  }

  override toJSON(): Record<string, unknown> {
    const hresult = this.hresult === undefined ? {} : { hresult: formatHresult(this.hresult) };
    return { ...super.toJSON(), ...hresult };
  }
}

/** HRESULTs that administrators know from Hyper-V. */
export const Hresult = {
  noCredentials: 0x8009030e,
  wrongPrincipal: 0x80090322,
  accessDenied: 0x80070005,
  invalidArgument: 0x80070057,
  notFound: 0x80070490,
  timeout: 0x8007274c,
  connectionRefused: 0x8007274d,
  connectionReset: 0x80072746,
  outOfMemory: 0x8007000e,
  cancelled: 0x800704c7,
  failed: 0x80004005,
} as const;

/** `0x8009030E`, as event logs and forums print it. */
export function formatHresult(hresult: number): string {
  return `0x${hresult.toString(16).toUpperCase().padStart(8, "0")}`;
}
