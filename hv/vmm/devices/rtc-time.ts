// The time registers of an MC146818 (data sheet, "Time, Calendar, and Alarm Locations"): bytes in the form that
// register B asks for, and when an alarm's bytes next fit.

import { Calendar, fromBcd, toBcd } from "./rtc-calendar";

// The registers, among them IBM's place for the century.
export const RTC_SECONDS: u32 = 0x00;
export const RTC_SECONDS_ALARM: u32 = 0x01;
export const RTC_MINUTES: u32 = 0x02;
export const RTC_MINUTES_ALARM: u32 = 0x03;
export const RTC_HOURS: u32 = 0x04;
export const RTC_HOURS_ALARM: u32 = 0x05;
export const RTC_WEEKDAY: u32 = 0x06;
export const RTC_DAY: u32 = 0x07;
export const RTC_MONTH: u32 = 0x08;
export const RTC_YEAR: u32 = 0x09;
export const RTC_CENTURY: u32 = 0x32;

/** Bits of register B. */
export const RTC_IS_BINARY: u8 = 0x04;
export const RTC_HAS_24_HOURS: u8 = 0x02;

/** Of an hour from 1 to 12. */
const AFTERNOON: u8 = 0x80;
/** An alarm byte with both bits fits any value. */
const ANY_VALUE: u8 = 0xc0;
const ANY: u32 = 0xffffffff;

const SECONDS_A_DAY: u32 = 86400;
/** There is no such time of day. */
const NONE: u32 = 0xffffffff;

export class RtcTime {
  private readonly calendar: Calendar = new Calendar();
  /** What the weekday's register is ahead of the calendar's: the chip counts it on from whatever it is set to. */
  weekdayOffset: u32 = 0;

  constructor(private readonly registers: StaticArray<u8>) {}

  /** Whether a register belongs to the time. */
  isTime(index: u32): bool {
    return index == RTC_CENTURY || (index <= RTC_YEAR && (index > RTC_HOURS_ALARM || (index & 1) == 0));
  }

  /** Sets the registers to `seconds` since 1970, in the form that `registerB` asks for. */
  store(seconds: i64, registerB: u8): void {
    const date = this.calendar;
    date.set(seconds);
    const isBinary = (registerB & RTC_IS_BINARY) != 0;
    this.put(RTC_SECONDS, date.second, isBinary);
    this.put(RTC_MINUTES, date.minute, isBinary);
    this.putHour(date.hour, registerB);
    this.put(RTC_WEEKDAY, ((date.weekday + this.weekdayOffset) % 7) + 1, isBinary);
    this.put(RTC_DAY, date.day, isBinary);
    this.put(RTC_MONTH, date.month, isBinary);
    this.put(RTC_YEAR, <u32>(date.year % 100), isBinary);
    this.put(RTC_CENTURY, <u32>((date.year / 100) % 100), isBinary);
  }

  /** Seconds since 1970 as the registers tell them. Values that are none give some time. */
  load(registerB: u8): i64 {
    const date = this.calendar;
    const isBinary = (registerB & RTC_IS_BINARY) != 0;
    date.second = this.get(RTC_SECONDS, isBinary);
    date.minute = this.get(RTC_MINUTES, isBinary);
    date.hour = this.hourOf(this.registers[RTC_HOURS], registerB);
    date.day = this.get(RTC_DAY, isBinary);
    date.month = this.get(RTC_MONTH, isBinary);
    date.year = 100 * <i64>this.get(RTC_CENTURY, isBinary) + <i64>this.get(RTC_YEAR, isBinary);
    const seconds = date.seconds;
    const weekday = this.get(RTC_WEEKDAY, isBinary);
    date.set(seconds);
    this.weekdayOffset = (weekday + 6 + 7 - date.weekday) % 7;
    return seconds;
  }

  /** The first second behind `seconds` that the alarm's bytes fit; i64.MAX_VALUE where there is none. */
  nextAlarm(seconds: i64, registerB: u8): i64 {
    this.calendar.set(seconds);
    const isBinary = (registerB & RTC_IS_BINARY) != 0;
    const second = this.alarmPart(RTC_SECONDS_ALARM, isBinary);
    const minute = this.alarmPart(RTC_MINUTES_ALARM, isBinary);
    const hourByte = this.registers[RTC_HOURS_ALARM];
    const isAnyHour = (hourByte & ANY_VALUE) == ANY_VALUE;
    const hour = isAnyHour ? ANY : this.hourOf(hourByte, registerB);
    const ofDay = this.calendar.hour * 3600 + this.calendar.minute * 60 + this.calendar.second;
    const today = seconds - <i64>ofDay;
    const later = this.firstFit(ofDay + 1, hour, minute, second);
    if (later != NONE) return today + later;
    const tomorrow = this.firstFit(0, hour, minute, second);
    return tomorrow == NONE ? i64.MAX_VALUE : today + SECONDS_A_DAY + tomorrow;
  }

  /** The first second of the day from `start` on that has these parts, or NONE. */
  private firstFit(start: u32, hour: u32, minute: u32, second: u32): u32 {
    if (start >= SECONDS_A_DAY) return NONE;
    if ((second != ANY && second >= 60) || (minute != ANY && minute >= 60)) return NONE;
    const firstSecond = second == ANY ? 0 : second;
    const firstMinute = minute == ANY ? 0 : minute;
    let at = second == ANY ? start : start + ((second + 60 - (start % 60)) % 60);
    const minutesToGo = minute == ANY ? 0 : (minute + 60 - ((at / 60) % 60)) % 60;
    if (minutesToGo != 0) at = (at / 60 + minutesToGo) * 60 + firstSecond;
    const atHour = at / 3600;
    if (hour != ANY && hour > atHour) at = hour * 3600 + firstMinute * 60 + firstSecond;
    return at >= SECONDS_A_DAY || (hour != ANY && hour < atHour) ? NONE : at;
  }

  private alarmPart(index: u32, isBinary: bool): u32 {
    const value = this.registers[index];
    return (value & ANY_VALUE) == ANY_VALUE ? ANY : this.get(index, isBinary);
  }

  private hourOf(value: u8, registerB: u8): u32 {
    const isBinary = (registerB & RTC_IS_BINARY) != 0;
    if (registerB & RTC_HAS_24_HOURS) return isBinary ? value : fromBcd(value);
    const half = value & ~AFTERNOON;
    const hour = (isBinary ? <u32>half : fromBcd(half)) % 12;
    return value & AFTERNOON ? hour + 12 : hour;
  }

  private putHour(hour: u32, registerB: u8): void {
    const isBinary = (registerB & RTC_IS_BINARY) != 0;
    if (registerB & RTC_HAS_24_HOURS) return this.put(RTC_HOURS, hour, isBinary);
    this.put(RTC_HOURS, hour % 12 == 0 ? 12 : hour % 12, isBinary);
    if (hour >= 12) this.registers[RTC_HOURS] |= AFTERNOON;
  }

  private put(index: u32, value: u32, isBinary: bool): void {
    this.registers[index] = isBinary ? <u8>value : toBcd(value);
  }

  private get(index: u32, isBinary: bool): u32 {
    const value = this.registers[index];
    return isBinary ? <u32>value : fromBcd(value);
  }
}
