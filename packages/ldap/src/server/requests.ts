import { LdapError } from "../errors.ts";
import type { LdapResult, ProtocolOp } from "../messages/ldap-message.ts";
import { ResultCode, type ResultCodeName } from "../registry/result-codes.ts";
import type { AttributeChange, LdapBackend, LdapOperation } from "./backend.ts";

/** Requests that are run over the backend, each under its own message id. */
export type OperationRequest = Extract<
  ProtocolOp,
  {
    kind: "searchRequest" | "modifyRequest" | "addRequest" | "delRequest" | "modDNRequest" | "compareRequest";
  }
>;

export type UpdateRequest = Exclude<OperationRequest, { kind: "searchRequest" }>;

export const success: LdapResult = { resultCode: ResultCode.success, matchedDN: "", diagnosticMessage: "" };

const answers = {
  searchRequest: "searchResDone",
  modifyRequest: "modifyResponse",
  addRequest: "addResponse",
  delRequest: "delResponse",
  modDNRequest: "modDNResponse",
  compareRequest: "compareResponse",
} as const satisfies Record<OperationRequest["kind"], ProtocolOp["kind"]>;

/** The last message of an operation. */
export function answer(request: OperationRequest, value: LdapResult): ProtocolOp {
  return { kind: answers[request.kind], value };
}

/** The name an operation is about. */
export function targetOf(request: OperationRequest): string {
  switch (request.kind) {
    case "searchRequest":
      return request.value.baseObject;
    case "modifyRequest":
      return request.value.object;
    case "delRequest":
      return request.value;
    default:
      return request.value.entry;
  }
}

export function isRootDse(request: OperationRequest): boolean {
  return request.kind === "searchRequest" && request.value.baseObject === "" && request.value.scope === 0;
}

/** Runs everything but a search. @throws LdapError, and whatever the backend throws. */
export async function runUpdate<Identity>(
  backend: LdapBackend<Identity, never>,
  request: UpdateRequest,
  operation: LdapOperation<Identity>,
): Promise<LdapResult> {
  switch (request.kind) {
    case "addRequest": {
      const attributes = request.value.attributes.map(({ type, vals }) => ({ type, values: vals }));
      await backend.add({ dn: request.value.entry, attributes }, operation);
      return success;
    }
    case "modifyRequest":
      await backend.modify(request.value.object, request.value.changes.map(toChange), operation);
      return success;
    case "delRequest":
      await backend.delete(request.value, operation);
      return success;
    case "modDNRequest": {
      const { entry, newrdn, deleteoldrdn, newSuperior } = request.value;
      await backend.rename(entry, { newRdn: newrdn, deleteOldRdn: deleteoldrdn, newSuperior }, operation);
      return success;
    }
    case "compareRequest": {
      const { attributeDesc, assertionValue } = request.value.ava;
      const assertion = { type: attributeDesc, value: assertionValue };
      const same = await backend.compare(request.value.entry, assertion, operation);
      return { ...success, resultCode: same ? ResultCode.compareTrue : ResultCode.compareFalse };
    }
  }
}

const changeOperations: readonly AttributeChange["operation"][] = ["add", "delete", "replace"];

function toChange(change: {
  operation: number;
  modification: { type: string; vals: Uint8Array[] };
}): AttributeChange {
  const operation = changeOperations[change.operation];
  if (operation === undefined) throw refusal("protocolError", `unknown change ${change.operation}`);
  const { type, vals } = change.modification;
  if (operation === "add" && vals.length === 0) throw refusal("protocolError", `adding no value of ${type}`);
  return { operation, type, values: vals };
}

export function refusal(resultCode: ResultCodeName, diagnosticMessage: string): LdapError {
  return new LdapError({ resultCode, diagnosticMessage });
}

/** A refusal as it goes on the wire. */
export function toResult(error: LdapError): LdapResult {
  const { resultCode, matchedDn, diagnosticMessage, referrals } = error;
  const referral = referrals.length === 0 ? {} : { referral: [...referrals] };
  return { resultCode, matchedDN: matchedDn, diagnosticMessage, ...referral };
}
