import { type ErrorDetails, WaybillError } from "@waybill/base";

/** A failure of QEMU, of the conversation with it, or of what was asked of it. */
export class QmpError extends WaybillError {}

/** A VM definition or an option that cannot be carried out; nothing was started or changed. */
export class DefinitionError extends WaybillError {
  constructor(
    message: string,
    details: Omit<ErrorDetails, "code" | "family"> & { readonly code?: string } = {},
  ) {
    super(message, { code: "VM_DEFINITION_INVALID", family: "caller", ...details });
  }
}

/** For `catch`: QEMU's refusal of a command is fine here, anything else is not. */
export function ignoreRefusal(error: unknown): void {
  if (!(error instanceof QmpError) || error.code !== "QMP_COMMAND_FAILED") throw error;
}
