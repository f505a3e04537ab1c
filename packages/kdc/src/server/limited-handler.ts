import { emptyBytes, type RateLimiter } from "@waybill/base";
import type { RequestHandler } from "./request-handler.ts";

/** A handler that gives no answer to clients over their limit: datagrams are dropped, connections closed. */
export function limitedHandler(handler: RequestHandler, limiter: RateLimiter | undefined): RequestHandler {
  if (limiter === undefined) return handler;
  return {
    handle: (request, context) =>
      limiter.admit(context.clientAddress) ? handler.handle(request, context) : emptyBytes,
  };
}
