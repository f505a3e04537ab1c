import type { Account } from "@waybill/directory";
import {
  type AccountReading,
  type ControllerReading,
  comparable,
  replicatedAttributes,
} from "./controller-reading.ts";

/** One attribute of one account that is not the same everywhere. */
export interface ReplicationDifference {
  readonly account: Account;
  /** "" when the whole account is missing somewhere. */
  readonly attribute: string;
  readonly at: readonly {
    readonly controller: ControllerReading;
    /** `undefined`: this controller does not have the account. */
    readonly reading: AccountReading | undefined;
  }[];
  /** Who has the latest value, as far as the controllers' own notes tell. */
  readonly latest: ControllerReading | undefined;
}

/** Compares what the controllers that answered say of some accounts. */
export function compareControllers(
  readings: readonly ControllerReading[],
  accounts: readonly Account[],
): ReplicationDifference[] {
  const answered = readings.filter(({ failure }) => failure === undefined);
  if (answered.length < 2) return [];
  return accounts.flatMap((account) => {
    const at = answered.map((controller) => ({ controller, reading: controller.accounts.get(account.sid) }));
    const have = at.filter(({ reading }) => reading !== undefined);
    if (have.length === 0) return [];
    if (have.length < at.length) return [{ account, attribute: "", at, latest: undefined }];
    return replicatedAttributes.flatMap((attribute): ReplicationDifference[] => {
      const key = attribute.toLowerCase();
      // Hidden from the reader on one of them is no difference.
      const visible = at.filter(({ reading }) => reading?.values.has("useraccountcontrol") === true);
      const forms = new Set(visible.map(({ reading }) => comparable(key, reading?.values.get(key) ?? [])));
      return forms.size < 2 ? [] : [{ account, attribute, at: visible, latest: latestOf(visible, key) }];
    });
  });
}

function latestOf(at: ReplicationDifference["at"], attribute: string): ReplicationDifference["latest"] {
  const stamped = at.map(({ controller, reading }) => {
    const stamp = reading?.stamps.get(attribute);
    return { controller, version: stamp?.version ?? 0, changed: stamp?.changed ?? 0 };
  });
  const [first, second] = stamped.toSorted(
    (left, right) => right.version - left.version || right.changed - left.changed,
  );
  if (first === undefined || first.version === 0) return undefined;
  return first.version === second?.version && first.changed === second.changed ? undefined : first.controller;
}
