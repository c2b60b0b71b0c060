// Seconds since 1970 as a date of the Gregorian calendar and back, and the form in which an MC146818 tells the parts of
// it.

const SECONDS_A_DAY: i64 = 86400;
const DAYS_A_WEEK: i64 = 7;
/** The first of January 1970 was a Thursday; Sunday is 0 here. */
const WEEKDAY_OF_1970: i64 = 4;

/** Days of 400 years, and from the first of March 0000 to the first of January 1970. */
const DAYS_AN_ERA: i64 = 146097;
const DAYS_BEFORE_1970: i64 = 719468;

function floorDivide(value: i64, divisor: i64): i64 {
  const quotient = value / divisor;
  return value % divisor < 0 ? quotient - 1 : quotient;
}

export function toBcd(value: u32): u8 {
  return <u8>(((value / 10) << 4) | (value % 10));
}

/** Digits above 9 count as what they are: any byte means something. */
export function fromBcd(value: u8): u32 {
  return 10 * <u32>(value >> 4) + <u32>(value & 15);
}

/** A date and a time of day. */
export class Calendar {
  second: u32 = 0;
  minute: u32 = 0;
  /** 0 to 23. */
  hour: u32 = 0;
  /** 0 is Sunday. */
  weekday: u32 = 0;
  /** From 1, as months are. */
  day: u32 = 1;
  month: u32 = 1;
  year: i64 = 1970;

  /** Sets all of it to `seconds` since 1970, before 1970 if that is negative. */
  set(seconds: i64): void {
    const days = floorDivide(seconds, SECONDS_A_DAY);
    const rest = <u32>(seconds - days * SECONDS_A_DAY);
    this.second = rest % 60;
    this.minute = (rest / 60) % 60;
    this.hour = rest / 3600;
    const weekday = (days + WEEKDAY_OF_1970) % DAYS_A_WEEK;
    this.weekday = <u32>(weekday < 0 ? weekday + DAYS_A_WEEK : weekday);
    this.setDate(days + DAYS_BEFORE_1970);
  }

  /** Seconds since 1970. Parts that are too large, but the month, run over into the next one. */
  get seconds(): i64 {
    // Years begin in March, so that a leap day is the last one.
    const year = this.month <= 2 ? this.year - 1 : this.year;
    const month: i64 = (this.month + 9) % 12;
    const era = floorDivide(year, 400);
    const yearOfEra = year - era * 400;
    const dayOfYear = (153 * month + 2) / 5 + <i64>this.day - 1;
    const dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    const days = era * DAYS_AN_ERA + dayOfEra - DAYS_BEFORE_1970;
    return days * SECONDS_A_DAY + <i64>this.hour * 3600 + <i64>this.minute * 60 + <i64>this.second;
  }

  /** `days` since the first of March 0000. */
  private setDate(days: i64): void {
    const era = floorDivide(days, DAYS_AN_ERA);
    const dayOfEra = days - era * DAYS_AN_ERA;
    const yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146096) / 365;
    const dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    const month = (5 * dayOfYear + 2) / 153;
    this.day = <u32>(dayOfYear - (153 * month + 2) / 5 + 1);
    this.month = <u32>(month < 10 ? month + 3 : month - 9);
    this.year = yearOfEra + era * 400 + (this.month <= 2 ? 1 : 0);
  }
}
