import type { EpochMs } from "@waybill/base";
import type { AttributeValue, StoredKeySet, StoredObject } from "./stored-object.ts";

/** An object as the LMDB store packs it: attribute names as numbers of the store's own list. */
export type PackedObject = readonly [
  parentId: number,
  rdn: string,
  attributes: readonly (number | readonly AttributeValue[])[],
  keySets?: readonly PackedKeySet[],
];

type PackedKeySet = readonly [kvno: number, setAt: EpochMs, keys: readonly PackedKey[]];
type PackedKey = readonly [keytype: number, keyvalue: Uint8Array, salt?: string];

/** @param numberOf the number of an attribute name, given out when it is new */
export function packObject(object: StoredObject, numberOf: (name: string) => number): PackedObject {
  const attributes: (number | readonly AttributeValue[])[] = [];
  for (const [name, values] of object.attributes) attributes.push(numberOf(name), values);
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

export function unpackObject(
  id: number,
  packed: PackedObject,
  nameOf: (number: number) => string,
): StoredObject {
  const [parentId, rdn, pairs, keySets] = packed;
  const attributes = new Map<string, readonly AttributeValue[]>();
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at];
    const values = pairs[at + 1];
    if (typeof name === "number" && typeof values === "object") attributes.set(nameOf(name), values);
  }
  const object = { id, parentId, rdn, attributes };
  return keySets === undefined ? object : { ...object, keySets: keySets.map(unpackKeySet) };
}

function unpackKeySet([kvno, setAt, keys]: PackedKeySet): StoredKeySet {
  return { kvno, setAt, keys: keys.map(([keytype, keyvalue, salt]) => ({ keytype, keyvalue, salt })) };
}
