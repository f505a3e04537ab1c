import { encodeControls } from "../controls/request-controls.ts";
import { LdapConnectionError } from "../errors.ts";
import type { BindResponse, LdapResult, ProtocolOp } from "../messages/ldap-message.ts";
import type { OperationOptions } from "./client-options.ts";
import { isSuccess, type LdapConnection, toLdapError, type WaitOptions } from "./ldap-connection.ts";

const ldapVersion = 3;

type Authentication = Extract<ProtocolOp, { kind: "bindRequest" }>["value"]["authentication"];

/** Requests that one message answers: everything but a search. */
export class SingleRequests {
  readonly #connection: LdapConnection;
  readonly #timeout: number;

  constructor(connection: LdapConnection, timeout: number) {
    this.#connection = connection;
    this.#timeout = timeout;
  }

  /** The server's answer to one step of a bind, whatever it is. */
  async bind(name: string, authentication: Authentication, options: OperationOptions): Promise<BindResponse> {
    if (!this.#connection.idle) throw usage("a bind cannot begin while operations are under way");
    const value = { version: ldapVersion, name, authentication };
    const answer = await this.#send("the bind", { kind: "bindRequest", value }, options);
    if (answer.kind !== "bindResponse") throw unexpected("the bind", answer);
    return answer.value;
  }

  /** @throws LdapError the server's refusal */
  async change(what: string, op: ProtocolOp, options: OperationOptions): Promise<void> {
    const result = await this.answer(what, op, options);
    if (!isSuccess(result)) throw toLdapError(result, what);
  }

  async answer(what: string, op: ProtocolOp, options: OperationOptions): Promise<LdapResult> {
    const answer = await this.#send(what, op, options);
    switch (answer.kind) {
      case "addResponse":
      case "modifyResponse":
      case "delResponse":
      case "modDNResponse":
      case "compareResponse":
        return answer.value;
      default:
        throw unexpected(what, answer);
    }
  }

  /** @throws LdapError the server's refusal */
  async extended(
    requestName: string,
    requestValue: Uint8Array | undefined,
    options: OperationOptions,
    what: string,
  ): Promise<Uint8Array> {
    const value = { requestName, ...(requestValue === undefined ? {} : { requestValue }) };
    const answer = await this.#send(what, { kind: "extendedReq", value }, options);
    if (answer.kind !== "extendedResp") throw unexpected(what, answer);
    if (!isSuccess(answer.value)) throw toLdapError(answer.value, what);
    return answer.value.responseValue ?? new Uint8Array(0);
  }

  wait(options: OperationOptions): WaitOptions {
    return { timeout: options.timeout ?? this.#timeout, signal: options.signal };
  }

  async #send(what: string, op: ProtocolOp, options: OperationOptions): Promise<ProtocolOp> {
    const { protocolOp } = await this.#connection.request(
      what,
      op,
      encodeControls(options),
      this.wait(options),
    );
    return protocolOp;
  }
}

/** The caller did something in the wrong order. */
export function usage(message: string): LdapConnectionError {
  return new LdapConnectionError("LDAP_USAGE", message);
}

function unexpected(what: string, op: ProtocolOp): LdapConnectionError {
  return new LdapConnectionError("LDAP_PROTOCOL_ERROR", `the server answered ${what} with ${op.kind}`);
}
