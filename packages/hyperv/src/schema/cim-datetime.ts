import type { EpochMs } from "@waybill/base";

/** `20261122170000.000000+000`: a moment in CIM's own notation (DSP0004 section 5.2.4), always in UTC. */
export function formatCimMoment(moment: EpochMs): string {
  const iso = new Date(moment).toISOString();
  return `${iso.slice(0, 19).replace(/[-T:]/g, "")}.${iso.slice(20, 23)}000+000`;
}

/** Undefined when the text is no moment. Wildcards (asterisks) for unknown parts are read as zero. */
export function parseCimMoment(text: string): EpochMs | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)\.([\d*]{6})([+-])(\d{3})$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  if (year === undefined || month === undefined || day === undefined) return undefined;
  const milliseconds = Math.floor(Number(match[7]?.replaceAll("*", "0")) / 1000);
  const utc = Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  const offset = Number(match[9]) * 60_000;
  return match[8] === "+" ? utc - offset : utc + offset;
}

/** `00000000000500.000000:000`: a span of time in CIM's notation. */
export function formatCimInterval(milliseconds: number): string {
  const total = Math.max(0, Math.floor(milliseconds));
  const part = (value: number, digits: number): string => String(value).padStart(digits, "0");
  const seconds = Math.floor(total / 1000);
  return (
    part(Math.floor(seconds / 86_400), 8) +
    part(Math.floor(seconds / 3600) % 24, 2) +
    part(Math.floor(seconds / 60) % 60, 2) +
    `${part(seconds % 60, 2)}.${part(total % 1000, 3)}000:000`
  );
}

export function parseCimInterval(text: string): number | undefined {
  const match = /^(\d{8})(\d\d)(\d\d)(\d\d)\.([\d*]{6}):000$/.exec(text);
  if (match === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1, 5).map(Number);
  const milliseconds = Math.floor(Number(match[5]?.replaceAll("*", "0")) / 1000);
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000 + milliseconds;
}
