/** What a command's exit status says; documented in `docs/commands.md`. */
export const ExitCode = {
  done: 0,
  failed: 1,
  usage: 2,
  /** Authenticated or not, the answer was no. */
  refused: 3,
  unreachable: 4,
  /** The doctor found something. */
  findings: 5,
} as const;

const refusals: ReadonlySet<string> = new Set([
  "ACCESS_DENIED",
  "NO_SUITABLE_CREDENTIALS",
  "NOT_LOGGED_IN",
  "TICKET_EXPIRED",
  "STORAGE_NOT_AUTHORIZED",
  "PLAN_NOT_PERMITTED",
]);
const unreachables: ReadonlySet<string> = new Set([
  "KDC_UNREACHABLE",
  "MIGRATION_UNREACHABLE",
  "SERVICE_UNREACHABLE",
  "DEADLINE_EXCEEDED",
  "WSMAN_UNREACHABLE",
  "LDAP_CONNECT_FAILED",
]);

export function exitCodeOf(code: string): number {
  if (refusals.has(code) || code.startsWith("KDC_ERR_") || code.startsWith("KRB_AP_ERR_"))
    return ExitCode.refused;
  return unreachables.has(code) ? ExitCode.unreachable : ExitCode.failed;
}
