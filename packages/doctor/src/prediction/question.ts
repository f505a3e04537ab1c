import type { Exchange } from "./story.ts";

/** What is asked in an exchange, as a sentence without full stop. */
export function questionOf({
  kind,
  by,
  client,
  service,
}: Pick<Exchange, "kind" | "by" | "client" | "service">): string {
  switch (kind) {
    case "login":
    case "host-login":
      return `${by} signs in (AS)`;
    case "service-ticket":
      return `${by} asks for a ticket to ${service} (TGS)`;
    case "s4u2self":
      return `${by} asks for a ticket to itself in the name of ${client} (S4U2Self)`;
    case "s4u2proxy":
      return `${by} asks for a ticket to ${service} in the name of ${client} (S4U2Proxy)`;
  }
}
