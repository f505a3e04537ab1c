import type { Logger } from "@waybill/base";
import type { BindRequest, LdapResult } from "../messages/ldap-message.ts";
import { ResultCode, resultCodeName } from "../registry/result-codes.ts";
import type { LdapSession } from "./backend.ts";
import { type OperationRequest, targetOf } from "./requests.ts";

/** One line for every bind that succeeded or failed; steps on the way are no news. */
export function logBind(
  logger: Logger,
  session: LdapSession<unknown>,
  { name, authentication }: BindRequest,
  result: LdapResult,
): void {
  if (result.resultCode === ResultCode.saslBindInProgress) return;
  const method = authentication.kind === "sasl" ? authentication.value.mechanism : authentication.kind;
  const { id: connection, peer, tls } = session;
  logger.info("ldap.bind", { connection, peer, method, name, tls, ...resultFacts(result) });
}

/** One line for every operation; reading is of interest for debugging only. */
export function logOperation(
  logger: Logger,
  connection: number,
  request: OperationRequest,
  result: LdapResult,
  milliseconds: number,
): void {
  const reads = request.kind === "searchRequest" || request.kind === "compareRequest";
  const facts = {
    connection,
    operation: request.kind,
    dn: targetOf(request),
    ...resultFacts(result),
    milliseconds,
  };
  if (reads) logger.debug("ldap.operation", facts);
  else logger.info("ldap.operation", facts);
}

function resultFacts({ resultCode, diagnosticMessage }: LdapResult): { result: string; text?: string } {
  const result = resultCodeName(resultCode);
  return diagnosticMessage === "" ? { result } : { result, text: diagnosticMessage };
}
