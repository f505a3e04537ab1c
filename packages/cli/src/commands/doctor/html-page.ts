import { writeFileSync } from "node:fs";
import { type HtmlReport, renderHtml } from "@waybill/doctor";
import type { DoctorOptions } from "./options.ts";

/** `--html`: writes the page, and says where unless the output is for programs. */
export function writePage({ html, json }: DoctorOptions, report: Omit<HtmlReport, "readAt">): void {
  if (html === undefined) return;
  writeFileSync(html, renderHtml({ ...report, readAt: Date.now() }));
  if (json !== true) console.log(`\nReport: ${html}`);
}
