import { HostError, Hresult } from "../errors.ts";
import type { DestinationMessage } from "./messages.ts";

/** What a host says when it does not go along with a migration. */
export function unexpected(what: string): HostError {
  return new HostError(`the source sent "${what}" where it has no place`, {
    code: "MIGRATION_PROTOCOL_ERROR",
    family: "peer",
    hresult: Hresult.failed,
    remedy: "Check that both hosts run compatible versions of Waybill.",
  });
}

export function migrationDisabled(host: string): HostError {
  return new HostError(`live migration is not enabled on ${host}`, {
    code: "MIGRATION_DISABLED",
    family: "environment",
    hresult: Hresult.connectionRefused,
    remedy: `Enable it: waybill host settings ${host} --enable-migration.`,
  });
}

export function limitReached(host: string, vm: string, limit: number): HostError {
  return new HostError(
    `Failed to perform migration on virtual machine '${vm}' because virtual machine migration limit '${limit}' was reached on ${host}, please wait for completion of an ongoing migration operation.`,
    {
      code: "MIGRATION_LIMIT",
      family: "environment",
      hresult: Hresult.failed,
      facts: { host, limit },
      remedy: `Wait, or raise the limit: waybill host settings ${host} --maximum-migrations N.`,
    },
  );
}

export function storageNotAuthorized(principal: string, host: string): HostError {
  return new HostError(
    `${principal} has not shown a ticket for cifs/${host}, and the disks are to be written there`,
    {
      code: "STORAGE_NOT_AUTHORIZED",
      family: "peer",
      hresult: Hresult.accessDenied,
      remedy: `Allow the source host to delegate to cifs/${host}.`,
    },
  );
}

export function notRunning(name: string): HostError {
  return new HostError(`${name} is not running, and only a running machine can be moved live`, {
    code: "VM_NOT_RUNNING",
    family: "caller",
    hresult: Hresult.failed,
    remedy: `Start it first: waybill vm start ${name}.`,
  });
}

/** A destination's refusal, as the source tells it on. */
export function fromRefusal(message: Extract<DestinationMessage, { type: "refused" }>): HostError {
  return new HostError(message.message, {
    code: message.code,
    family: "peer",
    facts: { refusedBy: "destination" },
    ...(message.hresult === undefined ? {} : { hresult: message.hresult }),
    ...(message.remedy === undefined ? {} : { remedy: message.remedy }),
  });
}

export function givenUp(destination: string, reason: string): HostError {
  return new HostError(`${destination} gave its copy up: ${reason}`, {
    code: "MIGRATION_DISCARDED",
    family: "peer",
    hresult: Hresult.failed,
    facts: { destination },
    remedy: `The machine is still here. See the log of ${destination}, then move it again.`,
  });
}
