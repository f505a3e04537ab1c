import type { Exchange, Prediction } from "./story.ts";

type Told = Omit<Prediction, "sentence">;

/** One sentence for a whole prediction: what happens, and the object and attribute it hangs on. */
export function tellOutcome(told: Told, failed: Exchange | undefined): string {
  const move = `${told.person} can move machines from ${told.source} to ${told.destination} ${startPhrase(told)}`;
  if (failed === undefined) return `${move}: the KDC grants every ticket it takes.`;
  const cause = causeOf(told, failed);
  if (told.outcome === "depends-on-name") {
    const bad = told.exchanges.find(({ decision, target }) => decision === "refused" && target !== undefined);
    return `${move} only when the destination is not named as in "${bad?.service ?? failed.service}": ${cause}.`;
  }
  return `${move.replace(" can move machines ", " can move nothing ")}: ${cause}.`;
}

export function startPhrase(told: Pick<Told, "start" | "managementServer">): string {
  if (told.start === "at-source") return "when signed in on the source host";
  return told.start === "remote"
    ? "when started remotely"
    : `when started through ${told.managementServer ?? "a management server"}`;
}

/** Why an exchange was refused, without a full stop. */
export function causeOf(told: Pick<Told, "reason">, failed: Exchange): string {
  const { reason } = told;
  const [first] = failed.reasons;
  if (reason === undefined) return `the KDC refuses ${failed.service} (${failed.errorCode ?? "no code"})`;
  if (first?.id !== "evidence-not-forwardable") return lower(reason.sentence);
  const what = first.sentence.startsWith(`The ticket ${failed.by} made`)
    ? `the S4U2Self ticket that ${failed.by} got for ${failed.client} is not forwardable`
    : `the ticket of ${failed.client} to ${failed.by} is not forwardable`;
  if (reason.id === "kerberos-only") {
    return (
      `${what}, because ${failed.by} lacks TRUSTED_TO_AUTH_FOR_DELEGATION (userAccountControl 0x1000000 is off) ` +
      "while its msDS-AllowedToDelegateTo is not empty"
    );
  }
  if (reason.id === "not-trusted-to-authenticate") {
    return (
      `${what}, because ${failed.by} lacks TRUSTED_TO_AUTH_FOR_DELEGATION (userAccountControl 0x1000000 is off), ` +
      "which this KDC asks for even when msDS-AllowedToDelegateTo is empty"
    );
  }
  return reason.id === first.id ? what : `${what}, because ${lower(reason.sentence)}`;
}

/** A sentence as a clause: no full stop, and a small letter unless it begins with a name. */
export function lower(sentence: string): string {
  const text = sentence.replace(/\.$/, "");
  return /^(The|This|There|No|Users|Tickets) /.test(text)
    ? `${text.charAt(0).toLowerCase()}${text.slice(1)}`
    : text;
}
