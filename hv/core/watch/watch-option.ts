// A watch as boot options and the VM table have it: `START-END:KIND:ACTION`.

import { indexOf } from "../boot/option-values";
import { ACTION_NAMES, Watch, WATCH_KIND_NAMES } from "./watch";

const PAGE_MASK: u64 = 0xfff;
/** RAM ends at 3 GiB; eight digits name all of it. */
const MAXIMUM_DIGITS: i32 = 8;
const MAXIMUM_WATCHES: i32 = 16;
const NOT_A_NUMBER: u64 = 0xffffffffffffffff;

/** What came of reading one: the watch, or what is wrong with it. */
export class WatchReading {
  watch: Watch | null = null;
  /** "" where there is a watch. */
  problem: string = "";

  constructor(range: string, kindName: string, actionName: string) {
    const ends = range.split("-");
    const start = ends.length == 2 ? hexadecimal(ends[0]) : NOT_A_NUMBER;
    const end = ends.length == 2 ? hexadecimal(ends[1]) : NOT_A_NUMBER;
    const kind = indexOf(WATCH_KIND_NAMES, kindName);
    const action = indexOf(ACTION_NAMES, actionName);
    if (start == NOT_A_NUMBER || end == NOT_A_NUMBER) {
      this.problem = "expected START-END in hexadecimal digits, eight at most";
    } else if (start >= end || (start | end) & PAGE_MASK) {
      this.problem = "expected START below END, both multiples of 1000 hexadecimal";
    } else if (kind < 0) this.problem = "expected nofetch, nowrite or noaccess";
    else if (action < 0) this.problem = "expected log, count, step, fault, dump or emulate";
    else this.watch = new Watch(start, end, <u32>kind, <u32>action);
  }
}

/** Adds `watch` to those of its VM; returns why it cannot be there, "" if it can. */
export function addWatch(watch: Watch, watches: Array<Watch>): string {
  if (watches.length == MAXIMUM_WATCHES) return "at most 16 ranges of one VM are watched";
  for (let i = 0; i < watches.length; i++) {
    if (watch.start < watches[i].end && watches[i].start < watch.end) return "this VM has a watch there already";
  }
  watches.push(watch);
  return "";
}

function hexadecimal(digits: string): u64 {
  if (digits.length == 0 || digits.length > MAXIMUM_DIGITS) return NOT_A_NUMBER;
  let value: u64 = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = <u64>"0123456789abcdef".indexOf(digits.charAt(i).toLowerCase());
    if (digit >= 16) return NOT_A_NUMBER;
    value = value * 16 + digit;
  }
  return value;
}
