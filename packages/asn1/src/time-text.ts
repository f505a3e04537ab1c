/**
 * GeneralizedTime as RFC 4120 section 5.2.3 has it, `YYYYMMDDHHMMSSZ`, from and to octets. Every ticket holds
 * half a dozen of them; going through Date and strings took most of the time of encoding one.
 */
const length = "YYYYMMDDHHMMSSZ".length;
const zone = 0x5a;
const zero = 0x30;
const msPerDay = 86_400_000;
/** Days of 400 years of the Gregorian calendar, and from 0000-03-01 to 1970-01-01. */
const daysPerEra = 146_097;
const epochDays = 719_468;

/** Epoch milliseconds, or `undefined` for anything but a time that exists. */
export function readTime(bytes: Uint8Array, start: number, size: number): number | undefined {
  if (size !== length || bytes[start + length - 1] !== zone) return undefined;
  for (let at = start; at < start + length - 1; at++) {
    const octet = bytes[at] ?? 0;
    if (octet < zero || octet > zero + 9) return undefined;
  }
  const year = two(bytes, start) * 100 + two(bytes, start + 2);
  const month = two(bytes, start + 4);
  const day = two(bytes, start + 6);
  const hour = two(bytes, start + 8);
  const minute = two(bytes, start + 10);
  const second = two(bytes, start + 12);
  if (month < 1 || month > 12 || day < 1 || day > daysIn(month, year)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return dayNumber(year, month, day) * msPerDay + ((hour * 60 + minute) * 60 + second) * 1000;
}

const octets = new Uint8Array(length).fill(zone);

/** The fifteen octets, good until the next call, or `undefined` outside the years 1 to 9999. A fraction of a second is cut off. */
export function timeText(time: number): Uint8Array | undefined {
  const days = Math.floor(time / msPerDay);
  const seconds = Math.floor((time - days * msPerDay) / 1000);
  // Years begin in March here, so that the leap day is their last.
  const shifted = days + epochDays;
  const era = Math.floor(shifted / daysPerEra);
  const dayOfEra = shifted - era * daysPerEra;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  if (!(year >= 1 && year <= 9999)) return undefined;
  put(0, Math.floor(year / 100));
  put(2, year % 100);
  put(4, month);
  put(6, dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1);
  put(8, Math.floor(seconds / 3600));
  put(10, Math.floor(seconds / 60) % 60);
  put(12, seconds % 60);
  return octets;
}

function two(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) - zero) * 10 + (bytes[at + 1] ?? 0) - zero;
}

function put(at: number, value: number): void {
  octets[at] = zero + Math.floor(value / 10);
  octets[at + 1] = zero + (value % 10);
}

function daysIn(month: number, year: number): number {
  if (month !== 2) return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
}

function dayNumber(year: number, month: number, day: number): number {
  const shifted = month > 2 ? year : year - 1;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * daysPerEra + dayOfEra - epochDays;
}
