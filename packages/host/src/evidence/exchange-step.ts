/** One Kerberos step as it happened, for people: `--explain`, the job's record and the doctor. */
export interface ExchangeStep {
  readonly exchange: "evidence" | "TGS" | "S4U2Self" | "S4U2Proxy";
  /** What was asked, in one line. */
  readonly asked: string;
  readonly outcome: "ok" | "refused" | "skipped";
  /** Whether the ticket that came of it can be used as evidence. */
  readonly forwardable?: boolean | undefined;
  /** `KDC_ERR_BADOPTION` and the like. */
  readonly code?: string | undefined;
  /** Why, in one line, as far as this side can know. */
  readonly why?: string | undefined;
}
