import type { Clock, EpochMs } from "@waybill/base";
import type { Account, DirectoryView } from "@waybill/directory";
import {
  activeDirectory,
  type KdcProfile,
  type KdcProfileName,
  kdcProfiles,
  type Subject,
  subjectOf,
} from "@waybill/kdc";
import { withKrbtgt } from "../repair/view-after.ts";

/** What every step of a prediction looks at. */
export interface PredictionContext {
  readonly view: DirectoryView;
  readonly profile: KdcProfile;
  readonly now: EpochMs;
  subject(account: Account): Subject;
}

export interface PredictionSettings {
  /** The make of KDC; Active Directory unless told. */
  readonly profile?: KdcProfile | KdcProfileName | undefined;
  /** The moment expiry and locks are judged at; now unless told. */
  readonly now?: EpochMs | undefined;
  readonly clock?: Clock | undefined;
}

export function predictionContext(
  source: DirectoryView,
  settings: PredictionSettings = {},
): PredictionContext {
  const { profile = activeDirectory } = settings;
  const view = withKrbtgt(source);
  const subjects = new Map<string, Subject>();
  return {
    view,
    profile: typeof profile === "string" ? kdcProfiles[profile] : profile,
    now: settings.now ?? settings.clock?.now() ?? Date.now(),
    subject: (account) => {
      let subject = subjects.get(account.sid);
      if (subject === undefined || subject.account !== account) {
        subject = subjectOf(view, account);
        subjects.set(account.sid, subject);
      }
      return subject;
    },
  };
}
