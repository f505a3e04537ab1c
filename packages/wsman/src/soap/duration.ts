/** An xs:duration of days and smaller parts in milliseconds; undefined when it is none (years and months vary). */
export function parseDuration(text: string): number | undefined {
  const match =
    /^P(?:0+Y)?(?:0+M)?(?:(\d{1,9})D)?(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9}(?:\.\d{1,9})?)S)?)?$/.exec(
      text.trim(),
    );
  if (match === null || !/\d/.test(text) || text.trim().endsWith("T")) return undefined;
  const [, days, hours, minutes, seconds] = match;
  const part = (value: string | undefined): number => (value === undefined ? 0 : Number(value));
  return Math.round(((part(days) * 24 + part(hours)) * 60 + part(minutes)) * 60_000 + part(seconds) * 1000);
}

/** `PT20.000S`: the form WinRM itself writes. */
export function formatDuration(milliseconds: number): string {
  return `PT${(Math.max(0, milliseconds) / 1000).toFixed(3)}S`;
}
