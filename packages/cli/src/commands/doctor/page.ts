import { writeFileSync } from "node:fs";
import { type HtmlReport, renderHtml } from "@waybill/doctor";
import type { OpenDirectory } from "../../session/open-directory.ts";

/** Writes a report to read in a browser. */
export function writePage(
  file: string,
  { directory, profile, readFrom, objects }: OpenDirectory,
  parts: Omit<HtmlReport, "domain" | "profile" | "readFrom" | "readAt" | "accounts"> &
    Partial<Pick<HtmlReport, "accounts">>,
): void {
  writeFileSync(
    file,
    renderHtml({
      domain: directory.domain.dnsName,
      profile,
      readFrom,
      accounts: objects,
      readAt: Date.now(),
      ...parts,
    }),
  );
}
