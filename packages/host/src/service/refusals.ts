import { HostError, Hresult } from "../errors.ts";

/** What the host refuses to do for the people who use it. */
export function invalid(message: string, remedy: string): HostError {
  return new HostError(message, {
    code: "INVALID_REQUEST",
    family: "caller",
    hresult: Hresult.invalidArgument,
    remedy,
  });
}

export function exists(name: string): HostError {
  return new HostError(`there is a virtual machine called ${name} already`, {
    code: "VM_EXISTS",
    family: "caller",
    hresult: Hresult.failed,
    remedy: "Stop it before defining it anew, or choose another name.",
  });
}

export function sessionEnded(): HostError {
  return new HostError("the session has ended", {
    code: "SESSION_UNKNOWN",
    family: "caller",
    hresult: Hresult.accessDenied,
    remedy: "Sign in again.",
  });
}

export function moving(name: string): HostError {
  return new HostError(`${name} is being moved`, {
    code: "VM_MOVING",
    family: "caller",
    hresult: Hresult.failed,
    remedy: "Wait until the move has ended, or cancel it.",
  });
}

export function notFound(kind: string, id: string): HostError {
  return new HostError(`this host has no ${kind} ${id} that you may see`, {
    code: "NOT_FOUND",
    family: "caller",
    hresult: Hresult.notFound,
    remedy: "Check the name or id, and which rights the host's access rules give you.",
  });
}
