import type { JobError } from "../model/job.ts";

/** HRESULTs that a migration's errors carry (Windows SDK, winerror.h). */
export const MigrationHresult = {
  noCredentials: 0x8009030e,
  unknownCredentials: 0x8009030d,
  wrongPrincipal: 0x80090322,
  accessDenied: 0x80070005,
  invalidArgument: 0x80070057,
  notFound: 0x80070490,
  outOfMemory: 0x8007000e,
  timedOut: 0x8007274c,
  connectionRefused: 0x8007274d,
  connectionReset: 0x80072746,
  cancelled: 0x800704c7,
  failed: 0x80004005,
} as const;

/** The two messages that administrators have met since 2016 when delegation refuses. */
export const DelegationMessage = {
  noCredentials: "No credentials are available in the security package (0x8009030E).",
  authenticationAtSource:
    "The Virtual Machine Management Service failed to authenticate the connection for a Virtual Machine migration " +
    "at the source host: no suitable credentials available.",
} as const;

/**
 * The errors of a migration that failed because the source host could not act for the person: both of Hyper-V's
 * messages, so that whoever searches for them finds this, then the reason and the remedy that Hyper-V never gave.
 */
export function delegationErrors(reason: {
  /** The named reason, for example `DELEGATION_EVIDENCE_NOT_FORWARDABLE`. */
  readonly code: string;
  /** One sentence: which object and attribute made the KDC refuse. */
  readonly explanation: string;
  readonly remedies: readonly string[];
}): readonly JobError[] {
  const hresult = MigrationHresult.noCredentials;
  return [
    {
      message: DelegationMessage.authenticationAtSource,
      hresult,
      errorType: "security",
      code: reason.code,
      remedies: [],
    },
    {
      message: DelegationMessage.noCredentials,
      hresult,
      errorType: "security",
      code: reason.code,
      remedies: [],
    },
    {
      message: reason.explanation,
      hresult,
      errorType: "security",
      code: reason.code,
      remedies: reason.remedies,
    },
  ];
}
