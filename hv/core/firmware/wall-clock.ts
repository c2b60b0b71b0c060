// The time of day by the machine's real-time clock (Motorola MC146818 data sheet), which is taken to be UTC.

import { in8, out8 } from "../hardware";

const INDEX_PORT: u32 = 0x70;
const DATA_PORT: u32 = 0x71;
/** Bit 7 of the index port masks NMIs: it stays 0, as firmware leaves it. */
const SECONDS: u32 = 0;
const MINUTES: u32 = 2;
const HOURS: u32 = 4;
const DAY: u32 = 7;
const MONTH: u32 = 8;
const YEAR: u32 = 9;
const REGISTER_A: u32 = 10;
const A_UPDATE_IN_PROGRESS: u32 = 0x80;
const REGISTER_B: u32 = 11;
const B_IS_BINARY: u32 = 0x04;
const B_HAS_24_HOURS: u32 = 0x02;
const HOURS_PM: u32 = 0x80;
/** An update takes 2 ms at most; a read of a port about a microsecond. */
const MAXIMUM_READS: u32 = 20000;

/** Two digits of a year from here on are of the last century. */
const FIRST_YEAR: u32 = 70;
const SECONDS_OF_DAY: u64 = 86400;

/** Seconds since 1970; 0 where the clock does not tell a time. */
export function wallClockSeconds(): u64 {
  for (let reads: u32 = 0; reads < MAXIMUM_READS; reads++) {
    if (readRegister(REGISTER_A) & A_UPDATE_IN_PROGRESS) continue;
    const seconds = readRegister(SECONDS);
    const time = readTime(seconds);
    // An update may have come in between.
    if (readRegister(SECONDS) == seconds) return time;
  }
  return 0;
}

function readRegister(register: u32): u32 {
  out8(INDEX_PORT, register);
  return in8(DATA_PORT);
}

function readTime(rawSeconds: u32): u64 {
  const mode = readRegister(REGISTER_B);
  const isBinary = (mode & B_IS_BINARY) != 0;
  const seconds = number(rawSeconds, isBinary);
  const minutes = number(readRegister(MINUTES), isBinary);
  const rawHours = readRegister(HOURS);
  const hours = hourOfDay(number(rawHours & ~HOURS_PM, isBinary), rawHours, (mode & B_HAS_24_HOURS) != 0);
  const day = number(readRegister(DAY), isBinary);
  const month = number(readRegister(MONTH), isBinary);
  const year = number(readRegister(YEAR), isBinary);
  if (seconds > 59 || minutes > 59 || hours > 23 || day < 1 || day > 31 || month < 1 || month > 12 || year > 99)
    return 0;
  const fullYear: u32 = year < FIRST_YEAR ? 2000 + year : 1900 + year;
  return daysSince1970(fullYear, month, day) * SECONDS_OF_DAY + hours * 3600 + minutes * 60 + seconds;
}

function number(raw: u32, isBinary: bool): u32 {
  return isBinary ? raw : (raw >> 4) * 10 + (raw & 0xf);
}

function hourOfDay(hours: u32, raw: u32, has24: bool): u32 {
  if (has24) return raw & HOURS_PM ? 24 : hours;
  return (hours % 12) + (raw & HOURS_PM ? 12 : 0);
}

/** Of the Gregorian calendar, from 1970 to 2069. March is the first month of a year here, so that a leap day is its last. */
function daysSince1970(year: u32, month: u32, day: u32): u64 {
  const y: u32 = month > 2 ? year : year - 1;
  const m: u32 = month > 2 ? month - 3 : month + 9;
  const days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
  return days - 719468;
}
