import { errorToJson, type Logger } from "@waybill/base";
import { LdapError } from "../errors.ts";
import type { MessageChannel } from "../message-channel.ts";
import type { Control, LdapResult } from "../messages/ldap-message.ts";
import { ResultCode } from "../registry/result-codes.ts";
import type { SecurityContext } from "../sasl/security-context.ts";
import type { LdapSession } from "./backend.ts";
import { bindRequired } from "./bind-errors.ts";
import type { ConnectionServices } from "./client-connection.ts";
import { logOperation } from "./operation-log.ts";
import type { PagedSearches } from "./paged-searches.ts";
import { readControls } from "./request-context.ts";
import { abandoned, type RequestFlow } from "./request-flow.ts";
import { answer, isRootDse, type OperationRequest, runUpdate, success, toResult } from "./requests.ts";
import { readRootDse } from "./root-dse.ts";
import { runSearch } from "./run-search.ts";

/** The parts of a connection that its operations work with. */
export interface OperationConnection<Identity, Context extends SecurityContext> {
  readonly services: ConnectionServices<Identity, Context>;
  readonly channel: MessageChannel;
  readonly flow: RequestFlow;
  readonly paged: PagedSearches;
  /** As it is now; it changes with every bind. */
  session(): LdapSession<Identity>;
}

/** The reason an operation's signal fires with when it took too long. */
const timeUp = new LdapError({ resultCode: "timeLimitExceeded" });

/** Runs searches and changes of one connection over the backend and sends their answers. */
export class OperationRunner<Identity, Context extends SecurityContext> {
  readonly #connection: OperationConnection<Identity, Context>;
  #stalledSince: number | undefined;

  constructor(connection: OperationConnection<Identity, Context>) {
    this.#connection = connection;
  }

  /** Since when the client has taken nothing of what is sent to it. */
  get stalledSince(): number | undefined {
    return this.#stalledSince;
  }

  /** Answers one request, whatever comes of it. */
  async run(
    messageID: number,
    request: OperationRequest,
    wireControls: Control[] | undefined,
  ): Promise<void> {
    const { services, channel, flow } = this.#connection;
    const session = this.#connection.session();
    const controller = flow.begin(messageID);
    const started = Date.now();
    const timer = setTimeout(() => controller.abort(timeUp), this.#timeAllowed(request));
    let result = success;
    let responseControls: Control[] = [];
    try {
      if (request.kind === "searchRequest") {
        responseControls = await this.#search(messageID, request, wireControls, controller.signal);
      } else {
        if (session.identity === undefined) throw bindRequired();
        const operation = {
          session,
          controls: readControls(wireControls),
          signal: controller.signal,
        };
        result = await runUpdate(services.backend, request, operation);
      }
    } catch (error) {
      result = resultOf(
        controller.signal.aborted ? controller.signal.reason : error,
        session.id,
        services.logger,
      );
    } finally {
      clearTimeout(timer);
    }
    if (controller.signal.reason !== abandoned) {
      const controls = responseControls.length === 0 ? {} : { controls: responseControls };
      channel.send({ messageID, protocolOp: answer(request, result), ...controls });
      logOperation(services.logger, session.id, request, result, Date.now() - started);
    }
    flow.end(messageID);
  }

  async #search(
    messageID: number,
    request: Extract<OperationRequest, { kind: "searchRequest" }>,
    wireControls: Control[] | undefined,
    signal: AbortSignal,
  ): Promise<Control[]> {
    const { services, channel, paged } = this.#connection;
    const session = this.#connection.session();
    if (session.identity === undefined && !isRootDse(request)) throw bindRequired();
    const { backend, limits } = services;
    const controls = readControls(wireControls);
    return await runSearch({
      backend,
      limits,
      controls,
      messageID,
      request: request.value,
      operation: { session, controls, signal },
      controller: new AbortController(),
      paged,
      rootDse: () => readRootDse(services, session),
      send: (protocolOp) => channel.send({ messageID, protocolOp }),
      drained: () => this.#drained(),
    });
  }

  async #drained(): Promise<void> {
    const { channel } = this.#connection;
    if (!channel.congested) return;
    this.#stalledSince ??= Date.now();
    await channel.drained();
    this.#stalledSince = undefined;
  }

  #timeAllowed(request: OperationRequest): number {
    const { searchTimeout } = this.#connection.services.limits;
    if (request.kind !== "searchRequest" || request.value.timeLimit === 0) return searchTimeout;
    return Math.min(request.value.timeLimit * 1000, searchTimeout);
  }
}

/** What went wrong in an operation, as the client hears it. */
export function resultOf(error: unknown, connection: number, logger: Logger): LdapResult {
  if (error instanceof LdapError) return toResult(error);
  logger.error("ldap.internal", { connection, ...errorToJson(error) });
  return { ...success, resultCode: ResultCode.other, diagnosticMessage: "internal error" };
}
