import type { EpochMs } from "@waybill/base";
import type { AttributeValue, StoredKeySet, StoredObject } from "./stored-object.ts";

/**
 * An object as the LMDB store packs it: pairs of attribute name and values, names as numbers of the store's own list,
 * and so the values that many objects share.
 */
export type PackedObject = readonly [
  parentId: number,
  rdn: string,
  attributes: readonly (number | readonly AttributeValue[])[],
  keySets?: readonly PackedKeySet[],
];

/** The lists that stand behind the numbers. */
export interface CodecLists {
  nameNumber(name: string): number;
  nameOf(number: number): string;
  /** The number of a shared value, given out when it is new; `undefined` when the list is full. */
  sharedNumber(values: readonly AttributeValue[]): number | undefined;
  sharedOf(number: number): readonly AttributeValue[];
}

/** Attributes with few different values among very many objects. */
const sharedAttributes: ReadonlySet<string> = new Set([
  "objectclass",
  "objectcategory",
  "samaccounttype",
  "primarygroupid",
  "accountexpires",
  "instancetype",
  "codepage",
  "countrycode",
  "useraccountcontrol",
  "msds-supportedencryptiontypes",
]);

type PackedKeySet = readonly [kvno: number, setAt: EpochMs, keys: readonly PackedKey[]];
type PackedKey = readonly [keytype: number, keyvalue: Uint8Array, salt?: string];

export function packObject(object: StoredObject, lists: CodecLists): PackedObject {
  const attributes: (number | readonly AttributeValue[])[] = [];
  for (const [name, values] of object.attributes) {
    const shared = sharedAttributes.has(name) ? lists.sharedNumber(values) : undefined;
    attributes.push(lists.nameNumber(name), shared ?? values);
  }
  if (object.keySets === undefined) return [object.parentId, object.rdn, attributes];
  return [object.parentId, object.rdn, attributes, object.keySets.map(packKeySet)];
}

function packKeySet({ kvno, setAt, keys }: StoredKeySet): PackedKeySet {
  return [
    kvno,
    setAt,
    keys.map(({ keytype, keyvalue, salt }) =>
      salt === undefined ? [keytype, keyvalue] : [keytype, keyvalue, salt],
    ),
  ];
}

export function unpackObject(id: number, packed: PackedObject, lists: CodecLists): StoredObject {
  const [parentId, rdn, pairs, keySets] = packed;
  const attributes = new Map<string, readonly AttributeValue[]>();
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at];
    const values = pairs[at + 1];
    if (typeof name !== "number" || values === undefined) continue;
    attributes.set(lists.nameOf(name), typeof values === "number" ? lists.sharedOf(values) : values);
  }
  const object = { id, parentId, rdn, attributes };
  return keySets === undefined ? object : { ...object, keySets: keySets.map(unpackKeySet) };
}

function unpackKeySet([kvno, setAt, keys]: PackedKeySet): StoredKeySet {
  return { kvno, setAt, keys: keys.map(([keytype, keyvalue, salt]) => ({ keytype, keyvalue, salt })) };
}
