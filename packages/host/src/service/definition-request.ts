import { randomUUID } from "node:crypto";
import type { VmDefinitionRequest } from "@waybill/hyperv";
import { documentFormat } from "./present.ts";
import { invalid } from "./refusals.ts";

/** What a person wants defined, whether they sent a whole document or Hyper-V's properties. @throws HostError `INVALID_REQUEST` */
export function definitionOf(request: VmDefinitionRequest): unknown {
  const { document } = request;
  if (document !== undefined) {
    if (document.format !== documentFormat)
      throw invalid(
        `documents of format ${document.format} are not understood`,
        `Send a document of format ${documentFormat}.`,
      );
    return readJson(document.text);
  }
  return {
    name: request.name,
    uuid: request.id ?? randomUUID(),
    memoryMiB: request.memoryMiB ?? 1024,
    vcpus: request.processors ?? 1,
    disks: (request.disks ?? []).map(({ id, path, readOnly }) => ({
      id,
      path,
      format: path.endsWith(".qcow2") ? "qcow2" : "raw",
      readOnly: readOnly ?? false,
    })),
    networks: (request.networks ?? []).map(({ id, mac, network }) => ({
      id,
      mac,
      attachment: { kind: "named", name: network ?? "default" },
    })),
  };
}

/** @throws HostError `INVALID_REQUEST` */
export function readJson(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Falls through to the refusal.
  }
  throw invalid("the document is not a JSON object", "Send the definition as one JSON object.");
}
