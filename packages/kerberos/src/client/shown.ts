import { formatPrincipal, type Principal } from "../principal.ts";

/** How the name of a principal shows in messages for people and in traces. */
export function shown(principal: Principal): string {
  return formatPrincipal(principal, { display: true });
}
