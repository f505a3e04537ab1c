import { errorToJson } from "@waybill/base";
import {
  type Credential,
  type Explanation,
  fromCachedCredential,
  isForwardable,
  KerberosError,
  ntStatusName,
  openCredentialCache,
  type Principal,
  parsePrincipal,
  readKeytab,
  type S4u2SelfPadata,
  samePrincipal,
  tgtFromCache,
  toCachedCredential,
} from "@waybill/kerberos";
import { type Command, Option } from "commander";
import { exitCodeOf } from "../output/exit-code.ts";
import { formatExplanation } from "../output/explanation.ts";
import { style } from "../output/style.ts";
import { displayName, formatTicket, type TicketView, viewTicket } from "../output/ticket-view.ts";
import { principalInKeytab } from "../session/parse-options.ts";
import { readWorkstation, type Workstation } from "../session/workstation.ts";

export interface S4uOptions {
  readonly keytab: string;
  readonly service?: string;
  readonly for?: string;
  readonly evidenceCache?: string;
  readonly to?: string;
  readonly padata: S4u2SelfPadata;
  readonly store?: string;
  readonly json?: boolean;
}

/** One exchange of a run: what was asked, and either the ticket or why there is none. */
interface Step {
  readonly name: string;
  readonly what: string;
  readonly ticket?: Credential;
  readonly refusal?: unknown;
}

export function registerTicketS4u(ticket: Command): void {
  ticket
    .command("s4u")
    .description("act for a user as a service may: each step, its flags, and why one is refused")
    .requiredOption("--keytab <file>", "the service's keytab")
    .option("--service <name>", "the service's account, such as kvm01$ (default: the keytab's first)")
    .option("--for <user>", "the user to act for, by S4U2Self")
    .option(
      "--evidence-cache <name>",
      "a cache of the user's that holds a login: the user's own ticket is the evidence",
    )
    .option("--to <spn>", "the service to reach in the user's name, by S4U2Proxy")
    .addOption(
      new Option("--padata <kind>", "how the user is named in S4U2Self")
        .choices(["both", "x509", "for-user"])
        .default("both"),
    )
    .option("--store <cache>", "keep the last ticket in this credential cache")
    .option("--json", "as JSON")
    .addHelpText(
      "after",
      `
Examples:
  waybill ticket s4u --keytab kvm01.keytab --for alice --to cifs/kvm02.lab.test
  waybill ticket s4u --keytab kvm01.keytab --evidence-cache /tmp/krb5cc_1000 \\
    --to 'Microsoft Virtual System Migration Service/kvm02.lab.test'`,
    )
    .action(async (options: S4uOptions, command: Command) => {
      if ((options.for === undefined) === (options.evidenceCache === undefined))
        command.error("error: give either --for or --evidence-cache");
      process.exitCode = await runS4u(options);
    });
}

async function runS4u(options: S4uOptions): Promise<number> {
  const steps: Step[] = [];
  for await (const step of s4uSteps(options, readWorkstation())) {
    steps.push(step);
    if (!options.json) console.log(formatStep(steps.length, step));
  }
  const refusal = steps.at(-1)?.refusal;
  if (options.json)
    console.log(JSON.stringify({ steps: steps.map(viewStep), granted: refusal === undefined }));
  return refusal === undefined
    ? 0
    : exitCodeOf(refusal instanceof KerberosError ? refusal.code : "UNEXPECTED");
}

/** Ends after the first step that is refused. What fails before the first exchange is thrown. */
async function* s4uSteps(options: S4uOptions, workstation: Workstation): AsyncGenerator<Step> {
  const { krb5, client } = workstation;
  const keytab = await readKeytab(options.keytab);
  const service = principalInKeytab(keytab, options.service, options.keytab, krb5.defaultRealm);
  const name = (text: string): Principal => parsePrincipal(text, { defaultRealm: service.realm });

  const login = await attempt("AS", `${displayName(service)} logs in with ${options.keytab}`, () =>
    client.login({ principal: service, keytab }),
  );
  yield login;
  if (login.ticket === undefined) return;
  const tgt = login.ticket;

  const evidence = await (options.for === undefined
    ? ownEvidence(options.evidenceCache ?? "", tgt, workstation)
    : selfEvidence(name(options.for), tgt, options.padata, workstation));
  yield evidence;
  let last = evidence.ticket;
  if (last === undefined) return;

  if (options.to !== undefined) {
    const target = name(options.to);
    const given = last;
    const what = `${displayName(tgt.client)} asks for a ticket to ${displayName(target)} in the name of ${displayName(given.client)}`;
    const proxy = await attempt("S4U2Proxy", what, () => client.s4u2proxy({ tgt, evidence: given, target }));
    yield proxy;
    last = proxy.ticket;
  }
  if (last !== undefined && options.store !== undefined) {
    await openCredentialCache(options.store).write({
      principal: last.client,
      credentials: [toCachedCredential(last)],
      config: [],
    });
  }
}

async function selfEvidence(
  user: Principal,
  tgt: Credential,
  padata: S4u2SelfPadata,
  { client }: Workstation,
): Promise<Step> {
  const what = `${displayName(tgt.client)} asks for a ticket to itself in the name of ${displayName(user)}`;
  return await attempt("S4U2Self", what, () => client.s4u2self({ tgt, user, padata }));
}

/** The user's own ticket to the service, as the service gets it when the user calls. */
async function ownEvidence(cacheName: string, tgt: Credential, { client }: Workstation): Promise<Step> {
  const cache = openCredentialCache(cacheName);
  const { credentials, principal } = await cache.read();
  const held = credentials.find(({ server }) => samePrincipal(server, tgt.client));
  const what = `${displayName(principal)} calls ${displayName(tgt.client)}, with the login in ${cacheName}`;
  return await attempt("TGS", what, async () =>
    held !== undefined && held.endTime > Date.now()
      ? fromCachedCredential(held)
      : await client.getTicket({ tgt: await tgtFromCache(cache), server: tgt.client }),
  );
}

async function attempt(name: string, what: string, exchange: () => Promise<Credential>): Promise<Step> {
  try {
    return { name, what, ticket: await exchange() };
  } catch (refusal) {
    if (!(refusal instanceof KerberosError)) throw refusal;
    return { name, what, refusal };
  }
}

function viewStep({ name, what, ticket, refusal }: Step): Record<string, unknown> {
  const view: TicketView | undefined = ticket && viewTicket(ticket);
  return { step: name, what, ...(view === undefined ? { error: errorToJson(refusal) } : { ticket: view }) };
}

function formatStep(number: number, { name, what, ticket, refusal }: Step): string {
  const head = `${style.strong(`${number}. ${name}`)}: ${what}`;
  if (ticket === undefined) return `${head}\n${formatRefusal(refusal)}\n`;
  const remark =
    name === "S4U2Self" && !isForwardable(ticket)
      ? `\n   ${style.warn("Not forwardable:")} classic constrained delegation will refuse it as evidence.`
      : "";
  return `${head}\n${formatTicket(ticket, "   ")}${remark}\n`;
}

function formatRefusal(refusal: unknown): string {
  if (!(refusal instanceof KerberosError)) return String(refusal);
  const { code, message, ntStatus, remedy } = refusal;
  const explanation: Explanation | undefined = refusal.explanation;
  const status = ntStatus === undefined ? "" : `, ${ntStatusName(ntStatus)}`;
  return [
    `   ${style.bad("refused")}: ${message}`,
    `   ${style.faint(`code ${code}${status}`)}`,
    ...(remedy === undefined ? [] : [`   ${style.strong("What to do:")} ${remedy}`]),
    ...(explanation === undefined ? [] : [formatExplanation(explanation).replace(/^/gm, "   ")]),
  ].join("\n");
}
