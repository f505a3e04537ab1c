import {
  type Credential,
  formatEncType,
  formatPrincipal,
  isForwardable,
  type Principal,
  TicketFlags,
} from "@waybill/kerberos";
import { style } from "./style.ts";

/** A name as people read it: nothing in it is quoted. */
export function displayName(principal: Principal): string {
  return formatPrincipal(principal, { display: true });
}

/** The flags a ticket has, by name, in the order of their bits. */
export function flagNames(flags: number): string[] {
  return Object.entries(TicketFlags)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
}

/** A ticket as plain data: everything but its keys. */
export interface TicketView {
  readonly client: string;
  readonly server: string;
  readonly flags: readonly string[];
  readonly forwardable: boolean;
  readonly authTime: string;
  readonly startTime?: string;
  readonly endTime: string;
  readonly renewTill?: string;
  readonly sessionKey: string;
  readonly ticketKey: string;
  readonly ticketKvno?: number;
}

export function viewTicket(credential: Credential): TicketView {
  const { client, server, flags, authTime, startTime, endTime, renewTill, key, ticket } = credential;
  const iso = (time: number): string => new Date(time).toISOString();
  return {
    client: displayName(client),
    server: displayName(server),
    flags: flagNames(flags),
    forwardable: isForwardable(credential),
    authTime: iso(authTime),
    ...(startTime === undefined ? {} : { startTime: iso(startTime) }),
    endTime: iso(endTime),
    ...(renewTill === undefined ? {} : { renewTill: iso(renewTill) }),
    sessionKey: formatEncType(key.keytype),
    ticketKey: formatEncType(ticket.encPart.etype),
    ...(ticket.encPart.kvno === undefined ? {} : { ticketKvno: ticket.encPart.kvno }),
  };
}

/** A ticket for people, one fact a line. */
export function formatTicket(credential: Credential, indent = ""): string {
  const view = viewTicket(credential);
  const facts: readonly (readonly [string, string])[] = [
    ["client", view.client],
    ["server", view.server],
    ["flags", view.flags.join(", ") || "none"],
    [
      "valid",
      `${localTime(credential.startTime ?? credential.authTime)} to ${localTime(credential.endTime)}`,
    ],
    ...(credential.renewTill === undefined
      ? []
      : [["renewable", `until ${localTime(credential.renewTill)}`] as const]),
    ["encryption", `ticket ${view.ticketKey}, session ${view.sessionKey}`],
  ];
  return facts.map(([name, value]) => `${indent}${style.faint(name.padEnd(11))}${value}`).join("\n");
}

/** `2026-11-22 18:05:00`, in the person's own time. */
export function localTime(time: number): string {
  const date = new Date(time);
  const two = (value: number): string => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
