import type { AttributeChange, LdapAttribute } from "@waybill/ldap";
import { DirectoryError } from "../errors.ts";
import { addObject } from "../ldap-backend/add-object.ts";
import type { ModifyContext } from "../ldap-backend/modify-context.ts";
import { modifyObject } from "../ldap-backend/modify-object.ts";
import { WellKnownRid } from "../model/well-known.ts";
import { requesterOf } from "../rights/requester.ts";
import { attributeType } from "../schema/attributes.ts";
import type { WritableDirectory } from "../writable-directory.ts";
import type { LdifProblem, LdifRecord } from "./ldif-record.ts";
import { readLdif } from "./read-ldif.ts";

export interface ImportResult {
  readonly added: number;
  readonly changed: number;
  readonly problems: readonly LdifProblem[];
}

/**
 * Carries out an LDIF file as the domain's Administrator: entries are added, or brought into line when they exist;
 * change records do what they say. What the directory keeps itself (SIDs, times) is left out. Each record is one
 * transaction; one that fails, or has a line that cannot be read, is reported and skipped as a whole.
 *
 * @throws DirectoryError BAD_LDIF, NO_SUCH_OBJECT when the domain has lost its Administrator
 */
export async function importLdif(
  directory: WritableDirectory,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<ImportResult> {
  const problems: LdifProblem[] = [];
  const members: { readonly line: number; readonly dn: string; readonly values: readonly Uint8Array[] }[] =
    [];
  let added = 0;
  let changed = 0;
  const attempt = (line: number, work: () => void): boolean => {
    try {
      work();
      return true;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push({ line, text: error.message });
      return false;
    }
  };
  const onProblem = (problem: LdifProblem): number => problems.push(problem);
  for await (const record of readLdif(source, { onProblem, signal: options.signal })) {
    if (record.damaged) continue;
    attempt(record.line, () => {
      if (record.kind === "entry" || record.kind === "add") {
        const later = record.attributes.find(({ type }) => type.toLowerCase() === "member");
        if (later !== undefined) members.push({ line: record.line, dn: record.dn, values: later.values });
        if (takeEntry(directory, record.dn, record.attributes)) added++;
        else changed++;
      } else {
        carryOut(directory, record);
        changed++;
      }
    });
  }
  // Groups may come before their members.
  for (const { line, dn, values } of members) {
    const changes = values.map((value) => ({ operation: "add", type: "member", values: [value] }) as const);
    attempt(line, () => modify(directory, dn, changes));
  }
  return { added, changed, problems };
}

/** @returns whether the entry is new */
function takeEntry(directory: WritableDirectory, dn: string, attributes: readonly LdapAttribute[]): boolean {
  const own = attributes.filter(({ type }) => {
    const known = attributeType(type);
    const name = type.toLowerCase();
    return known?.system !== true && name !== "member" && name !== "pwdlastset" && name !== "lockouttime";
  });
  if (directory.idOfDn(dn) === undefined) {
    directory.change((editor) => addObject(editor, { dn, attributes: own }, context(directory)));
    return true;
  }
  const naming = /^\s*([A-Za-z]+)/.exec(dn)?.[1]?.toLowerCase();
  const changes = own
    .filter(({ type }) => !["objectclass", "objectcategory", naming].includes(type.toLowerCase()))
    .map(({ type, values }) => ({ operation: "replace", type, values }) as const);
  modify(directory, dn, changes);
  return false;
}

function carryOut(
  directory: WritableDirectory,
  record: Exclude<LdifRecord, { readonly kind: "entry" | "add" }>,
): void {
  switch (record.kind) {
    case "delete":
      directory.change((editor) => editor.remove(record.dn));
      break;
    case "rename":
      directory.change((editor) => editor.rename(record.dn, record.newRdn, record.newSuperior));
      break;
    default:
      modify(directory, record.dn, record.changes);
  }
}

function modify(directory: WritableDirectory, dn: string, changes: readonly AttributeChange[]): void {
  directory.change((editor) => modifyObject(editor, editor.require(dn), changes, context(directory)));
}

/** The file's owner may do what the domain's Administrator may. */
function context(directory: WritableDirectory): ModifyContext {
  const administrator = directory.bySid(`${directory.domain.sid}-${WellKnownRid.administrator}`);
  if (administrator === undefined) {
    throw new DirectoryError("the domain has no Administrator account", {
      code: "NO_SUCH_OBJECT",
      family: "caller",
    });
  }
  return {
    requester: requesterOf(directory, administrator),
    permissive: true,
    confidential: true,
    sdFlags: 7,
  };
}
