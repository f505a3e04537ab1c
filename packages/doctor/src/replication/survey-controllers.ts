import { withDeadline } from "@waybill/base";
import type { Account } from "@waybill/directory";
import type { LdapClient } from "@waybill/ldap";
import { inParallel } from "../in-parallel.ts";
import { type ControllerReading, readController } from "./controller-reading.ts";
import type { ClockReading } from "./kdc-clock.ts";

/** A controller, or the KDC of one, with the clock it has. */
export interface TimeSource {
  readonly name: string;
  readonly clock?: ClockReading | undefined;
  readonly failure?: string | undefined;
}

export interface ControllerSurvey {
  readonly controllers: readonly ControllerReading[];
  /** KDCs, which may be reached at other addresses than the directory. */
  readonly kdcs: readonly TimeSource[];
}

export interface SurveyControllersRequest {
  readonly accounts: readonly Account[];
  /** How each controller is called, and reached as whoever asks. */
  readonly controllers: readonly {
    readonly name: string;
    readonly connect: (signal: AbortSignal) => Promise<LdapClient>;
  }[];
  readonly kdcs?: readonly {
    readonly name: string;
    readonly read: (signal: AbortSignal) => Promise<ClockReading | undefined>;
  }[];
  /** Milliseconds for each; 15 s unless told. */
  readonly timeout?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const atOnce = 8;

/** Asks every controller for its clock and for the accounts that matter. One that does not answer is noted as such. */
export async function surveyControllers(request: SurveyControllersRequest): Promise<ControllerSurvey> {
  const { accounts, controllers, kdcs = [], timeout = 15_000, signal } = request;
  const [readings, times] = await Promise.all([
    inParallel(controllers, atOnce, async ({ name, connect }): Promise<ControllerReading> => {
      try {
        return await withDeadline({ what: `asking ${name}`, timeout, signal }, async (stop) => {
          const ldap = await connect(stop);
          try {
            return await readController(ldap, name, accounts, stop);
          } finally {
            ldap.close();
          }
        });
      } catch (error) {
        if (signal?.aborted === true) throw error;
        return { name, server: name, accounts: new Map(), failure: said(error) };
      }
    }),
    inParallel(kdcs, atOnce, async ({ name, read }): Promise<TimeSource> => {
      try {
        return { name, clock: await withDeadline({ what: `asking ${name}`, timeout, signal }, read) };
      } catch (error) {
        if (signal?.aborted === true) throw error;
        return { name, failure: said(error) };
      }
    }),
  ]);
  return { controllers: readings, kdcs: times };
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
