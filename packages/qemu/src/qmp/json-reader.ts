import { QmpError } from "../qmp-error.ts";

/** What QEMU answered, read field by field: QEMU may be under the guest's control, so nothing is taken for granted. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw unexpected(what, "an object");
}

export function asList(value: unknown, what: string): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw unexpected(what, "a list");
}

export function textField(object: JsonObject, field: string): string {
  const value = object[field];
  if (typeof value === "string") return value;
  throw unexpected(field, "a string");
}

export function optionalText(object: JsonObject, field: string): string | undefined {
  return object[field] === undefined ? undefined : textField(object, field);
}

export function numberField(object: JsonObject, field: string): number {
  const value = object[field];
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw unexpected(field, "a number");
}

/** A number QEMU leaves out while it does not know it. */
export function numberOr<T>(object: JsonObject, field: string, fallback: T): number | T {
  return object[field] === undefined ? fallback : numberField(object, field);
}

export function booleanField(object: JsonObject, field: string): boolean {
  const value = object[field];
  if (typeof value === "boolean") return value;
  throw unexpected(field, "true or false");
}

function unexpected(what: string, needed: string): QmpError {
  return new QmpError(`QEMU's answer is not understood: ${what} should be ${needed}`, {
    code: "QMP_PROTOCOL",
    family: "peer",
  });
}
