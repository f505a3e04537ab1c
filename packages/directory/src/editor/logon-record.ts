import type { Account } from "../model/account.ts";
import { toFiletime } from "../names/filetime.ts";
import type { DirectoryEditor } from "./directory-editor.ts";

/** Counts a wrong password; locks the account when the domain's threshold is reached. */
export function recordLogonFailure(editor: DirectoryEditor, sid: string): Account {
  const before = editor.account(sid);
  const now = editor.clock.now();
  const { threshold, observationWindow } = editor.reader.domain.lockout;
  const forgotten = before.badPasswordTime === undefined || before.badPasswordTime + observationWindow < now;
  const count = (forgotten ? 0 : before.badPasswordCount) + 1;
  const lock = threshold > 0 && count >= threshold ? { lockoutTime: toFiletime(now) } : {};
  return editor.setAttributes(sid, {
    badPwdCount: String(count),
    badPasswordTime: toFiletime(now),
    ...lock,
  });
}

/** Forgets wrong passwords and notes the logon. */
export function recordLogonSuccess(editor: DirectoryEditor, sid: string): Account {
  const before = editor.account(sid);
  return editor.setAttributes(sid, {
    badPwdCount: "0",
    lockoutTime: undefined,
    lastLogon: toFiletime(editor.clock.now()),
    logonCount: String(before.logonCount + 1),
  });
}
