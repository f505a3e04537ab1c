import type { Clock } from "@waybill/base";
import { type Account, checkNewPassword, DirectoryError, type WritableDirectory } from "@waybill/directory";
import type { AccountStateWriter } from "./kdc-context.ts";

/** Changes passwords on behalf of somebody who has proved who they are. */
export interface PasswordWriter {
  /** The owner's own change. @throws DirectoryError PASSWORD_POLICY */
  changeOwn(account: Account, password: string): void;
  /** A reset by somebody else. @throws DirectoryError ACCESS_DENIED, PASSWORD_POLICY */
  reset(account: Account, password: string, by: Account): void;
}

/** Lockout counters of a directory. Nothing is written while the domain locks nobody out. */
export function accountStateOf(directory: WritableDirectory): AccountStateWriter {
  return {
    badPassword: (account) => {
      if (directory.domain.lockout.threshold > 0) directory.recordLogonFailure(account.sid);
    },
    goodPassword: (account) => {
      directory.recordLogonSuccess(account.sid);
    },
  };
}

/** Passwords of a directory: the domain's policy for everyone, resets for administrators. */
export function passwordsOf(directory: WritableDirectory, clock: Clock): PasswordWriter {
  return {
    changeOwn: (account, password) => {
      const { minAge } = directory.domain.passwords;
      const { passwordLastSet } = account;
      if (
        account.kind === "user" &&
        passwordLastSet !== undefined &&
        clock.now() < passwordLastSet + minAge
      ) {
        throw new DirectoryError("the password was changed too lately to be changed again", {
          code: "PASSWORD_POLICY",
          family: "caller",
          facts: { minAge },
        });
      }
      checkNewPassword(directory.domain, account, password);
      directory.setPassword(account.sid, password);
    },
    reset: (account, password, by) => {
      if (!mayReset(directory, by)) {
        throw new DirectoryError(
          `${by.samAccountName} may not set the password of ${account.samAccountName}`,
          {
            code: "ACCESS_DENIED",
            family: "caller",
          },
        );
      }
      checkNewPassword(directory.domain, account, password);
      directory.setPassword(account.sid, password);
    },
  };
}

const administrators = "S-1-5-32-544";

function mayReset(directory: WritableDirectory, by: Account): boolean {
  return directory.tokenSids(by).includes(administrators);
}
