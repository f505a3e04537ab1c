/** `y yes true t 1 on` and `n no false nil 0 off`, in any case; anything else is `undefined`. */
export function parseConfBoolean(text: string): boolean | undefined {
  const word = text.trim().toLowerCase();
  if (["y", "yes", "true", "t", "1", "on"].includes(word)) return true;
  if (["n", "no", "false", "nil", "0", "off"].includes(word)) return false;
  return undefined;
}

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/**
 * A duration of krb5.conf in milliseconds: seconds (`600`), units (`1d 2h 30m 5s`), or clock form (`10:00`, `10:00:30`,
 * `1-10:00:30` with days). Anything else is `undefined`.
 */
export function parseConfDuration(text: string): number | undefined {
  const words = text.trim().toLowerCase();
  if (/^\d{1,10}$/.test(words)) return Number(words) * second;
  const clock = /^(?:(\d{1,6})-)?(\d{1,6}):(\d{1,2})(?::(\d{1,2}))?$/.exec(words);
  if (clock !== null) return sum(clock.slice(1));
  const units = /^(?:(\d{1,6})\s*d)?\s*(?:(\d{1,6})\s*h)?\s*(?:(\d{1,8})\s*m)?\s*(?:(\d{1,10})\s*s?)?$/.exec(
    words,
  );
  return units === null || words === "" ? undefined : sum(units.slice(1));
}

function sum([days, hours, minutes, seconds]: readonly (string | undefined)[]): number {
  const of = (text: string | undefined, unit: number): number =>
    text === undefined ? 0 : Number(text) * unit;
  return of(days, day) + of(hours, hour) + of(minutes, minute) + of(seconds, second);
}
